"""A quiet day: ordinary requests for a while, and every alert that fires meanwhile is a false one."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from infra.errors import PlinthError
from infra.ops import callers, overview, status, traffic
from infra.ops.contracts import leave_evidence
from infra.ops.drills import proof
from infra.ops.traffic import Destination
from infra.ops.watching import asking

LOOK_SECONDS = 15.0
"""Between two looks at Alertmanager: one scrape."""
END_SECONDS = 30
"""For the last look: twice what Alertmanager may take."""
TOKEN_MARGIN_SECONDS = 600


def run(
    stack: str, *, minutes: float, rate: float, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Send ordinary requests to every service through the gateway, and watch what fires.

    Args:
        stack: Name of the stack; its platform is up.
        minutes: How long.
        rate: Requests a second to each service.
        say: Told what is being done.

    Raises:
        PlinthError: Something is wrong before it begins, or nothing watches.
    """
    found = status.collect(stack)
    if not found.healthy:
        raise PlinthError("; ".join(found.problems), fix="./plinth status")
    missing = [name for name in ("prometheus", "alertmanager") if name not in found.endpoints]
    if missing:
        raise PlinthError(f"Nobody watches here: there is no {' and no '.join(missing)}.", fix="./plinth up")
    before = _firing(found.endpoints["alertmanager"])
    if before:
        raise PlinthError(
            f"An alert fires already: {', '.join(sorted(before))}.", fix=f"./plinth runbook {min(before)}"
        )
    destinations = [_destination(one, found.endpoints["gateway"], minutes) for one in found.services]
    begin, seen, ending = time.time(), dict[str, str](), threading.Event()

    def look() -> None:
        while not ending.wait(LOOK_SECONDS):
            gone = (time.time() - begin) / 60
            say(f"{gone:.0f} of {minutes:g} min, {len(seen)} alert(s)")
            try:
                fires = _firing(found.endpoints["alertmanager"])
            except PlinthError as error:
                fires = {"(Alertmanager)": error.what}
            for name, summary in fires.items():
                seen.setdefault(name, summary)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    sent = traffic.drive(destinations, rate=rate, seconds=minutes * 60)
    ending.set()
    watcher.join(END_SECONDS)
    # What came and went between two looks is in Prometheus.
    for name in _fired(found.endpoints["prometheus"], seconds=time.time() - begin):
        seen.setdefault(name, "fired between two looks")
    told = {
        "minutes": minutes,
        "requests": sent.asked,
        "answered": sent.answered,
        "late": sent.late,
        "statuses": {service: dict(count) for service, count in sent.statuses.items()},
        "alerts": seen,
        "quiet": not seen and sent.answered == sent.asked,
    }
    leave_evidence(stack, proof.of_quiet(told, datetime.now(UTC)))
    return told


def _destination(one: status.ServiceStatus, gateway: str, minutes: float) -> Destination:
    lasting = minutes * 60 + TOKEN_MARGIN_SECONDS
    headers = callers.headers(one.name, one.host, subject="plinth-quiet", seconds=lasting)
    return Destination(service=one.name, url=f"{gateway}/v1/decisions", headers=headers)


def _firing(url: str) -> dict[str, str]:
    alerts, watching = overview.alerts(url, up=True)
    if not watching.known:
        raise PlinthError(f"{watching.says}.", where=url, fix="./plinth status")
    return {f"{one.name}": one.summary for one in alerts}


def _fired(url: str, *, seconds: float) -> list[str]:
    """Return the alerts that fired within the time, as Prometheus remembers them."""
    expr = f'count by (alertname) (last_over_time(ALERTS{{alertstate="firing"}}[{int(seconds)}s]))'
    rows = asking.query(expr, url=url)
    return [name for row in rows if (name := row["metric"]["alertname"]) != asking.WATCHDOG]
