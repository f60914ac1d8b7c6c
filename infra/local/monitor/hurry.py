"""The same rules with shorter times, for a drill: one divisor for all, a floor that scrapes need. Pure."""

import copy
import re
from collections.abc import Mapping
from typing import Any

_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_RANGE = re.compile(r"\[((?:\d+(?:ms|[smhdwy]))+)\]")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
SAMPLES_IN_RANGE = 4
"""Scrapes that a range must span, so that a rate can be told though one is late."""


def seconds(text: str) -> float:
    """Return a Prometheus duration in seconds."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))


def shortened(text: str, divisor: float, least: int) -> str:
    """Return a duration divided, in whole seconds, and not below the floor unless it was before."""
    whole = seconds(text)
    return f"{max(round(whole / divisor), min(least, round(whole)))}s"


def rules(document: Mapping[str, Any], *, divisor: float, scrape_seconds: int) -> dict[str, Any]:
    """Return rules whose ranges and waits are shorter. Thresholds, labels and words stay.

    Args:
        document: A rule file.
        divisor: By what every time is divided.
        scrape_seconds: Between two scrapes; ranges span several.
    """
    found = copy.deepcopy(dict(document))
    least = scrape_seconds * SAMPLES_IN_RANGE
    for group in found["groups"]:
        for rule in group["rules"]:
            rule["expr"] = _RANGE.sub(lambda m: f"[{shortened(m[1], divisor, least)}]", rule["expr"])
            if "for" in rule:
                rule["for"] = shortened(rule["for"], divisor, scrape_seconds)
    return found


def scraping(config: Mapping[str, Any], *, scrape_seconds: int) -> dict[str, Any]:
    """Return a configuration of Prometheus that looks more often."""
    found = copy.deepcopy(dict(config))
    every = f"{scrape_seconds}s"
    timeout = f"{max(1, scrape_seconds - 1)}s"
    found["global"] |= {"scrape_interval": every, "evaluation_interval": every, "scrape_timeout": timeout}
    return found


def routing(config: Mapping[str, Any], *, divisor: float) -> dict[str, Any]:
    """Return a configuration of Alertmanager that waits less before it tells."""
    found = copy.deepcopy(dict(config))

    def hurried(route: dict[str, Any]) -> None:
        for key in ("group_wait", "group_interval"):
            if key in route:
                route[key] = shortened(route[key], divisor, 1)
        for inner in route.get("routes", []):
            hurried(inner)

    hurried(found["route"])
    return found
