"""What one environment hands on to the next."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, app
from infra.ops.cli.forges import GITHUB, Api, ForgeKind, Remote, Repository, forge_of
from infra.ops.console import screen

if TYPE_CHECKING:
    from infra.ops.promotion import Promotion


@app.command()
def promote(  # noqa: PLR0917 - Typer reads options from parameters
    source: Annotated[str, typer.Option("--from", help="Environment in which it was tried.")] = "staging",
    target: Annotated[str, typer.Option("--to", help="Environment that gets it.")] = "prod",
    branch: Annotated[
        str | None, typer.Option(help="Commit it on this new branch, ready for a pull request.")
    ] = None,
    opened: Annotated[
        bool, typer.Option("--open", help="Push the branch and open it on the forge, or renew what is open.")
    ] = False,
    repository: Repository = "",
    api: Api = GITHUB,
    forge: ForgeKind = "github",
    remote: Remote = "origin",
    patch: Annotated[Path | None, typer.Option(help="Write it to this file, for `git apply`.")] = None,
    as_json: Json = False,
) -> None:
    """Show what one environment runs and another one does not yet, and open it as a change.

    Versions, models and services move; sizes, addresses, accounts and budgets belong to their environment
    and are only shown. The working tree is not touched. A change is made only of models whose contracts hold
    where they were tried (exit code 4).
    """
    from infra.ops import emulated, promotion, proposals

    if source == target:
        raise PlinthError(
            "An environment cannot be promoted to itself.", fix="--from staging --to prod", code=Exit.USAGE
        )
    if opened and not repository:
        raise PlinthError(
            "Whose repository is it opened in?", fix="--open --repository OWNER/NAME", code=Exit.USAGE
        )
    found = promotion.plan(emulated.stack_file(source), emulated.stack_file(target))
    promotion.require_contracts(found, emulated.stack_file(source), made=bool(opened or branch or patch))
    commit, where = None, None
    if patch is not None and found.diff:
        patch.write_text(found.diff, encoding="utf-8")
    if opened and found.diff:
        proposal = promotion.proposal(found, branch or f"{proposals.OWN}promote-{source}-to-{target}")
        where = proposals.open_change(proposal, forge_of(forge, api, repository), remote=remote)
    elif branch and found.diff:
        commit = proposals.branch(promotion.proposal(found, branch))
    if as_json:
        screen.json({**found.document(), "commit": commit, "change": where})
        return
    _show(found)
    if where:
        screen.out.print(f"Opened: {where}", markup=False)
    elif commit:
        screen.out.print(
            f"Branch {branch} is at {commit}. Push it and open a pull request; its preview says the rest."
        )
    elif patch is not None and found.diff:
        screen.out.print(f"Written to {patch}: git apply {patch}")


def _show(found: "Promotion") -> None:
    for key, old, new in found.stays:
        screen.out.print(f"[dim]stays: {key}: {found.target} has {old!r}, {found.source} has {new!r}[/]")
    for key, old, new in found.moves:
        screen.out.print(f"[bold]moves: {key}: {old!r} -> {new!r}[/]")
    if not found.diff:
        screen.out.print(f"Nothing to promote: {found.target} runs what {found.source} runs.")
        return
    screen.out.print(found.diff, markup=False)
    screen.out.print(
        f"[dim]./plinth promote --from {found.source} --to {found.target} --open --repository OWNER/NAME "
        "opens it as a change; --branch NAME commits it here.[/]"
    )
