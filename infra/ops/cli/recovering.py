"""Commands that get an environment back: backups, their ages, and the rebuild in another region."""

from typing import Annotated

import typer
from rich.table import Table

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, app, backup_app
from infra.ops.console import Steps, screen


@backup_app.command("run")
def backup_run(stack: Stack = "local", as_json: Json = False) -> None:
    """Write every table into a signed file in the bucket of artifacts, which is copied to the other region.

    Once a day at least is what the stated RPO of tables rests on. State and record are written by each up,
    objects are copied by S3, and AWS Backup keeps its own.
    """
    from infra.ops import emulated, lock
    from infra.ops.account import Account
    from infra.ops.recovery import backups, records

    settings = records.built_settings(emulated.stack_file(stack))
    with lock.exclusive(f"backup run --stack {stack}"):
        made = backups.run(settings, Account.of(settings))
    if as_json:
        screen.json({"backup": made.name, "at": made.at, "tables": dict(made.tables)})
        return
    items = ", ".join(f"{role} {row['items']}" for role, row in made.tables.items())
    screen.out.print(f"Backup [bold]{made.name}[/] of stack {stack}: {items} item(s).")


@backup_app.command("status")
def backup_status(stack: Stack = "local", as_json: Json = False) -> None:
    """Say how old the newest backup of each store is, and what waits. Exit code 8 when one is late."""
    from infra.ops import emulated
    from infra.ops.account import Account
    from infra.ops.recovery import backups, records

    settings = records.built_settings(emulated.stack_file(stack))
    rows = backups.status(settings, Account.of(settings))
    if as_json:
        screen.json(backups.as_json(rows))
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("store", "newest", "age", "waiting", "may lose", "problem"):
            table.add_column(column)
        for row in rows:
            age = "" if row.age_seconds is None else f"{row.age_seconds:,.0f} s"
            limit = f"{row.target_seconds:,} s" if row.target_seconds else ""
            table.add_row(row.store, row.newest or "none", age, str(row.behind or ""), limit, row.problem)
        screen.out.print(table)
    if any(row.problem for row in rows):
        raise typer.Exit(Exit.DIFFERS)


@backup_app.command("test")
def backup_test(stack: Stack = "local", as_json: Json = False) -> None:
    """Read record, state and tables back from the copies in the other region, and prove every digest.

    Nothing is built or changed. Exit code 4 when something is missing or not to be trusted.
    """
    from infra.ops import emulated
    from infra.ops.account import Account
    from infra.ops.recovery import records, sources, tables

    settings = records.built_settings(emulated.stack_file(stack))
    copy = bool(settings.recovery.region)
    found = sources.find(settings, Account.of(settings), copy=copy)
    told = {
        "from_copies": copy,
        "record": found.record.name,
        "resources": len(found.latest.get("resources") or []),
        "backup": found.backup.name,
        "items": {role: tables.count(content) for role, content in found.files.items()},
    }
    if as_json:
        screen.json(told)
        return
    screen.out.print(
        f"Record {told['record']}, state of {told['resources']} resources and backup {told['backup']} are "
        f"whole{' in the other region' if copy else ''}."
    )


@backup_app.command("restore-state")
def backup_restore_state(
    stack: Stack = "local",
    copy: Annotated[
        bool, typer.Option("--copy", help="From the copy in the other region, when the bucket is lost too.")
    ] = False,
) -> None:
    """Bring a lost state back: the one that the newest record speaks of, proven by its digest.

    A state that is there is never written over. What has changed since the record is found by the next
    ./plinth up --refresh.
    """
    from infra.ops import emulated, lock
    from infra.ops.account import Account
    from infra.ops.recovery import records, sources

    settings = records.built_settings(emulated.stack_file(stack))
    with lock.exclusive(f"backup restore-state --stack {stack}"):
        record = sources.restore_state(settings, Account.of(settings), copy=copy)
    screen.out.print(
        f"The state of stack {stack} is that of record {record.name}, {len(record.said['graph'])} resources. "
        f"Next: ./plinth up --refresh --stack {stack}"
    )


