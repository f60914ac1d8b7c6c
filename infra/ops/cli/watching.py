"""Commands about monitoring: what it finds, what it costs, and its pictures."""

from pathlib import Path
from typing import Annotated

import typer

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, bench_app, dashboards_app, drill_app
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
        for name, row in found.items():
            screen.out.print(
                f"[bold]{name}: {row['share_at_full_load']:.1%}[/] of a core that serves all the time "
                f"({row['share_at_a_tenth']:.1%} at a tenth of that load): the watch takes "
                f"{row['watch_us_per_request']} µs of {row['cpu_ms_per_request']} ms a request, a scrape "
                f"{row['scrape_cpu_ms']} ms every 15 s."
            )
    else:
        for name, figures in found.items():
            screen.out.print(f"[bold]{name}[/]\n{module.as_tables(figures)}\n")


@bench_app.command("monitoring")
def bench_monitoring(
    services: Annotated[int, typer.Option(min=1, max=200, help="Services, two pods each.")] = 50,
    samples: Annotated[int, typer.Option(min=10, max=2000, help="Scrapes of each pod, one every 2 s.")] = 150,
    as_json: Json = False,
) -> None:
    """Measure the memory and CPU of a real Prometheus that watches so many services.

    The pages that it scrapes are those of the real services after some load, under other names; counters go
    on at each scrape.
    """
    from infra.ops import bench_monitoring as module

    steps = Steps()
    with steps.shown(), steps.step("monitoring"):
        found = module.measure(steps.say, services=services, samples=samples)
    if as_json:
        screen.json(found)
        return
    screen.out.print(
        f"[bold]{found['memory_mib_highest']} MiB[/] at most for {found['services']} services "
        f"({found['targets']} pods, {found['series']:,} series of {found['samples_of_a_series']} samples), "
        f"{found['kib_of_a_series']} KiB a series beside {found['memory_mib_empty']} MiB when empty; "
        f"{found['cpu_ms_of_a_scrape']} ms of CPU a scrape."
    )


@dashboards_app.command("render")
def dashboards_render(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pictures; infra/monitoring/docs by default.")
    ] = None,
    prometheus: Annotated[str, typer.Option(help="Address of another Prometheus than the platform's.")] = "",
    stage: Annotated[
        bool, typer.Option("--stage", help="Run services and a Prometheus for it, without a platform.")
    ] = False,
    minutes: Annotated[float, typer.Option(min=1, max=600, help="How far back; with --stage: of load.")] = 30,
    as_json: Json = False,
) -> None:
    """Ask a real Prometheus every query of every dashboard, and draw what it says.

    Exit code 1 when a panel that should have data has none; it is named. With --stage, what a laptop has not
    (GPUs, bills, backups) is fed with made-up series, and those panels say so.
    """
    from infra.local import session
    from infra.local.paths import repo_root
    from infra.ops import dashboards as module

    folder = out or repo_root() / module.DOCS
    steps = Steps()
    with steps.shown(), steps.step("dashboards"):
        if stage:
            found = module.stage(folder, minutes=minutes, say=steps.say)
        else:
            url = prometheus or session.ready("draw").endpoints["prometheus"]
            found = module.render(url, folder, minutes=minutes)
    rows = [
        {
            "dashboard": one.dashboard.uid,
            "panels": len(one.dashboard.panels),
            "without_data": one.silent,
            "elsewhere": one.elsewhere,
            "synthetic": sorted(one.synthetic),
        }
        for one in found
    ]
    if as_json:
        screen.json(rows)
    else:
        for one in found:
            screen.out.print(
                f"[bold]{one.dashboard.uid}[/]: {len(one.dashboard.panels)} panels, "
                f"{len(one.silent)} without data, "
                f"{len(one.elsewhere)} that cannot have any here, {len(one.synthetic)} made up"
            )
            for title in one.silent:
                screen.out.print(f"  [red]no data:[/] {title}")
    if any(one.silent for one in found):
        raise typer.Exit(Exit.FAILED)


@drill_app.command("quiet")
def drill_quiet(
    minutes: Annotated[float, typer.Option(min=1, max=1440, help="How long.")] = 30,
    rate: Annotated[float, typer.Option(min=0.1, max=50, help="Requests a second to each service.")] = 2.0,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Send ordinary requests for a while; whatever alert fires then is a false one.

    The requests are the rows of the services' own data, through the gateway. Needs a platform that is up and
    watched. Exit code 1 when an alert fired or a request was not answered.
    """
    from infra.ops import lock, quiet

    steps = Steps()
    with lock.exclusive(f"drill quiet --stack {stack}"), steps.shown(), steps.step("quiet"):
        told = quiet.run(stack, minutes=minutes, rate=rate, say=steps.say)
    if as_json:
        screen.json(told)
    else:
        for name, summary in told["alerts"].items():
            screen.out.print(f"[red]{name}[/]: {summary}")
        screen.out.print(
            f"[bold]{minutes:g} min[/]: {told['answered']} of {told['requests']} requests answered, "
            f"{len(told['alerts'])} alert(s)."
        )
    if not told["quiet"]:
        raise typer.Exit(Exit.FAILED)
