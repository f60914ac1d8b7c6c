"""Commands that compare an environment with what it should be, and change nothing."""

import typer

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, app
from infra.ops.console import screen

SHADES = {"kept": "green", "broken": "red", "cannot be seen here": "yellow"}


@app.command()
def verify(stack: Stack = "local", as_json: Json = False) -> None:
    """Read the environment back from AWS and Kubernetes and compare it with what the design promises.

    Neither the program nor its state is asked. Three verdicts: kept, broken, cannot be seen here (with
    the reason). Exit code 0 when nothing is broken, 1 when something is. On AWS it needs rights to read
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
                screen.out.print(f"                       [{shade}]-[/] {line}", markup=True)
        summary = ", ".join(f"{number} {verdict}" for verdict, number in module.counts(findings).items())
        screen.out.print(f"[bold]{len(findings)} promises[/]: {summary}.")
    if any(finding.verdict == module.Verdict.BROKEN for finding in findings):
        raise typer.Exit(Exit.FAILED)
