"""Steps of the preview workflow; anybody can run them by hand."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, ci_app
from infra.ops.console import screen

if TYPE_CHECKING:
    from infra.ops.forge import Forge

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


@ci_app.command("redact")
def ci_redact(
    state: Annotated[Path, typer.Option(help="State file, or what `pulumi stack export` printed.")],
    output: Annotated[Path, typer.Option(help="File for the copy.")],
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack whose state it is.")] = "prod",
) -> None:
    """Write a copy of a stack's state without secrets and account number, for `preview --emulate --base`.

    Run it in the deploying job, which may read the state; pull requests get the copy and nothing else.
    """
    import yaml

    from infra.ops import emulated, redaction
    from infra.settings import Settings

    settings = Settings.from_file(emulated.stack_file(stack), environ={})
    local = yaml.safe_load(emulated.stack_file("local").read_text(encoding="utf-8"))
    try:
        text = state.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise PlinthError(f"The state file {state} cannot be read.", fix="--state FILE") from None
    copy = redaction.redacted(
        text,
        stack=stack,
        account_id=settings.aws.account_id,
        local_account_id=str(emulated.OVERRIDES["plinth:aws"]["account_id"]),
        salt=str(local["encryptionsalt"]),
    )
    output.write_text(copy, encoding="utf-8")
    screen.out.print(f"{output}: {copy.count(chr(10))} lines, no secret in them.", markup=False)


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
    from infra.ops import pull_requests

    if stack not in pull_requests.stacks():
        raise PlinthError(
            f"There is no stack '{stack}'.",
            fix=f"Use one of: {', '.join(pull_requests.stacks())}.",
            code=Exit.SETTINGS,
        )
    made = _forge(forge, api, repository)
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
    repository: Annotated[str, typer.Option(help="owner/name on GitHub; number or path on GitLab.")],
    api: Annotated[str, typer.Option(help="Address of the forge's API.")] = "https://api.github.com",
    forge: Annotated[str, typer.Option(help="github or gitlab.")] = "github",
    links: Annotated[str, typer.Option(help="Address of the repository's files at this commit.")] = "",
    full: Annotated[str, typer.Option(help="Address of the full reports.")] = "",
    as_json: Json = False,
) -> None:
    """Post the reports of the stacks that a change concerns; set every check; exit code 4: refused.

    Which stacks it concerns comes from the forge's list of files. A concerned stack without a report fails.
    """
    from infra.ops import pull_requests

    posted = pull_requests.post_all(
        _forge(forge, api, repository), reports, commit=commit, links=links, full=full
    )
    if as_json:
        screen.json([{"stack": p.stack, "accepted": p.accepted, "said": p.description} for p in posted])
    else:
        for one in posted:
            screen.out.print(f"{one.stack}: {one.description} {one.comment}", markup=False)
    if not all(one.accepted for one in posted):
        raise typer.Exit(Exit.REFUSED)


@ci_app.command("waivers")
def ci_waivers(as_json: Json = False) -> None:
    """Say which waivers no longer hold: expired, not begun, or for a control that cannot be waived."""
    from policies.core.settings import ENVIRONMENTS
    from policies.waivers import apply, load

    waivers = load()
    judged = [apply((), waivers, environment, whole=False) for environment in ENVIRONMENTS]
    found = sorted({finding.message for one in judged for finding in one.findings})
    if as_json:
        screen.json({"waivers": len(waivers), "faults": found})
    else:
        screen.out.print("\n".join(found) or f"{len(waivers)} waivers, all of them hold.", markup=False)
    if found:
        raise typer.Exit(Exit.REFUSED)


def _forge(kind: str, api: str, repository: str) -> "Forge":
    """Return the forge, with the token from the environment."""
    from infra.ops import forge as forges

    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise PlinthError(
            "There is no token for the forge.", where=TOKEN_VARIABLE, fix="Set it from the job's own token."
        )
    known: dict[str, Callable[[str, str, str], Forge]] = {"github": forges.GitHub, "gitlab": forges.GitLab}
    if kind not in known:
        raise PlinthError(f"There is no forge '{kind}'.", fix="--forge github or gitlab", code=Exit.USAGE)
    return known[kind](api, repository, token)
