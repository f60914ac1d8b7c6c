"""What an environment costs, and what one environment hands on to the next."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, Stack, app
from infra.ops.console import screen


@app.command()
def cost(
    stack: Stack = "local",
    each: Annotated[
        bool, typer.Option("--lines", help="Every line: quantity, its reason, price, its date.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a month of a stack costs, part by part; exit code 4 when that is more than its budget.

    Every number is a quantity times a row of infra/prices.yaml, which carries its date and source; what is
    paid by use is taken from infra/usage.yaml, which says why. No engine, no account, no network.
    """
    from infra.ops import costs, emulated
    from infra.preview.cost import total

    today = datetime.now(UTC).date()
    settings, found = costs.lines(emulated.stack_file(stack))
    if as_json:
        screen.json(costs.document(settings, found, today=today))
    else:
        costs.show(settings, found, today=today, each=each)
    if total(found) > settings.cost.monthly_budget_usd:
        raise PlinthError(
            f"A month of stack '{stack}' costs {total(found):,.2f} USD, more than its budget of "
            f"{settings.cost.monthly_budget_usd:,} USD.",
            where=f"stacks/Pulumi.{stack}.yaml, key plinth:cost.monthly_budget_usd",
            fix="Make the dearest part above smaller, or raise the budget.",
            code=Exit.REFUSED,
        )


@app.command()
def promote(
    source: Annotated[str, typer.Option("--from", help="Environment in which it was tried.")] = "staging",
    target: Annotated[str, typer.Option("--to", help="Environment that gets it.")] = "prod",
    branch: Annotated[
        str | None, typer.Option(help="Commit it on this new branch, ready for a pull request.")
    ] = None,
    patch: Annotated[Path | None, typer.Option(help="Write it to this file, for `git apply`.")] = None,
    as_json: Json = False,
) -> None:
    """Show what one environment runs and another one does not yet, and open it as a change.

    Versions, models and services move; sizes, addresses, accounts and budgets belong to their environment
    and are only shown. The working tree is not touched.
    """
    from infra.ops import emulated, promotion

    if source == target:
        raise PlinthError(
            "An environment cannot be promoted to itself.", fix="--from staging --to prod", code=Exit.USAGE
        )
    found = promotion.plan(emulated.stack_file(source), emulated.stack_file(target))
    if patch is not None and found.diff:
        patch.write_text(found.diff, encoding="utf-8")
    commit = promotion.open_branch(found, branch) if branch and found.diff else None
    if as_json:
        screen.json({**found.document(), "commit": commit})
        return
    for key, old, new in found.stays:
        screen.out.print(f"[dim]stays: {key}: {target} has {old!r}, {source} has {new!r}[/]")
    for key, old, new in found.moves:
        screen.out.print(f"[bold]moves: {key}: {old!r} -> {new!r}[/]")
    if not found.diff:
        screen.out.print(f"Nothing to promote: {target} runs what {source} runs.")
        return
    screen.out.print(found.diff, markup=False)
    if commit:
        screen.out.print(
            f"Branch {branch} is at {commit}. Push it and open a pull request; its preview says the rest."
        )
    elif patch:
        screen.out.print(f"Written to {patch}: git apply {patch}")
    else:
        screen.out.print(
            f"./plinth promote --from {source} --to {target} --branch promote-{target} opens it as a change."
        )
