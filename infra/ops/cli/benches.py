"""Commands that measure: figures as counts and CPU time, so that a busy machine does not change them."""

from dataclasses import asdict

from rich.table import Table

from infra.ops.cli.base import Json, bench_app
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
