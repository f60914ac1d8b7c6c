"""Commands that compare an environment with what it should be, and change nothing."""

import typer

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, app
from infra.ops.console import Steps, screen

SHADES = {"kept": "green", "broken": "red", "cannot be seen here": "yellow"}


@app.command()
def verify(stack: Stack = "local", as_json: Json = False) -> None:
    """Read the environment back from AWS and Kubernetes and compare it with what the design promises.

    Neither the program nor its state is asked. Three verdicts: kept, broken, cannot be seen here (with
    the reason). Exit code 0 when nothing is broken, 8 when something is. On AWS it needs rights to read
    only, such as the auditor's.
    """
    from infra.ops import changes, emulated
    from infra.ops import verify as module

    findings = module.audit(changes.stack_settings(emulated.stack_file(stack)))
    if as_json:
        screen.json(module.as_json(findings))
    else:
        for finding in findings:
            shade = SHADES[str(finding.verdict)]
            screen.out.print(
                f"[{shade}]{finding.verdict:>19}[/]  {finding.promise.id}: {finding.promise.says} "
                f"[dim]({finding.looked_at} looked at)[/]"
            )
            for line in finding.why:
                screen.out.print(f"                       - {line}", style=shade, markup=False)
        summary = ", ".join(f"{number} {verdict}" for verdict, number in module.counts(findings).items())
        screen.out.print(f"[bold]{len(findings)} promises[/]: {summary}.")
    if any(finding.verdict == module.Verdict.BROKEN for finding in findings):
        raise typer.Exit(Exit.DIFFERS)


@app.command()
def drift(stack: Stack = "local", as_json: Json = False) -> None:
    """Find what somebody changed outside the program: each resource, each property, old and new value.

    Asks AWS and Kubernetes about everything in the stack's state; changes nothing, secrets stay masked.
    Exit code 0 when everything is as the program left it, 8 when something is not.
    What nobody ever put into the program is not in its state and is not seen: ./plinth verify sees it.
    """
    from infra.ops import changes, emulated, lock
    from infra.ops import drift as module

    file = emulated.stack_file(stack)
    settings = changes.stack_settings(file)
    steps = Steps()
    with lock.exclusive(f"drift --stack {stack}"), steps.shown():
        found = module.look(settings, file, steps)
    if as_json:
        screen.json(module.as_json(found))
    else:
        for row in found:
            what = "[red]is gone[/]" if row.gone else "was changed"
            screen.out.print(f"[bold]{row.name}[/] {what} [dim]({row.type}, {row.id})[/]")
            for one in row.differences:
                screen.out.print(f"    {one.path}: ", end="", markup=False)
                screen.out.print(f"{one.was} -> {one.now}", markup=False)
        if found:
            screen.out.print(
                f"[bold]{len(found)} resources differ[/]. To go back: ./plinth up --stack {stack} --refresh. "
                "To keep a change: put it into the program or the stack file, then the same command."
            )
        else:
            screen.out.print("Everything is as the program left it.")
    if found:
        raise typer.Exit(Exit.DIFFERS)
