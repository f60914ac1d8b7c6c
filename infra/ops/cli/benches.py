"""Commands that measure: figures as counts and CPU time, so that a busy machine does not change them."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, bench_app
from infra.ops.console import Steps, screen


@bench_app.command("scale")
def bench_scale(as_json: Json = False) -> None:
    """Measure how a preview grows from 1 to 50 services and from 1 to 10 GPU pools, on the real engine.

    Takes a platform of its own and about six previews, minutes in all. Printed are resources, CPU seconds by
    part, what each more service or pool costs, and how much steeper the last stretch is than the first.
    """
    from infra.ops import lock, scale

    steps = Steps()
    with lock.exclusive("bench scale"), steps.shown(), steps.step("previews"):
        found = scale.measure(steps.say)
    if as_json:
        screen.json([asdict(growth) for growth in found])
        return
    for growth in found:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("services", "GPU pools", "resources", "CPU seconds", "of it"):
            table.add_column(column)
        for point in growth.points:
            parts = ", ".join(f"{name} {used}" for name, used in point.parts.items())
            table.add_row(
                *(str(v) for v in (point.services, point.pools, point.resources, point.cpu_seconds)), parts
            )
        screen.out.print(table)
        screen.out.print(
            f"[bold]{growth.of}[/]: {growth.resources_each} resources and {growth.cpu_seconds_each} CPU "
            f"seconds each, beside {growth.cpu_seconds_without} without any; no point is further than "
            f"{growth.off_line_share:.1%} from this straight line, and the last stretch is "
            f"{growth.steepening} times as steep as the first. Slowest part: {growth.slowest}; the one "
            f"that grows most: {growth.grows_most}.\n"
        )


@bench_app.command("report")
def bench_report(
    stack: Stack = "prod",
    resources: Annotated[int, typer.Option(min=1, max=5000, help="Resources that change.")] = 500,
    as_json: Json = False,
) -> None:
    """Measure the report of a large change: CPU seconds of each part, and whether it fits a comment.

    No engine is needed: the change is made of the stack's own resources. Exit code 1 when it takes more than
    2 s of CPU, does not fit, or shows something harmless above something dangerous.
    """
    from infra.ops import bench_report as module
    from infra.ops import emulated, graph

    found = module.measure(graph.stack_settings(emulated.stack_file(stack)), resources)
    if as_json:
        screen.json({**asdict(found), "total_cpu_seconds": found.total, "good": found.good})
    else:
        for part, seconds in found.cpu_seconds.items():
            screen.out.print(f"{seconds:>8.3f} s  {part}")
        order = "first" if found.dangerous_first else "NOT first"
        screen.out.print(
            f"[bold]{found.resources} resources: {found.total} s of CPU[/], {module.LIMIT_SECONDS:.0f} s at "
            f"most; comment {found.comment_characters:,} of {found.comment_limit:,} characters; "
            f"{found.dangerous} dangerous changes, {order}."
        )
    if not found.good:
        raise typer.Exit(Exit.FAILED)


@bench_app.command("journal")
def bench_journal(
    of_each: Annotated[int, typer.Option(min=50, max=20_000, help="Requests of each kind.")] = 1000,
    as_json: Json = False,
) -> None:
    """Measure what a request to the local AWS API costs, live and when a start replays it from the journal.

    Takes no platform and half a minute. Printed are CPU milliseconds. Exit code 1 when an answer differs in
    the replay.
    """
    from infra.ops import bench_journal as module

    steps = Steps()
    with steps.shown(), steps.step("requests and their replay"):
        found = module.measure(of_each)
    if as_json:
        screen.json({**asdict(found), "records_a_minute": found.records_a_minute})
    else:
        for kind, spent in found.live_ms.items():
            screen.out.print(f"{spent:>8.3f} ms  {kind}")
        screen.out.print(
            f"{found.replay_ms:>8.3f} ms  a record in a replay, {found.replay_to_live} times the live request"
        )
        screen.out.print(
            f"[bold]{found.records:,} records[/], {found.bytes / 1e6:.1f} MB: a start takes "
            f"{found.start_seconds} s of CPU by itself and a minute more for every "
            f"{found.records_a_minute:,} records; {found.differences} answers differed."
        )
    if found.differences:
        raise typer.Exit(Exit.FAILED)
