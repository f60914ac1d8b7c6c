"""Steps of the jobs that run on the default branch: after a deploy, and each night."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, Stack, ci_app
from infra.ops.cli.forges import GITHUB, Api, ForgeKind, Remote, Repository, forge_of
from infra.ops.console import Steps, screen


@ci_app.command("drift")
def ci_drift(  # noqa: PLR0917 - Typer reads options from parameters
    repository: Repository,
    stack: Stack = "local",
    api: Api = GITHUB,
    forge: ForgeKind = "github",
    remote: Remote = "origin",
    as_json: Json = False,
) -> None:
    """Find what somebody changed outside the program and propose it as a change; exit code 8: found some.

    What a setting of the stack can say is written into the stack file, on the branch plinth/drift-STACK, so
    that merging keeps it; what none can say is listed, and put back by `up --refresh`. One change for each
    stack, renewed by each run. The token comes from PLINTH_FORGE_TOKEN, git pushes with its own rights.
    """
    from infra.ops import changes, drift, drift_proposal, emulated, lock, proposals

    made = forge_of(forge, api, repository)
    file = emulated.stack_file(stack)
    settings = changes.stack_settings(file)
    steps = Steps()
    with lock.exclusive(f"ci drift --stack {stack}"), steps.shown():
        found = drift.look(settings, file, steps)
        if found:
            with steps.step("proposal"):
                proposal = drift_proposal.of(file, found)
                where = proposals.open_change(proposal, made, remote=remote)
    if not found:
        if as_json:
            screen.json({**drift.as_json([]), "stack": stack})
        else:
            screen.out.print(f"{stack}: everything is as the program left it.", markup=False)
        return
    if as_json:
        screen.json(
            {**drift.as_json(found), "stack": stack, "change": where, "files": sorted(proposal.files)}
        )
    else:
        screen.out.print(f"{proposal.title}: {where}", markup=False)
    raise typer.Exit(Exit.DIFFERS)


@ci_app.command("publish")
def ci_publish(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack on AWS that was just deployed.")],
    as_json: Json = False,
) -> None:
    """After a deploy: put a copy of the state without secrets beside it, for previews of pull requests.

    Needs the deployer's credentials. Reads the state from its bucket, writes redacted/STACK.json there.
    """
    from infra.ops import aws_access, emulated, published
    from infra.settings import Settings

    settings = Settings.from_file(emulated.stack_file(stack), environ={})
    if settings.aws.emulated:
        raise PlinthError(
            f"Stack '{stack}' lives on the laptop and has no state bucket.",
            fix=f"./plinth ci redact --stack {stack} --state FILE --output FILE",
            code=Exit.USAGE,
        )
    account, salt = _copy_has()
    where = published.publish(
        settings, aws_access.clients(settings.aws.region), local_account_id=account, salt=salt
    )
    if as_json:
        screen.json({"stack": stack, "copy": where})
    else:
        screen.out.print(f"{where}: the state of {stack} without its secrets.", markup=False)


@ci_app.command("redact")
def ci_redact(
    state: Annotated[Path, typer.Option(help="State file, or what `pulumi stack export` printed.")],
    output: Annotated[Path, typer.Option(help="File for the copy.")],
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack whose state it is.")] = "prod",
) -> None:
    """Write a copy of a stack's state without secrets and account number, for `preview --emulate --base`.

    Run it in the deploying job, which may read the state; pull requests get the copy and nothing else.
    """
    from infra.ops import emulated, redaction
    from infra.settings import Settings

    settings = Settings.from_file(emulated.stack_file(stack), environ={})
    try:
        text = state.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise PlinthError(f"The state file {state} cannot be read.", fix="--state FILE") from None
    account, salt = _copy_has()
    copy = redaction.redacted(
        text,
        stack=stack,
        account_id=settings.aws.account_id,
        local_account_id=account,
        salt=salt,
    )
    output.write_text(copy, encoding="utf-8")
    screen.out.print(f"{output}: {copy.count(chr(10))} lines, no secret in them.", markup=False)


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


@ci_app.command("prices")
def ci_prices(as_json: Json = False) -> None:
    """Say which prices are too old to reckon with; exit code 4 when one is.

    Every row of infra/prices.yaml carries the day on which it was looked up.
    """
    from infra.ops.costs import SHEET_DAYS
    from infra.prices import sheet

    today = datetime.now(UTC).date()
    rows = list(sheet().rows())
    old = sorted(
        f"{row.service} {row.region} {row.type}, {row.date.isoformat()}"
        for row in rows
        if (today - row.date).days > SHEET_DAYS
    )
    if as_json:
        screen.json({"rows": len(rows), "oldest": min(row.date for row in rows).isoformat(), "old": old})
    else:
        screen.out.print(
            "\n".join(f"older than {SHEET_DAYS} days: {row}" for row in old)
            or f"{len(rows)} prices, none older than {SHEET_DAYS} days.",
            markup=False,
        )
    if old:
        raise typer.Exit(Exit.REFUSED)


def _copy_has() -> tuple[str, str]:
    """Return the account number and the lock that an emulated copy of a stack has."""
    import yaml

    from infra.ops import emulated

    local = yaml.safe_load(emulated.stack_file("local").read_text(encoding="utf-8"))
    return str(emulated.OVERRIDES["plinth:aws"]["account_id"]), str(local["encryptionsalt"])
