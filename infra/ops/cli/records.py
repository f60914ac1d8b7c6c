"""Commands of records: what was built from what, signed, and whether it still is so."""

from typing import Annotated

import typer
from rich.table import Table

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, record_app
from infra.ops.console import screen

Name = Annotated[str | None, typer.Argument(help="Name of the record; the newest when left out.")]


@record_app.command("write")
def record_write(stack: Stack = "local", as_json: Json = False) -> None:
    """Write the record of a stack as it is now, and back up its state; every `up` does so by itself.

    Signed: commit, digests of lock, code, policies and toolchain, settings, verdicts, models, images,
    resource graph, outputs, who. Both lie in the stack's bucket of artifacts and the record here as well.
    """
    from infra.errors import PlinthError
    from infra.ops import emulated, lock
    from infra.ops.account import Account
    from infra.ops.recovery import records

    file = emulated.stack_file(stack)
    with lock.exclusive(f"record write --stack {stack}"):
        settings = records.built_settings(file)
        verdicts = records.verdicts_left(settings)
        if verdicts is None:
            raise PlinthError(
                "No preview of this stack has been judged here, so there are no verdicts to record.",
                where=str(file.name),
                fix=f"./plinth up --stack {stack}, which writes its record itself",
            )
        record = records.write(settings, verdicts, Account.of(settings))
    if as_json:
        screen.json(records.as_json(record))
        return
    screen.out.print(f"Record [bold]{record.name}[/] of stack {stack} is written and its state backed up.")


@record_app.command("show")
def record_show(
    name: Name = None,
    stack: Stack = "local",
    names: Annotated[bool, typer.Option("--list", help="Only the names, oldest first.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a record says, once its signature was checked. Exit code 4 when it is not to be trusted."""
    from infra.ops import emulated
    from infra.ops.recovery import records

    settings = records.built_settings(emulated.stack_file(stack))
    if names:
        known = records.names(settings)
        if as_json:
            screen.json(known)
        for one in [] if as_json else known:
            screen.out.print(one)
        return
    record = records.load(settings, name)
    if as_json:
        screen.json(records.as_json(record))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for title, text in records.summary(record):
        table.add_row(f"[dim]{title}[/]", text)
    screen.out.print(table)


@record_app.command("verify")
def record_verify(
    name: Name = None,
    stack: Stack = "local",
    state_only: Annotated[
        bool, typer.Option("--offline", help="Compare clone and state only; ask neither AWS nor the cluster.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Hold an environment against its record: signature, clone, settings, state, backup, what is served.

    Names each difference; exit code 8 when there is one, 4 when the record itself is not to be trusted.
    What somebody changed behind the state's back is found by ./plinth drift.
    """
    from dataclasses import asdict

    from infra.ops import emulated
    from infra.ops.account import Account
    from infra.ops.recovery import records

    settings = records.built_settings(emulated.stack_file(stack))
    record = records.load(settings, name)
    found = records.verify(settings, record, None if state_only else Account.of(settings))
    if as_json:
        screen.json({"record": record.name, "differences": [asdict(one) for one in found]})
    else:
        for one in found:
            screen.out.print(f"[red]differs[/]  {one.of}: {one.what}")
        made = record.said["made_at"]
        resources = len(record.said["graph"])
        screen.out.print(
            f"Record {record.name} of {made}: {resources} resources, "
            + (f"{len(found)} difference(s)." if found else "everything is as it says.")
        )
    if found:
        raise typer.Exit(Exit.DIFFERS)
