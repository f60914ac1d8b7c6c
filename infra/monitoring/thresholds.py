"""Every number that an alert hangs on, which is not in a service's contract: value, unit, reason.

A number of a service's own (latency, confidence, drift, review) stands in its contract and nowhere else.
"""

import math
import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z][a-z0-9_]*")
UNITS = frozenset(
    {
        "seconds", "minutes", "hours", "days", "requests", "requests per second", "share", "ratio", "percent",
        "times the budget", "degrees Celsius", "failures", "pods", "events",
    }
)  # fmt: skip
"""Units that a threshold may have; a new one is added here, so that no two mean the same."""
SHORTEST_REASON = 20
"""Characters below which a reason says nothing."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """One number.

    Args:
        name: By which rules and runbooks know it.
        value: In the unit.
        unit: One of :data:`UNITS`.
        reason: Why it is not half or twice as much; where it comes from.
    """

    name: str
    value: float
    unit: str
    reason: str

    def mistakes(self) -> list[str]:
        """Return what is wrong with it, naming it; nothing when it is fit."""
        found = []
        if not _NAME.fullmatch(self.name):
            found.append(f"threshold {self.name!r}: a name has lower-case letters, digits and underscores")
        if not math.isfinite(self.value) or self.value < 0:
            found.append(f"threshold {self.name}: {self.value} is no number that can be reached")
        if self.unit not in UNITS:
            known = ", ".join(sorted(UNITS))
            found.append(f"threshold {self.name}: unit {self.unit!r} is none of: {known}")
        if len(self.reason) < SHORTEST_REASON:
            found.append(f"threshold {self.name}: says no reason")
        return found

    @property
    def text(self) -> str:
        """Return the number as PromQL takes it."""
        return f"{self.value:g}"

    @property
    def words(self) -> str:
        """Return number and unit for people."""
        return f"{self.value:g} {self.unit}"


def _table(*rows: tuple[str, float, str, str]) -> dict[str, Threshold]:
    return {
        name: Threshold(name=name, value=value, unit=unit, reason=reason)
        for name, value, unit, reason in rows
    }


THRESHOLDS = _table(
    # Error budgets (burn rates of the table in Google's SRE workbook, chapter 5).
    ("burn_fast", 14.4, "times the budget", "spends 2 percent of a 30-day budget in an hour: wake somebody"),
    ("burn_slow", 6, "times the budget", "spends 5 percent of a 30-day budget in six hours: today's work"),
    ("burn_creeping", 1, "times the budget", "at this rate the budget is just spent at its period's end"),
    ("least_requests", 50, "requests", "below it one bad request is a large share and says nothing"),
    ("least_answers", 100, "requests", "shares of 5 percent need a hundred answers to be told from chance"),
    # Serving.
    ("in_progress_share", 0.7, "share", "of the 1,500 requests at which a pod answers 'overloaded'"),
    ("replicas_missing_minutes", 5, "minutes", "a pod starts in a minute, a new node brings one in four"),
    ("rollout_minutes", 15, "minutes", "two pods roll in three minutes; the engine gives up after ten"),
    # Decision log and review.
    ("log_unshipped_seconds", 180, "seconds", "the log refuses at 300 s; two minutes are left to act"),
    ("stop_unread_seconds", 120, "seconds", "the model is not asked after 300 s; three minutes are left to act"),
    ("log_refusals", 0, "requests", "each one is an answer that somebody waited for and did not get"),
    ("review_queue_share", 0.8, "share", "of the contract's longest queue, at which answers are refused"),
    # Governance.
    ("contract_expiry_days", 14, "days", "two owners need a week to measure, judge and sign again"),
    ("certificate_expiry_days", 14, "days", "a renewal that failed can be repeated by hand in two weeks"),
    ("backup_age_hours", 26, "hours", "backups are made each night; two hours for the backup itself"),
    ("audit_silence_hours", 2, "hours", "CloudTrail delivers about every 5 minutes, and within an hour"),
    ("cost_burn_ratio", 1.2, "ratio", "a fifth more than an even month: spending is booked with a day's lag"),
    ("cost_least_share", 0.1, "share", "of the budget; the first days of a month prove nothing"),
    # GPU (NVIDIA's DCGM field guide for the meaning of each figure).
    ("gpu_idle_percent", 5, "percent", "of compute; a GPU that serves or trains stays well above it"),
    ("gpu_idle_minutes", 30, "minutes", "twice the time after which the autoscaler takes an idle node away"),
    ("gpu_busy_percent", 95, "percent", "of compute, for a quarter of an hour: work waits from here on"),
    ("gpu_memory_share", 0.95, "share", "the next allocation of a batch fails"),
    ("gpu_hot_celsius", 85, "degrees Celsius", "data-centre cards slow down at 85 to 90 degrees"),
    ("gpu_clock_share", 0.7, "share", "of the day's fastest clock; boost alone moves it by a tenth"),
    ("gpu_working_percent", 50, "percent", "of compute; an idle card lowers its clock by itself"),
    ("gpu_pending_minutes", 15, "minutes", "a GPU node takes about five minutes to join; three times that"),
    # The cluster and the watching itself.
    ("pod_restarts", 3, "failures", "in 15 minutes: a pod that fails once recovers, one that fails on does not"),
    ("node_disk_share", 0.85, "share", "the kubelet removes images at 85 percent and evicts pods at 90"),
    ("node_memory_share", 0.92, "share", "of a node's memory; the kubelet evicts when 100 MiB are left"),
    ("node_ready_minutes", 5, "minutes", "pods of a lost node are moved after five minutes"),
    ("exporter_minutes", 3, "minutes", "six scrapes at 30 s: not one that was lost to a restart"),
    ("delivery_failures", 0, "failures", "an alert that reaches nobody is no alert"),
    ("rule_failures", 0, "failures", "a rule that cannot be evaluated watches nothing"),
    ("remote_write_lag_seconds", 120, "seconds", "samples are sent each few seconds; two minutes is a backlog"),
)  # fmt: skip


def number(name: str) -> str:
    """Return a threshold as PromQL takes it.

    Raises:
        KeyError: There is none of that name.
    """
    return THRESHOLDS[name].text


def seconds(name: str) -> int:
    """Return a threshold of time in seconds.

    Raises:
        ValueError: It is no time.
    """
    found = THRESHOLDS[name]
    factor = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}.get(found.unit)
    if factor is None:
        raise ValueError(f"threshold {name} is in {found.unit}, which is no time")
    return int(found.value * factor)


def mistakes(table: dict[str, Threshold] | None = None) -> list[str]:
    """Return every mistake of a table of thresholds."""
    rows = THRESHOLDS if table is None else table
    return [line for row in rows.values() for line in row.mistakes()]
