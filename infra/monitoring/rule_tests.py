"""promtool's unit tests of every rule, made from the proofs that stand with the alerts. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from infra.monitoring.model import Alert, Group, duration
from infra.monitoring.rules import rendered

LONG_SECONDS = 7200
"""Proofs that last longer are looked at every four minutes instead of every half: each step is evaluated,
and what was recorded five minutes ago is no longer seen."""


def files(groups: Iterable[Group]) -> dict[str, str]:
    """Return the files for promtool by name: rules and tests of each group, short proofs apart from long.

    Each group stands alone, but for the figures that all services share: every test evaluates all rules of
    its files.
    """
    found = list(groups)
    shared = [group for group in found if group.recordings]
    made = {"figures.rules.yml": rendered(shared)}
    for group in found:
        if not group.alerts:
            continue
        made[f"{group.name}.rules.yml"] = rendered([group])
        for kind, long in (("short", False), ("long", True)):
            chosen = [alert for alert in group.alerts if (alert.proof.at > LONG_SECONDS) is long]
            if chosen:
                tests = [one for alert in chosen for one in (_fires(alert), _silent(alert))]
                content = {
                    "rule_files": ["figures.rules.yml", f"{group.name}.rules.yml"],
                    "evaluation_interval": "4m" if long else "30s",
                    "tests": tests,
                }
                made[f"{group.name}.{kind}.test.yml"] = yaml.safe_dump(content, sort_keys=False, width=110)
    return made


def _test(alert: Alert, series: Mapping[str, str], says: str) -> dict[str, Any]:
    return {
        "name": f"{alert.name}{_of(alert)} {says}",
        "interval": f"{alert.proof.step}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
    }


def _of(alert: Alert) -> str:
    return "".join(f" {value}" for value in alert.labels.values())


def _firing(alert: Alert) -> str:
    """Select the alert's firing series; its words are for people, and not what is tested."""
    own = "".join(f',{name}="{value}"' for name, value in alert.labels.items())
    return f'ALERTS{{alertname="{alert.name}",alertstate="firing"{own}}}'


def _looked_at(alert: Alert, fires: int) -> dict[str, Any]:
    return {
        "promql_expr_test": [
            {
                "expr": f"count({_firing(alert)}) > bool 0",
                "eval_time": duration(alert.proof.at),
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ]
    }


def _fires(alert: Alert) -> dict[str, Any]:
    return _test(alert, alert.proof.firing, "fires on its cause") | _looked_at(alert, 1)


def _silent(alert: Alert) -> dict[str, Any]:
    series = dict(alert.proof.silent)
    if alert.name == "Watchdog":  # it has no cause that could be absent
        return _test(alert, {"up": "1x10"}, "fires whatever else there is") | _looked_at(alert, 1)
    return _test(alert, series, "is silent without it") | _looked_at(alert, 0)
