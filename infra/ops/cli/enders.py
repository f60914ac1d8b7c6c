"""Commands that end an environment for good."""

from typing import Annotated, Any

import typer

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, app
from infra.ops.console import Steps, screen


@app.command()
def destroy(
    stack: Stack = "local",
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree without being asked; production asks for its name as well.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="The stack's name, typed out: production goes no other way.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Remove an environment with all its data, then look everywhere whether anything is left.

    Lifts every protection against deletion and names it, destroys the stack, empties and removes the
    buckets and keys that the program would keep, and enumerates AWS and the cluster; the state is not
    believed. What retention holds (Object Lock, locked vaults, keys that wait for their deletion) is
    never touched: it is named with the reason and the day. Exit code 0 when nothing else is left, 8 when
    something is; run it again to go on. To stop a local platform and keep everything: ./plinth down.
    """
    from infra.ops import changes, emulated, lock, teardown
    from infra.ops.account import Account
    from infra.ops.teardown import consent

    file = emulated.stack_file(stack)
    settings = changes.stack_settings(file)
    changes.require_emulated(settings, file)
    steps = Steps()
    with lock.exclusive(f"destroy --stack {stack}"):
        planned = teardown.plan(settings, Account.of(settings))
        if not as_json:
            _say_what_goes(stack, planned)
        consent.require(stack, yes=yes, name=name, ask=_ask)
        with steps.shown():
            done = teardown.run(settings, file, steps)
    if as_json:
        screen.json(teardown.as_json(done))
    else:
        _say_what_is_left(stack, done)
    if not done.clean:
        raise typer.Exit(Exit.DIFFERS)


def _ask(question: str) -> str:
    try:
        return str(typer.prompt(question, default="", show_default=False, err=True))
    except typer.Abort:  # nobody is there to answer
        return ""


def _say_what_goes(stack: str, planned: dict[str, Any]) -> None:
    screen.out.print(
        f"[bold red]Everything of stack {stack} goes[/]: {planned['resources']} resources in its state, "
        f"{planned['things']} things in the account, all objects that no lock holds in "
        f"{len(planned['buckets'])} buckets."
    )
    for row in planned["protections"]:
        screen.out.print(f"  protection against deletion will be lifted: [bold]{row}[/]")


def _say_what_is_left(stack: str, done: Any) -> None:
    for row in done.lifted:
        screen.out.print(f"  lifted protection of {row}")
    for row in done.swept:
        screen.out.print(f"  removed {row}")
    for error in done.errors:
        screen.out.print(f"  could not be removed: {error}", style="red", markup=False)
    for kind, why in sorted(done.unseen.items()):
        screen.out.print(f"  could not look at {kind}: {why}", style="yellow", markup=False)
    for row in done.left:
        shade = "dim" if row.by_retention else "red"
        until = f", until {row.until}" if row.until else ""
        place = f" in {row.region}" if row.region else ""
        screen.out.print(f"  left: {row.kind} {row.name}{place}: {row.why}{until}", style=shade, markup=False)
    kept = sum(row.by_retention for row in done.left)
    screen.out.print(
        f"[bold]Stack {stack}[/]: {done.destroyed} resources destroyed, {kept} things left by retention, "
        f"{len(done.left) - kept} left without a reason."
    )
    if not done.clean:
        screen.out.print(f"Look at what is red, then: ./plinth destroy --stack {stack}; it goes on.")
