"""What watching for drift is worth, on the services' models, and what it costs a real server."""

import importlib
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from infra.local.paths import repo_root
from infra.ops import bench_serving, docs, watch_stage
from infra.ops.bench_serving import Server
from services.lifecycle import drift_trial, pipeline
from services.lifecycle.packing import cache_folder, cached_model
from services.readiness.drift.watch import PAUSE_SECONDS

REQUESTS = 200_000
"""Without drift, from each of two sources: at one a second two days."""

RUNS = 20
"""Tries of each drift; the longest of twenty is what one in twenty may take."""

SERVICES = ("credit-risk", "digit-reader")
SEED = 20_261_121
CONNECTIONS = 16
SECONDS = 15.0
"""Load before the CPU is compared: several looks of the watch, thousands of requests."""

SCRAPES = 40
SCRAPE_SECONDS = 15.0
"""Between two scrapes, as the monitoring stack does."""

BLOCK = "drift"
"""Mark of the figures in a service's README."""

_CPU = re.compile(r'^plinth_drift_cpu_seconds_total\{service="[^"]*"\} (\S+)', re.MULTILINE)


def measure(
    *, requests: int = REQUESTS, runs: int = RUNS, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Return, for each service, what its drift watch finds how soon, and what it finds for nothing.

    Args:
        requests: Without drift, from each source.
        runs: Tries of each drift at each strength.
        say: Told what is being done.
    """
    found = {}
    for name in SERVICES:
        service = pipeline.of(name)
        say(f"{name}: model")
        folder = cached_model(service.packable, cache_folder())
        figures = importlib.import_module(f"services.{service.packable.module}.drift_figures")
        trial = drift_trial.Trial(folder, service, figures.source(), seed=SEED)
        found[name] = drift_trial.measure(trial, requests=requests, runs=runs, say=_prefixed(name, say))
    return found


def _prefixed(name: str, say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda what: say(f"{name}: {what}")


def overhead(say: Callable[[str], None] = lambda _: None, *, seconds: float = SECONDS) -> dict[str, Any]:
    """Return what watching and scraping take of each serving process's CPU, from one run of real servers.

    The watch counts its own CPU time; a scrape's is the server's while nothing else is asked. At full load a
    core serves; at less the watch's share stays and the scrape's grows.

    Args:
        say: Told what is being done.
        seconds: Length of the load.

    Raises:
        PlinthError: A server does not start, or the load fails.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="plinth-bench-") as temporary:
        for name in SERVICES:
            folder = Path(temporary) / name
            say(f"{name}: server")
            with watch_stage.servers(folder, [name]) as ((server, _),):
                found[name] = _overhead(server, folder, seconds, _prefixed(name, say))
    return found


def _overhead(server: Server, folder: Path, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    bench_serving.run(server, CONNECTIONS, bench_serving.WARM_UP_SECONDS, folder, [])
    watched, served = _watch_cpu(server), server.cpu_seconds()
    say("load")
    load = bench_serving.run(server, CONNECTIONS, seconds, folder, [])
    time.sleep(2 * PAUSE_SECONDS)  # the last look of the watch is counted with the one after it
    watched, served = _watch_cpu(server) - watched, server.cpu_seconds() - served
    say("scrapes")
    before, size = server.cpu_seconds(), 0
    for _ in range(SCRAPES):
        size = len(_scrape(server))
    scrape = (server.cpu_seconds() - before) / SCRAPES
    watch_share, scrape_share = watched / served, scrape / SCRAPE_SECONDS
    return {
        "requests": load["requests"],
        "cpu_ms_per_request": load["cpu_ms_per_request"],
        "watch_us_per_request": round(watched / load["requests"] * 1e6, 1),
        "watch_share": round(watch_share, 4),
        "scrape_cpu_ms": round(scrape * 1000, 2),
        "scrape_bytes": size,
        "scrape_share_of_a_core": round(scrape_share, 4),
        "share_at_full_load": round(watch_share + scrape_share, 4),
        "share_at_a_tenth": round(watch_share + 10 * scrape_share, 4),
    }


def _scrape(server: Server) -> str:
    with httpx.Client(trust_env=False, timeout=20) as client:
        answer = client.get(f"http://127.0.0.1:{server.port}/metrics")
    answer.raise_for_status()
    return answer.text


def _watch_cpu(server: Server) -> float:
    return sum(float(value) for value in _CPU.findall(_scrape(server)))


def write(found: dict[str, Any], root: Path | None = None) -> list[Path]:
    """Write the figures into the services' READMEs, between the marks there; return the files."""
    written = []
    for name, figures in found.items():
        path = (root or repo_root()) / "services" / name.replace("-", "_") / "README.md"
        path.write_text(docs.render(path.read_text(encoding="utf-8"), BLOCK, as_tables(figures)), "utf-8")
        written.append(path)
    return written


def as_tables(found: dict[str, Any]) -> str:
    """Return the figures of one service as the tables of its README."""
    lines = [
        "| drift | touches | seen after, median | at most | as |",
        "|---|---|---|---|---|",
    ]
    for name, strengths in found["found"].items():
        for strength, row in sorted(strengths.items(), key=lambda one: float(one[0].rstrip("%"))):
            unit = "cases" if name == "truth_changed" else "requests"
            median = f"{row['median']:,} {unit}" if row["median"] else "not seen"
            most = f"{row['most']:,}" if row["most"] else f"{row['found']} of {row['runs']} runs"
            seen = ", ".join(row["seen_as"]) or "-"
            lines.append(f"| {name.replace('_', ' ')} | {strength} | {median} | {most} | {seen} |")
    without = found["without_drift"]
    for source in ("held_out_rows", "all_rows"):
        row = without[source]
        nearest = max(row["highest_share_of_border"].items(), key=lambda one: one[1])
        lines.append(
            f"\n{row['requests']:,} requests without drift, drawn from {source.replace('_', ' ')}: "
            f"{row['alarms']} false alarms; nearest came {nearest[0]}, at {nearest[1]:.0%} of its border."
        )
    cases = without["settled_cases"]
    lines.append(
        f"\nSettled cases without drift: {cases['found']} false alarms in {cases['runs']} runs of "
        f"{drift_trial.MOST_CASES:,} cases."
    )
    return "\n".join(lines)
