"""Commands about what is watched: alerts, figures, runbooks."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, app, drill_app
from infra.ops.console import Steps, screen


@app.command()
def alerts(
    name: Annotated[
        str | None, typer.Argument(help="Only this alert; all but the Watchdog when left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the alerts that fire now, each with the command that says what to do.

    Asks the local platform's Alertmanager; with PLINTH_ALERTMANAGER set, the one at that address. Exit code 0
    when nothing fires, 8 when something does.
    """
    from infra.ops.watching import asking

    found = asking.alerts(name)
    if as_json:
        screen.json([asdict(row) for row in found])
    elif not found:
        screen.out.print("no alert fires" if name is None else f"{name} does not fire")
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("severity", "alert", "what", "since", "what to do"):
            table.add_column(column)
        for row in found:
            shade = "red" if row.severity == "page" else "yellow"
            table.add_row(f"[{shade}]{row.severity}[/]", row.name, row.summary, row.since[:19], row.command)
        screen.out.print(table)
    if any(row.name != asking.WATCHDOG for row in found):
        raise typer.Exit(Exit.DIFFERS)


@app.command()
def metric(
    query: Annotated[str, typer.Argument(help="A PromQL query, such as 'up'.")], as_json: Json = False
) -> None:
    """Ask Prometheus for a figure.

    Asks the local platform's; with PLINTH_PROMETHEUS set, the one at that address. Exit code 0 when the query
    was answered, also with nothing.
    """
    from infra.ops.watching import asking

    rows = asking.query(query)
    if as_json:
        screen.json(rows)
        return
    for row in rows:
        labels = ", ".join(
            f"{key}={value}" for key, value in sorted(row["metric"].items()) if key != "__name__"
        )
        screen.out.print(f"{row['value'][1]}  {labels}", markup=False)
    if not rows:
        screen.out.print("nothing")


@app.command()
def runbook(
    alert: Annotated[str | None, typer.Argument(help="Name of an alert; a list when left out.")] = None,
    stack: Stack = "local",
    service: Annotated[
        str | None, typer.Option("--service", help="The service that the alert is about.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what to do about an alert, with this environment's names filled in.

    Sections: Trigger, Meaning, Impact, Diagnose, Mitigate, Resolve, Verify. The commands under Diagnose and
    Verify work as they stand.
    """
    from infra.ops import changes, emulated
    from infra.ops.watching import runbooks

    if alert is None:
        if as_json:
            screen.json(runbooks.known())
        else:
            for name in runbooks.known():
                screen.out.print(name)
        return
    settings = changes.stack_settings(emulated.stack_file(stack))
    found = runbooks.load(alert, runbooks.names(settings, service=service))
    if as_json:
        commands = {section: found.commands(section) for section in ("Diagnose", "Verify")}
        screen.json({"alert": alert, "sections": dict(found.sections), "commands": commands})
        return
    screen.out.print(found.text, markup=False)


@drill_app.command("alerts")
def drill_alerts(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this alert; may be given several times.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Break what each alert is about, wait for it in Alertmanager, run its runbook, heal, see it resolve.

    On the local platform, which must be up. While it lasts, every time in the rules is divided by 60 and
    scrapes come every 2 s; thresholds stay. Alerts whose causes cannot be had here (GPUs, AWS, nodes) are fed
    with the metrics of their proofs, and say so. Exit code 1 when one did not fire, did not resolve, or its
    runbook's commands do not work. Outcomes are kept in .plinth/drills/alerts.json: it can be done in parts.
    """
    from infra.local.paths import home
    from infra.ops import lock
    from infra.ops.watching.drill import run as module

    steps = Steps()
    with lock.exclusive("drill alerts"), steps.shown(), steps.step("alerts"):
        found = module.drill(only or [], steps.say, home() / "drills" / "alerts.json")
    if as_json:
        screen.json(module.as_json(found))
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("alert", "cause", "fired after", "resolved after", "runbook commands", "problems"):
            table.add_column(column)
        for one in found:
            table.add_row(
                one.alert,
                one.cause,
                "never" if one.detected_seconds is None else f"{one.detected_seconds} s",
                "" if one.resolved_seconds is None else f"{one.resolved_seconds} s",
                one.commands,
                "; ".join(one.problems),
                style=None if one.passed else "red",
            )
        screen.out.print(table)
        passed, real = sum(one.passed for one in found), sum(one.real for one in found)
        screen.out.print(
            f"[bold]{passed} of {len(found)}[/] alerts fired, resolved and have a runbook that works; "
            f"{real} of them by a real cause. Times in the rules were divided by 60, thresholds were not."
        )
    if not all(one.passed for one in found):
        raise typer.Exit(Exit.FAILED)
