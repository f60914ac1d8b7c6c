"""What a rule is: an alert with everything that belongs to it, and a recording rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["page", "ticket", "none"]
"""``page``: look now; ``ticket``: on the next working day; ``none``: only proves that alerts flow."""
Cause = Literal["local", "synthetic"]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Series with which promtool proves that an alert fires on its cause and is silent without it.

    Args:
        firing: Series in promtool's notation (``a+bxN``) with the cause.
        silent: The same series without it.
        at: Seconds after the first sample at which both are looked at.
        step: Seconds between two samples.
        diluted_by: Steps of ``silent`` with which a drill buries what it fed, where an alert's windows are
            longer than a drill; 0 where what is no longer fed is soon forgotten.
    """

    firing: Mapping[str, str]
    silent: Mapping[str, str]
    at: int
    step: int = 30
    diluted_by: int = 0


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One thing that can be wrong.

    Args:
        name: ``<Component><Symptom>``; also the runbook's file name.
        expr: PromQL; a result is a fault.
        for_seconds: How long it must hold.
        severity: Who looks, and when.
        summary: One line with the labels that matter.
        description: What it means, one sentence.
        proof: Series that make it fire, and series that do not.
        cause: ``local`` when ``./plinth drill alerts`` brings the fault about on the local platform,
            ``synthetic`` when its metrics are fed instead.
        why_synthetic: Why the fault cannot be had there; needed for ``synthetic``.
        labels: Labels beside the severity.
    """

    name: str
    expr: str
    for_seconds: int
    severity: Severity
    summary: str
    description: str
    proof: Proof
    cause: Cause = "local"
    why_synthetic: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A figure that several rules use."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rules that are evaluated together, in order."""

    name: str
    recordings: tuple[Recording, ...] = ()
    alerts: tuple[Alert, ...] = ()


def duration(seconds: int) -> str:
    """Return a time as Prometheus writes it, in the largest unit that divides it."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
