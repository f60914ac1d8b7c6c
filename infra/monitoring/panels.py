"""What a dashboard is made of, as Grafana reads it. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SCHEMA_VERSION = 41
"""Of the dashboard documents of Grafana 12; older ones are brought up when they are loaded."""

COLUMNS = 24
"""Grafana's grid: panels are so many columns wide in all."""
HEIGHT = 8
"""Rows of the grid of one panel, about 300 pixels."""
SOURCE = {"type": "prometheus", "uid": "prometheus"}
RATE = "$__rate_interval"
"""Grafana's own window for rates: at least four scrapes."""

Unit = Literal["short", "reqps", "s", "percentunit", "percent", "celsius", "watt"]
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_WORDS = frozenset(
    {
        "sum", "by", "rate", "increase", "max", "min", "avg", "and", "or", "unless", "on", "ignoring",
        "group_left", "group_right", "absent", "vector", "time", "count", "histogram_quantile",
        "max_over_time", "without", "avg_over_time", "topk", "bottomk", "offset", "bool",
        "scalar", "last_over_time",
    }
)  # fmt: skip
"""Words of PromQL that are no metrics."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One PromQL expression of a panel.

    Args:
        expr: The expression; ``$service`` stands for the chosen services.
        legend: Name of each line, with labels in double braces.
    """

    expr: str
    legend: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture.

    Args:
        title: What it shows.
        tells: What a reader concludes from it, one sentence.
        unit: Unit of the axis, in Grafana's words.
        queries: What is drawn.
        width: Columns of the grid's 24.
        border: A line that should not be crossed, in the unit; None for none.
        elsewhere: Why it may have no data on the local platform; empty when it must have some.
    """

    title: str
    tells: str
    unit: Unit
    queries: tuple[Query, ...]
    width: int = 12
    border: float | None = None
    elsewhere: str = ""


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One page.

    Args:
        uid: Part of its address, and name of its file.
        title: Name.
        tells: Whom it serves, one sentence.
        panels: Its pictures, from the top.
        by_service: Whether the reader chooses services.
    """

    uid: str
    title: str
    tells: str
    panels: tuple[Panel, ...]
    by_service: bool = False


def document(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana loads it."""
    placed, left, top = [], 0, 0
    for number, panel in enumerate(dashboard.panels, start=1):
        if left + panel.width > COLUMNS:
            left, top = 0, top + HEIGHT
        placed.append(_panel(panel, number, left, top))
        left += panel.width
    return {
        "uid": f"plinth-{dashboard.uid}",
        "title": dashboard.title,
        "description": dashboard.tells,
        "tags": ["plinth"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [_choice()] if dashboard.by_service else []},
        "annotations": {"list": [_alerts()]},
        "panels": placed,
    }


def _choice() -> dict[str, Any]:
    query = "label_values(plinth_requests_total, service)"
    return {
        "name": "service",
        "label": "Service",
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "services"},
        "includeAll": True,
        "multi": True,
        "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
        "sort": 1,
    }


def _alerts() -> dict[str, Any]:
    """Mark the times at which alerts fired in every picture."""
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing",alertname!="Watchdog"}',
        "titleFormat": "{{ alertname }}",
        "textFormat": "{{ service }}",
    }


def _panel(panel: Panel, number: int, left: int, top: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    custom: dict[str, Any] = {"fillOpacity": 8, "showPoints": "never", "spanNulls": False}
    if panel.border is not None:
        custom["thresholdsStyle"] = {"mode": "line"}
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.border}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.tells,
        "datasource": SOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": HEIGHT},
        "fieldConfig": {"defaults": {**defaults, "custom": custom}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
            }
            for place, query in enumerate(panel.queries)
        ],
    }


def metrics(expr: str) -> set[str]:
    """Return the names of the metrics that an expression reads."""
    text = re.sub(r'"[^"]*"', '""', expr)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)", "", text)
    return {name for name in _METRIC.findall(re.sub(r"\b\d[\d.eE]*\b", "", text)) if name not in _WORDS}


def concrete(expr: str, *, services: str = ".+", window: str = "5m") -> str:
    """Return an expression with Grafana's variables filled in, as Prometheus takes it."""
    return expr.replace("$service", services).replace(RATE, window)


def mistakes(dashboards: Iterable[Dashboard], known: Mapping[str, str]) -> list[str]:
    """Return what is wrong with dashboards, each line naming dashboard and panel; nothing when all is well.

    Args:
        dashboards: All of them.
        known: Every metric that something exports, to what exports it.
    """
    found: list[str] = []
    seen: set[str] = set()
    for dashboard in dashboards:
        where = f"dashboard {dashboard.uid}"
        if dashboard.uid in seen:
            found.append(f"{where}: stands twice")
        seen.add(dashboard.uid)
        if not dashboard.panels:
            found.append(f"{where}: shows nothing")
        for panel in dashboard.panels:
            found += [f"{where}, panel '{panel.title}': {line}" for line in _panel_mistakes(panel, known)]
        titles = [panel.title for panel in dashboard.panels]
        found += [f"{where}: panel '{t}' stands twice" for t in sorted(set(titles)) if titles.count(t) > 1]
    return found


def _panel_mistakes(panel: Panel, known: Mapping[str, str]) -> Sequence[str]:
    found = []
    if not panel.queries:
        found.append("queries nothing")
    if not 1 <= panel.width <= COLUMNS:
        found.append(f"is {panel.width} of {COLUMNS} columns wide")
    for query in panel.queries:
        names = metrics(query.expr)
        if not names:
            found.append(f"reads no metric: {query.expr}")
        found += [f"reads {name}, which nothing exports" for name in sorted(names - known.keys())]
    return found
