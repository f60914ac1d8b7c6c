"""What Prometheus needs for many services: a real one scrapes as many targets as they would have pods."""

import re
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from infra.ops import traffic, watch_stage
from infra.ops.watch_stage import Target

SERVICES = 50
PODS = 2
"""Pods of each service."""
SAMPLES = 150
"""Samples of each series: 37 minutes at a scrape each 15 s, over two chunks of 120."""
INTERVAL_SECONDS = 2.0
"""Between two scrapes here; what memory holds depends on samples, not on the time between them."""
PRODUCTION_SECONDS = 15
RATE, WARM_SECONDS = 20.0, 30.0
"""Load that fills the real services' metrics before their pages are taken."""
NAMES = ("credit-risk", "digit-reader")
MIB = 2**20

_LINE = re.compile(r"^(\w+)(\{[^}]*\})? (\S+)$")
_COUNTED = re.compile(r"_(total|bucket|count|sum)$")


def measure(
    say: Callable[[str], None] = lambda _: None, *, services: int = SERVICES, samples: int = SAMPLES
) -> dict[str, Any]:
    """Return memory, CPU and series of one Prometheus.

    The pages are those of the real services, taken after some load; each target has another service's name,
    and every counter goes on at each scrape, so that nothing is stored for free.

    Args:
        say: Told what is being done.
        services: How many; half are like credit-risk, half like digit-reader.
        samples: Scrapes of each target.

    Raises:
        PlinthError: A service or Prometheus does not start.
    """
    with tempfile.TemporaryDirectory(prefix="plinth-bench-") as temporary:
        folder = Path(temporary)
        say("real pages")
        pages = list(_real(folder))
        made = {
            f"/{service}/{pod}": _page(pages[service % len(pages)], f"service-{service:03d}")
            for service in range(services)
            for pod in range(PODS)
        }
        with watch_stage.exposing(made) as address:
            targets = [
                Target(address=address, path=path, labels={"instance": path.strip("/")}) for path in made
            ]
            with watch_stage.prometheus(
                folder / "prometheus", targets, interval_seconds=INTERVAL_SECONDS
            ) as running:
                empty = running.memory_bytes()
                highest, begin = empty, time.monotonic()
                while (gone := time.monotonic() - begin) < samples * INTERVAL_SECONDS:
                    say(f"{gone:.0f} of {samples * INTERVAL_SECONDS:.0f} s")
                    time.sleep(5)
                    highest = max(highest, running.memory_bytes())
                series = running.value("prometheus_tsdb_head_series") or running.value(
                    "count({__name__!=''})"
                )
                memory = running.memory_bytes()
                highest = max(highest, memory)
                found = {
                    "services": services,
                    "targets": len(targets),
                    "series": round(series),
                    "series_of_a_target": round(series / len(targets)),
                    "samples_of_a_series": samples,
                    "memory_mib_empty": round(empty / MIB, 1),
                    "memory_mib": round(memory / MIB, 1),
                    "memory_mib_highest": round(highest / MIB, 1),
                    "kib_of_a_series": round((highest - empty) / 1024 / max(1, series), 2),
                    "cpu_ms_of_a_scrape": round(running.cpu_seconds() / (len(targets) * samples) * 1000, 2),
                    "targets_up": round(running.value("count(up == 1)")),
                }
        found["share_of_a_core_every_15_s"] = round(
            found["cpu_ms_of_a_scrape"] / 1000 * found["targets"] / PRODUCTION_SECONDS, 4
        )
        return found


def _real(folder: Path) -> list[str]:
    """Return the metrics pages of real services that have answered for a while."""
    with watch_stage.services(folder / "services", NAMES) as destinations:
        traffic.drive(destinations, rate=RATE, seconds=WARM_SECONDS)
        time.sleep(3)
        with httpx.Client(trust_env=False, timeout=20) as client:
            return [client.get(one.url.replace("/v1/decisions", "/metrics")).text for one in destinations]


def _page(text: str, service: str) -> Callable[[], str]:
    """Return what answers a scrape: the page under another service's name, its counters going on."""
    named = re.sub(r'service="[^"]*"', f'service="{service}"', text)
    parts: list[tuple[str, float | None]] = []
    for line in named.splitlines():
        found = _LINE.match(line)
        if found and found[1].startswith("plinth_"):  # what the scrape keeps
            grows = bool(_COUNTED.search(found[1]))
            parts.append((f"{found[1]}{found[2] or ''} ", float(found[3])))
            if not grows:
                parts[-1] = (f"{found[1]}{found[2] or ''} {found[3]}", None)
    times = count(1)

    def answer() -> str:
        number = next(times)
        return "".join(
            f"{head}\n" if value is None else f"{head}{value + number * (1.0 + value / 50)}\n"
            for head, value in parts
        )

    return answer
