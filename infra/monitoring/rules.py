"""All rules of a stack: put together, checked, and written as Prometheus reads them. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from infra.monitoring import estate_rules, gpu_rules, oversight_rules, service_rules, thresholds, trust_rules
from infra.monitoring.model import Alert, Group, duration
from services.readiness.contract import Contract

RUNBOOKS = "infra/monitoring/runbooks"
JOBS = ("services", "operations", "prometheus", "alertmanager", "kube-state-metrics", "node-exporter")
"""What must be scraped in every environment; GPU nodes come and go, so their exporter is none of it."""

_NAME = re.compile(r"[A-Z][A-Za-z0-9]+")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_WORDS = frozenset(
    {
        "sum", "by", "rate", "increase", "max", "min", "avg", "and", "or", "unless", "on", "ignoring",
        "group_right", "group_left", "absent", "vector", "time", "clamp_min", "histogram_quantile",
        "max_over_time", "avg_over_time", "without", "bool", "count", "offset",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What of a stack decides its rules.

    Args:
        contracts: Contracts of the services that it runs.
        gpus: Whether it has GPU pools.
        remote_write: Whether samples go to a long-term store.
    """

    contracts: Sequence[Contract]
    gpus: bool
    remote_write: bool = False


def groups(watched: Watched) -> list[Group]:
    """Return every group of a stack, in the order in which they are evaluated."""
    found = [service_rules.figures(), service_rules.shared(), trust_rules.shared(), oversight_rules.shared()]
    for contract in watched.contracts:
        found += [service_rules.rules(contract), trust_rules.rules(contract)]
    found += [estate_rules.governance(), estate_rules.cluster()]
    if watched.gpus:
        found.append(gpu_rules.rules())
    found.append(estate_rules.watching(expected=JOBS, remote_write=watched.remote_write))
    return found


def alerts(found: Iterable[Group]) -> list[Alert]:
    """Return the alerts of groups; one name may stand for several services."""
    return [alert for group in found for alert in group.alerts]


def document(found: Iterable[Group]) -> dict[str, Any]:
    """Return the rule file as data."""
    return {
        "groups": [
            {
                "name": group.name,
                "rules": [
                    *(
                        {
                            "record": one.record,
                            "expr": one.expr,
                            **({"labels": dict(one.labels)} if one.labels else {}),
                        }
                        for one in group.recordings
                    ),
                    *(_written(alert) for alert in group.alerts),
                ],
            }
            for group in found
        ]
    }


def rendered(found: Iterable[Group]) -> str:
    """Return the rule file as text."""
    return yaml.safe_dump(document(found), sort_keys=False, width=110)


def _written(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **({"for": duration(alert.for_seconds)} if alert.for_seconds else {}),
        "labels": {"severity": alert.severity, **alert.labels},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook": f"{RUNBOOKS}/{alert.name}.md",
            "command": f"./plinth runbook {alert.name}",
        },
    }


def metrics(expr: str) -> set[str]:
    """Return the names of the metrics in a PromQL expression.

    Good for the expressions of this package: label names stand in braces or after ``by``/``on``, which are
    taken out first.
    """
    text = re.sub(r'"[^"]*"', '""', expr)
    text = re.sub(r"\{[^}]*\}", "", text)
    text = re.sub(r"\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|on|ignoring|without)\s*\([^)]*\)", "", text)
    return {
        name
        for name in _METRIC.findall(re.sub(r"\b\d[\d.eE+-]*\b", "", text))
        if name not in _WORDS and not name.isdigit()
    }


def used_metrics(found: Iterable[Group]) -> dict[str, set[str]]:
    """Return each metric that rules read and nobody records, to the rules that read it."""
    found = list(found)
    recorded = {one.record for group in found for one in group.recordings}
    used: dict[str, set[str]] = {}
    for group in found:
        rules: Mapping[str, str] = {one.record: one.expr for one in group.recordings}
        for name, expr in [*rules.items(), *((alert.name, alert.expr) for alert in group.alerts)]:
            for metric in metrics(expr) - recorded:
                used.setdefault(metric, set()).add(name)
    return used


def mistakes(watched: Watched) -> list[str]:
    """Return everything that makes rules useless, each line naming the thing; nothing when all is well."""
    found = [*thresholds.mistakes()]
    for contract in watched.contracts:
        found += service_rules.mistakes(contract) + trust_rules.mistakes(contract)
    if found:
        return found
    seen: set[tuple[str, ...]] = set()
    for alert in alerts(groups(watched)):
        key = (alert.name, *(f"{name}={value}" for name, value in sorted(alert.labels.items())))
        if key in seen:
            found.append(f"alert {alert.name}: stands twice with the same labels")
        seen.add(key)
        found += alert_mistakes(alert)
    return found


def alert_mistakes(alert: Alert) -> list[str]:
    """Return what is wrong with one alert, naming it."""
    found = []
    if not _NAME.fullmatch(alert.name):
        found.append(f"alert {alert.name!r}: a name is <Component><Symptom>")
    if alert.cause == "synthetic" and not alert.why_synthetic:
        found.append(f"alert {alert.name}: does not say why its cause cannot be brought about here")
    read = metrics(alert.expr)
    told = {name.partition("{")[0] for name in alert.proof.firing}
    if alert.name != "Watchdog" and not read:
        found.append(f"alert {alert.name}: reads no metric, so it cannot fire on anything")
    if told and read and not any(name in told or name.startswith("plinth:") for name in read):
        found.append(
            f"alert {alert.name}: no series of its proof is one that it reads, so nothing shows it can fire"
        )
    if alert.proof.at <= alert.for_seconds:
        found.append(
            f"alert {alert.name}: its proof ends before its {duration(alert.for_seconds)} have passed"
        )
    return found
