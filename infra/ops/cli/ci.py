"""Steps of the preview workflow; anybody can run them by hand."""

from pathlib import Path
from typing import Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, ci_app
from infra.ops.cli.forges import GITHUB, Api, ForgeKind, Repository, forge_of
from infra.ops.console import screen


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
    repository: Repository,
    api: Api = GITHUB,
    forge: ForgeKind = "github",
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
    from infra.ops import pull_requests

    if stack not in pull_requests.stacks():
        raise PlinthError(
            f"There is no stack '{stack}'.",
            fix=f"Use one of: {', '.join(pull_requests.stacks())}.",
            code=Exit.SETTINGS,
        )
    made = forge_of(forge, api, repository)
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


@ci_app.command("comments")
def ci_comments(  # noqa: PLR0917 - Typer reads options from parameters
    reports: Annotated[Path, typer.Option(help="Folder with preview-STACK/report.json for each stack.")],
    commit: Annotated[str, typer.Option(help="Last commit of the pull request; gets the checks.")],
    repository: Repository,
    api: Api = GITHUB,
    forge: ForgeKind = "github",
    links: Annotated[str, typer.Option(help="Address of the repository's files at this commit.")] = "",
    full: Annotated[str, typer.Option(help="Address of the full reports.")] = "",
    as_json: Json = False,
) -> None:
    """Post the reports of the stacks that a change concerns; set every check; exit code 4: refused.

    Which stacks it concerns comes from the forge's list of files. A concerned stack without a report fails.
    """
    from infra.ops import pull_requests

    posted = pull_requests.post_all(
        forge_of(forge, api, repository), reports, commit=commit, links=links, full=full
    )
    if as_json:
        screen.json([{"stack": p.stack, "accepted": p.accepted, "said": p.description} for p in posted])
    else:
        for one in posted:
            screen.out.print(f"{one.stack}: {one.description} {one.comment}", markup=False)
    if not all(one.accepted for one in posted):
        raise typer.Exit(Exit.REFUSED)
