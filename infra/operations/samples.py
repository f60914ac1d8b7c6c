"""Samples and their text. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

HELP = {
    "plinth_service_pods_wanted": "Pods that the settings ask for.",
    "plinth_service_pods_ready": "Pods that are ready.",
    "plinth_service_pods_updated": "Pods of the release that was asked for last, and ready.",
    "plinth_contract_valid": "1 while the readiness contract holds for the running model, else 0.",
    "plinth_contract_expires_timestamp_seconds": "When the contract ends, in seconds since 1970.",
    "plinth_review_waiting_cases": "Cases that wait for a person.",
    "plinth_review_oldest_seconds": "How long the oldest of them has waited.",
    "plinth_backup_age_seconds": "Age of the latest backup in a vault.",
    "plinth_audit_recording": "1 while the trail records, else 0.",
    "plinth_audit_silence_seconds": "Time since the trail last delivered.",
    "plinth_cost_spent_share": "Spent share of the month's budget.",
    "plinth_month_elapsed_share": "Elapsed share of the month.",
    "plinth_certificate_expires_timestamp_seconds": "When a certificate ends, in seconds since 1970.",
    "plinth_fairness_ratio": "Worst group's rate against the best, in the running model's record.",
    "plinth_fairness_limit": "What the contract allows of it at least.",
    "plinth_shadow_pairs": "Answers of a candidate that were compared with those that users got.",
    "plinth_shadow_disagreement_share": "Share of other outcomes among them, three standard errors lower.",
    "plinth_shadow_failed_share": "Share in which only the candidate failed, three standard errors lower.",
    "plinth_shadow_slow_share": "Share in which only the candidate was slow, three standard errors lower.",
    "plinth_shadow_score_distance": "Mean distance of the probabilities of both.",
    "plinth_retraining_look_timestamp_seconds": "When retraining last looked, in seconds since 1970.",
    "plinth_retraining_look_ok": "1 when that look ended well, 0 when a training failed or was refused.",
    "plinth_operations_read_ok": "1 when a reading succeeded the last time, else 0.",
    "plinth_operations_read_timestamp_seconds": "When a reading last succeeded, in seconds since 1970.",
}
"""Every metric of this exporter, and what it means."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One value of one metric.

    Args:
        name: One of :data:`HELP`.
        value: In the unit that the name ends with.
        labels: Few and closed.
    """

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def exposition(samples: Iterable[Sample]) -> str:
    """Return samples as Prometheus reads them; a metric's samples stand together.

    Raises:
        KeyError: A sample is of a metric that is not described.
    """
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    lines = []
    for name, found in sorted(by_name.items()):
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(one.labels)} {one.value:.17g}" for one in found]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
    return f"{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
