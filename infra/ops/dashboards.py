"""Asks a real Prometheus every query of every dashboard, draws what it says, and names what says nothing."""

import contextlib
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from infra.errors import PlinthError
from infra.local.paths import repo_root
from infra.monitoring import dashboards as module
from infra.monitoring import exported
from infra.monitoring.drawing import Line, draw
from infra.monitoring.panels import Dashboard, Panel, concrete, metrics
from infra.ops import stage_series, traffic, watch_stage
from infra.ops.watch_stage import Target
from services.readiness import contract_file
from services.readiness.contract import Contract

DOCS = Path("infra/monitoring/docs")
"""Where the pictures in the documentation lie."""
POINTS = 120
"""Points of a line: one for each four pixels."""
ASK_SECONDS = 30
_PLACE = re.compile(r"\{\{\s*([a-zA-Z_]+)\s*\}\}")


STAGE_SERVICES = ("credit-risk", "digit-reader")
STAGE_RATE = 8.0
"""Requests a second to each service: a drift figure needs 200 of them, a full window a thousand."""
STAGE_SCRAPE_SECONDS = 5.0
STAGE_RAMP_SECONDS = 60.0
"""Rates are taken over a minute, so the first one climbs from nought and is not drawn."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of one dashboard.

    Args:
        dashboard: Which.
        lines: Series by panel's title.
        silent: Panels that had no data and should have had some.
        elsewhere: Panels that had none, and the reason why that may be.
        synthetic: Panels that were fed with made-up series.
    """

    dashboard: Dashboard
    lines: Mapping[str, Sequence[Line]]
    silent: list[str] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    synthetic: frozenset[str] = frozenset()


def contracts(root: Path | None = None) -> list[Contract]:
    """Return the contract of every service of the repository."""
    folders = sorted((root or repo_root()).glob("services/*/contract.yaml"))
    return [contract_file.load(path.parent) for path in folders]


def files(root: Path | None = None) -> dict[str, str]:
    """Return the dashboards' JSON, by path below the root."""
    made = module.files(contracts(root))
    return {f"infra/monitoring/dashboards/{name}": text for name, text in made.items()}


def ask(prometheus: str, *, start: float, end: float, made_up: frozenset[str] = frozenset()) -> list[Asked]:
    """Ask everything.

    Args:
        prometheus: Address of Prometheus.
        start: From when on, seconds since 1970.
        end: Until when.
        made_up: Metrics that were made up.

    Raises:
        PlinthError: Prometheus does not answer, or refuses a query (which is then named).
    """
    found = []
    with httpx.Client(base_url=prometheus, trust_env=False, timeout=ASK_SECONDS) as client:
        for dashboard in module.dashboards(contracts()):
            fed = frozenset(
                panel.title
                for panel in dashboard.panels
                if any(metrics(query.expr) & made_up for query in panel.queries)
            )
            lines: dict[str, list[Line]] = {}
            silent, elsewhere = [], {}
            for panel in dashboard.panels:
                lines[panel.title] = _panel(client, dashboard, panel, start, end)
                if lines[panel.title]:
                    continue
                if panel.elsewhere and panel.title not in fed:
                    elsewhere[panel.title] = panel.elsewhere
                else:
                    silent.append(panel.title)
            found.append(
                Asked(dashboard=dashboard, lines=lines, silent=silent, elsewhere=elsewhere, synthetic=fed)
            )
    return found


def _panel(client: httpx.Client, dashboard: Dashboard, panel: Panel, start: float, end: float) -> list[Line]:
    lines = []
    for query in panel.queries:
        expr = concrete(query.expr, window="1m")
        step = max(1.0, (end - start) / POINTS)
        where = f"dashboard {dashboard.uid}, panel '{panel.title}': {expr}"
        given: dict[str, str | float] = {"query": expr, "start": start, "end": end, "step": step}
        try:
            answer = client.get("/api/v1/query_range", params=given)
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise PlinthError(
                f"Prometheus does not answer: {type(error).__name__}.", where=where, fix="./plinth status"
            ) from None
        if told.get("status") != "success":
            raise PlinthError(f"Prometheus refuses a query: {told.get('error')}", where=where)
        lines += [_line(one, query.legend) for one in told["data"]["result"]]
    return sorted(lines, key=lambda line: line.name)


def _line(result: Mapping[str, Any], legend: str) -> Line:
    labels = result["metric"]
    name = _PLACE.sub(lambda place: str(labels.get(place.group(1), "")), legend).strip()
    return Line(name=name or "value", points=[(float(t), float(v)) for t, v in result["values"]])


def write(found: Sequence[Asked], folder: Path, *, start: float, end: float) -> list[Path]:
    """Draw each dashboard into the folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for asked in found:
        path = folder / f"{asked.dashboard.uid}.svg"
        picture = draw(asked.dashboard, asked.lines, start=start, end=end, synthetic=asked.synthetic)
        path.write_text(picture, encoding="utf-8")
        written.append(path)
    return written


def render(prometheus: str, folder: Path, *, minutes: float) -> list[Asked]:
    """Ask and draw the latest minutes.

    Raises:
        PlinthError: See :func:`ask`.
    """
    end = time.time()
    found = ask(prometheus, start=end - minutes * 60, end=end)
    write(found, folder, start=end - minutes * 60, end=end)
    return found


def stage(folder: Path, *, minutes: float, say: Callable[[str], None] = lambda _: None) -> list[Asked]:
    """Ask and draw what a Prometheus of its own sees of real services under ordinary load.

    What a laptop has not (GPUs, bills, backups) and what only a whole platform tells is made up, and its
    panels say so.

    Args:
        folder: For the pictures.
        minutes: Of load.
        say: Told what is being done.

    Raises:
        PlinthError: Something does not start, or a query is refused.
    """
    with tempfile.TemporaryDirectory(prefix="plinth-stage-") as temporary, contextlib.ExitStack() as stack:
        work = Path(temporary)
        say("services")
        destinations = stack.enter_context(watch_stage.services(work, STAGE_SERVICES))
        pages = {
            "/gpus": stage_series.gpus,
            "/operations": stage_series.operations(dict.fromkeys(STAGE_SERVICES, 1)),
        }
        address = stack.enter_context(watch_stage.exposing(pages))
        targets = [Target(address=address, path=path, labels={"instance": path.strip("/")}) for path in pages]
        targets += [
            Target(address=one.url.split("/")[2], labels={"instance": one.service}) for one in destinations
        ]
        say("prometheus")
        running = stack.enter_context(
            watch_stage.prometheus(work / "prometheus", targets, interval_seconds=STAGE_SCRAPE_SECONDS)
        )
        start = time.time() + STAGE_RAMP_SECONDS
        say(f"load for {minutes:g} min")
        traffic.drive(destinations, rate=STAGE_RATE, seconds=minutes * 60)
        end = time.time()
        made_up = frozenset({*exported.OPERATIONS, *exported.DCGM, *exported.KUBE_STATE})
        found = ask(running.url, start=start, end=end, made_up=made_up)
    write(found, folder, start=start, end=end)
    return found
