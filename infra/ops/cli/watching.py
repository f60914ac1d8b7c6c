"""Commands about monitoring: what it finds, what it costs, and its pictures."""

from typing import Annotated

import typer

from infra.ops.cli.base import Json, bench_app
from infra.ops.console import Steps, screen


@bench_app.command("drift")
def bench_drift(
    requests: Annotated[
        int, typer.Option(min=1000, max=10_000_000, help="Requests without drift, from each of two sources.")
    ] = 200_000,
    runs: Annotated[int, typer.Option(min=1, max=200, help="Tries of each drift.")] = 20,
    cost: Annotated[bool, typer.Option("--cost", help="Measure the CPU it takes instead.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the figures into the READMEs.")] = False,
    as_json: Json = False,
) -> None:
    """Measure after how many requests each drift is seen, and how often one is seen that is not there.

    Both services, on rows that their models were not fitted on; no server runs. With --cost a real server is
    loaded for 15 s, and the watch's and a scrape's CPU time are compared with what serving takes.
    """
    from infra.ops import bench_drift as module

    steps = Steps()
    with steps.shown(), steps.step("cost" if cost else "drift"):
        found = (
            module.overhead(steps.say)
            if cost
            else module.measure(requests=requests, runs=runs, say=steps.say)
        )
    if write and not cost:
        module.write(found)
    if as_json:
        screen.json(found)
    elif cost:
        screen.out.print(
            f"[bold]{found['share_at_full_load']:.1%}[/] of a core that serves all the time "
            f"({found['share_at_a_tenth']:.1%} at a tenth of that load): the watch takes "
            f"{found['watch_us_per_request']} µs of {found['cpu_ms_per_request']} ms a request, a scrape "
            f"{found['scrape_cpu_ms']} ms every 15 s."
        )
    else:
        for name, figures in found.items():
            screen.out.print(f"[bold]{name}[/]\n{module.as_tables(figures)}\n")
