"""The command that compares the service with bare servers."""

from typing import Annotated, Any

import typer
from rich.table import Table

from infra.errors import Exit
from infra.ops.cli.base import Json, bench_app
from infra.ops.console import Steps, screen


@bench_app.command("serving")
def bench_serving(
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="Length of a run, seconds.")] = 4.0,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Runs of each server at each level.")] = 3,
    hold: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds for which 1,000 connections are held.")
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Compare credit-risk, all guards on, with a bare BentoML and a bare Starlette of the same model.

    One worker each, on loopback, asked in turns at 1, 16, 64 and 1,000 connections; then 1,000 are held.
    Exit code 1 when a request fails, or a decision was answered that is not in the verified log.
    Compare ratios of one run, not figures of two.
    """
    from infra.ops.bench_serving import measure

    steps = Steps()
    with steps.shown(), steps.step("serving"):
        found = measure(steps.say, seconds=seconds, rounds=rounds, hold_seconds=hold)
    if as_json:
        screen.json(found)
    else:
        _show(found)
    log, held = found["log"], found["held"]
    failed = sum(level["guarded"]["not_200"] for level in found["levels"].values())
    failed += held["not_200"] if held else 0
    screen.note(
        f"{log['answered']} decisions answered, {log['unlogged']} unlogged, "
        f"{log['tampering_found']} findings in the log, {failed} requests failed"
    )
    if failed or log["unlogged"] or log["tampering_found"]:
        raise typer.Exit(Exit.FAILED)


def _show(found: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("connections", "server", "requests/s", "p50 ms", "CPU ms/request"):
        table.add_column(column)
    for connections, level in found["levels"].items():
        for server in ("guarded", "bare_bentoml", "bare_starlette"):
            row = level[server]
            names = ("requests_per_second", "p50_ms", "cpu_ms_per_request")
            table.add_row(connections, server, *(str(row[name]) for name in names))
    screen.out.print(table)
    for connections, level in found["levels"].items():
        screen.out.print(
            f"{connections}: {level['throughput_over_bare_bentoml']} times the requests of bare BentoML, "
            f"{level['cpu_over_bare_starlette']} times the CPU of bare Starlette"
        )
    if found["held"]:
        held = found["held"]
        screen.out.print(
            f"held: {held['requests']} answers in {held['seconds']:g} s, {held['not_200']} failed"
        )
