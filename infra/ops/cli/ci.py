"""Steps of the preview workflow; anybody can run them by hand."""

import os
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, ci_app
from infra.ops.console import screen

TOKEN_VARIABLE = "PLINTH_FORGE_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable with the forge's token; an option would show it to every process of the machine."""


@ci_app.command("affected")
def ci_affected(
    base: Annotated[str, typer.Option(help="Commit or branch that the change starts from.")] = "origin/main",
    as_json: Json = False,
) -> None:
    """Say which stacks a change concerns: those whose file changed, all when the program did."""
    from infra.ops import pull_requests

    found = pull_requests.affected(pull_requests.changed_files(base), pull_requests.stacks())
    if as_json:
        screen.json(found)
    else:
        screen.out.print("\n".join(found) or "none", markup=False)


@ci_app.command("comment")
def ci_comment(  # noqa: PLR0917 - Typer reads options from parameters
    report: Annotated[Path, typer.Option(help="report.json of the preview; may be missing, which fails.")],
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack that the report must be about.")],
    commit: Annotated[str, typer.Option(help="Commit that gets the check.")],
    repository: Annotated[str, typer.Option(help="owner/name on GitHub; number or path on GitLab.")],
    api: Annotated[str, typer.Option(help="Address of the forge's API.")] = "https://api.github.com",
    forge: Annotated[str, typer.Option(help="github or gitlab.")] = "github",
    change: Annotated[
        int | None,
        typer.Option("--pull", help="Number of the pull request; found by its last commit otherwise."),
    ] = None,
    links: Annotated[str, typer.Option(help="Address of the repository's files at this commit.")] = "",
    full: Annotated[str, typer.Option(help="Address of the full report.")] = "",
    as_json: Json = False,
) -> None:
    """Post a preview's report as the one comment of its stack, and set its check; exit code 4: refused.

    The token comes from PLINTH_FORGE_TOKEN. The comment is written here from the report's data, so that a
    report made by a fork's code can bring values and no markup. Where the forge refuses, nothing is set to
    success.
    """
    from infra.ops import forge as forges
    from infra.ops import pull_requests

    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise PlinthError(
            "There is no token for the forge.", where=TOKEN_VARIABLE, fix="Set it from the job's own token."
        )
    if stack not in pull_requests.stacks():
        raise PlinthError(
            f"There is no stack '{stack}'.",
            fix=f"Use one of: {', '.join(pull_requests.stacks())}.",
            code=Exit.SETTINGS,
        )
    if forge not in ("github", "gitlab"):
        raise PlinthError(f"There is no forge '{forge}'.", fix="--forge github or gitlab", code=Exit.USAGE)
    made: forges.Forge = (forges.GitHub if forge == "github" else forges.GitLab)(api, repository, token)
    number = change if change is not None else made.change_of(commit)
    posted = pull_requests.post(
        made, report, stack=stack, change=number, commit=commit, links=links, full=full
    )
    if as_json:
        screen.json({"stack": stack, "pull": number, "accepted": posted.accepted, "comment": posted.comment})
    else:
        screen.out.print(f"{stack}: {posted.description} {posted.comment}", markup=False)
    if not posted.accepted:
        raise typer.Exit(Exit.REFUSED)
