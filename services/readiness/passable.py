"""Limits of a contract that nothing could ever pass, or that nothing could ever break: both are mistakes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.readiness.contract import Contract, Limit

SHARES = ("ratio", "share")
"""Starts of units whose figures lie between 0 and 1."""


def hopeless(contract: "Contract") -> Iterator[str]:
    """Tell of each limit that cannot be passed, and of each drift limit that cannot be broken.

    Args:
        contract: What a service promises; each of its parts is well-formed.
    """
    limits: list[tuple[str, Limit]] = [("failing", one) for one in contract.failing]
    limits += [("fairness", one) for one in contract.fairness]
    limits += [("validation", one) for one in contract.validation.limits]
    for part, one in limits:
        yield from (f"{part}: {text}" for text in _of(one, below_zero=part == "failing"))
    for drift in contract.drift:
        if drift.at_most is None:
            yield f"drift: {drift.figure} has no at_most, so nothing could break it"
        elif drift.at_most <= 0:
            yield (
                f"drift: {drift.figure} can never pass: chance alone makes it more than "
                f"at_most {drift.at_most:g}"
            )
    guard = contract.out_of_distribution
    if guard.flagged_share_at_most < guard.false_positive_rate:
        yield (
            f"out_of_distribution: can never pass: the guard flags {guard.false_positive_rate:g} of ordinary "
            f"inputs by design, and flagged_share_at_most is {guard.flagged_share_at_most:g}"
        )
    sure = contract.confidence
    if sure.low_below >= 1 and sure.low_share_at_most < 1:
        yield "confidence: can never pass: with low_below 1 every answer counts as unsure"
    if contract.shadow.score_distance_at_most <= 0:
        yield (
            "shadow: can never pass: with score_distance_at_most 0 only the model in service itself could, "
            "and that is no candidate"
        )


def _of(limit: "Limit", *, below_zero: bool) -> Iterator[str]:
    share = limit.unit.startswith(SHARES)
    if share and limit.at_least is not None and limit.at_least > 1:
        yield f"{limit.figure} can never pass: at_least is {limit.at_least:g} {limit.unit}, and 1 is the most"
    if (share or below_zero) and limit.at_most is not None and limit.at_most < 0:
        yield f"{limit.figure} can never pass: at_most is {limit.at_most:g} {limit.unit}, and 0 is the least"