@backup_app.command("undo")
def backup_undo(
    since: Annotated[str, typer.Argument(help="The last good moment, ISO 8601 with a zone.")],
    data_class: Annotated[str, typer.Option("--bucket", help="Which bucket, by data class.")] = "artifacts",
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Bring back what was in a bucket at a moment: objects that were overwritten or deleted after it.

    The older version is written on top; nothing is removed, so what somebody did stays as evidence.
    """
    from dataclasses import asdict
    from datetime import datetime

    from infra.ops import emulated, lock
    from infra.ops.account import Account
    from infra.ops.recovery import keeping, records, undo

    settings = records.built_settings(emulated.stack_file(stack))
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise typer.BadParameter(f"'{since}' is no time; write 2026-01-31T12:00:00+00:00.") from None
    if moment.tzinfo is None:
        raise typer.BadParameter("The time has no zone; end it with +00:00.")
    if data_class not in keeping.CLASSES:
        raise typer.BadParameter(f"There is no bucket '{data_class}'; use: {', '.join(keeping.CLASSES)}.")
    with lock.exclusive(f"backup undo --stack {stack}"):
        name = keeping.bucket(settings, data_class)
        done = undo.since(Account.of(settings).client("s3"), name, moment)
    if as_json:
        screen.json(asdict(done))
        return
    screen.out.print(
        f"{name}: {len(done.overwritten)} overwritten and {len(done.deleted)} deleted objects are back; "
        f"{len(done.newer)} newer ones were left."
    )
    for one in done.newer:
        screen.out.print(f"  newer, look at it: {one}", markup=False)


@backup_app.command("restore-bucket")
def backup_restore_bucket(
    data_class: Annotated[str, typer.Option("--bucket", help="Which bucket, by data class.")] = "artifacts",
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Copy back what a bucket lacks from its copy in the other region, every version, the oldest first.

    For a bucket that lost its versions as well; what was only overwritten or deleted: ./plinth backup undo.
    """
    from dataclasses import asdict

    from infra.ops import emulated, lock
    from infra.ops.account import Account
    from infra.ops.recovery import objects, records

    settings, steps = records.built_settings(emulated.stack_file(stack)), Steps()
    with lock.exclusive(f"backup restore-bucket --stack {stack}"), steps.step("objects"):
        done = objects.from_copy(settings, Account.of(settings), data_class, steps.say)
    if as_json:
        screen.json(asdict(done))
        return
    screen.out.print(f"{done.now} of {done.versions} versions of {done.names} objects were copied back.")


@app.command()
def rebuild(  # noqa: PLR0917 - Typer gives them by name
    lost: Annotated[str, typer.Option("--from", help="The lost stack: a file in stacks/.")],
    into: Annotated[str, typer.Option("--into", help="The stack that takes its place, in the other region.")],
    before: Annotated[
        str, typer.Option("--before", help="Tables as of the newest backup before this time, ISO 8601.")
    ] = "",
    planned: Annotated[
        bool, typer.Option("--planned", help="The original lives: read from itself. A move, or the way back.")
    ] = False,
    onto_living: Annotated[
        bool, typer.Option("--onto-living", help="Go on although the target holds resources already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build a lost environment again in another region, from this repository and what is kept of it there.

    Proves records and backups first, then builds with the same program, restores objects, tables, registry
    and decision log, verifies models and contracts, and asks for a prediction. Reports what was kept, how
    long each phase took, what differs and what stays to be done by hand. Goes on after any failure. The
    original is never touched.
    """
    from infra.ops import changes, emulated, lock
    from infra.ops.recovery import rebuild as module

    steps = Steps()
    file = emulated.stack_file(into)
    old, new = changes.stack_settings(emulated.stack_file(lost), {}), changes.stack_settings(file, {})
    changes.require_emulated(new, file)
    with lock.exclusive(f"rebuild --from {lost} --into {into}"), steps.shown():
        told = module.run(old, new, file, steps, planned=planned, before=before, onto_living=onto_living)
    if as_json:
        screen.json(told)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("phase", "seconds"):
        table.add_column(column)
    for phase, seconds in told["rto_seconds"].items():
        table.add_row(phase, f"{seconds:,}")
    screen.out.print(table)
    for store, newest in told["kept"].items():
        screen.out.print(f"  {store}: kept up to {newest or 'nothing'}")
    differs = told["differs"]
    for name in [*differs["gone"], *differs["new"], *differs["unequal"]]:
        screen.out.print(f"  differs: {name}", style="yellow", markup=False)
    for line in told["by_hand"]:
        screen.out.print(f"  by hand: {line}")
    screen.out.print(f"[bold green]Stack {lost} lives again as {into}.[/]")
