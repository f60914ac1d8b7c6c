"""Compares what a candidate answered in shadow with what users got from the version in service. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from infra.rollout.checks import BURN, ERRORS
from services.readiness.contract import Contract
from services.readiness.shadow import Answered

KEPT = 20_000
"""Answers that wait for their other half: minutes at a hundred a second."""
FIRST_LOOK = 20
"""Pairs before which nothing is undone: of fewer, one odd answer would decide."""
FAILED = 500
"""Statuses from here on are the service's fault."""


@dataclass(kw_only=True)
class Tally:
    """What was counted over pairs of answers to the same request.

    Args:
        pairs: Pairs.
        failed: Pairs in which only the candidate failed.
        different: Pairs of two good answers with different outcomes.
        slow: Pairs in which only the candidate took longer than the contract allows.
        distance: Sum of the distances of the two probabilities.
        scored: Pairs in which both have one.
    """

    pairs: int = 0
    failed: int = 0
    different: int = 0
    slow: int = 0
    distance: float = 0.0
    scored: int = 0

    def share(self, count: int) -> float:
        """Return the share of all pairs."""
        return count / self.pairs if self.pairs else 0.0

    def least_share(self, count: int) -> float:
        """Return where a share lies at least: three standard errors below what was counted."""
        share = self.share(count)
        return max(0.0, share - ERRORS * math.sqrt(share * (1 - share) / self.pairs)) if self.pairs else 0.0

    @property
    def mean_distance(self) -> float:
        """Return the mean distance of the probabilities."""
        return self.distance / self.scored if self.scored else 0.0


@dataclass(kw_only=True)
class Comparison:
    """The answers of one candidate beside those of the version in service.

    Args:
        latency_ms: Longest answer by the contract.
    """

    latency_ms: float
    tally: Tally = field(default_factory=Tally)
    _originals: dict[str, Answered] = field(default_factory=dict)
    _shadows: dict[str, Answered] = field(default_factory=dict)

    def add(self, answers: Iterable[Answered]) -> None:
        """Take answers of any pod, in any order; each pair is counted once."""
        for one in answers:
            mine, other = (self._shadows, self._originals) if one.shadow else (self._originals, self._shadows)
            found = other.pop(one.request, None)
            if found is None:
                mine[one.request] = one
                if len(mine) > KEPT:
                    del mine[next(iter(mine))]
            else:
                self._count(*((found, one) if one.shadow else (one, found)))

    def _count(self, original: Answered, shadow: Answered) -> None:
        tally = self.tally
        tally.pairs += 1
        if original.status < FAILED <= shadow.status:
            tally.failed += 1
        elif original.status == shadow.status and original.label != shadow.label:
            tally.different += 1
        if original.milliseconds <= self.latency_ms < shadow.milliseconds:
            tally.slow += 1
        if original.score is not None and shadow.score is not None:
            tally.scored += 1
            tally.distance += abs(original.score - shadow.score)


def broken(contract: Contract, tally: Tally) -> list[str]:
    """Return which limits a candidate breaks in shadow, a sentence each; none while too little is known."""
    if tally.pairs < FIRST_LOOK:
        return []
    objectives, limits = contract.objectives, contract.shadow
    # As long as the first user's request has not been risked, one failed copy in a thousand is one too many.
    shares = (
        ("failed requests", tally.failed, (100 - objectives.availability_percent) / 100),
        ("slow requests", tally.slow, min(1.0, BURN * (100 - objectives.latency_percentile) / 100)),
        ("different outcomes", tally.different, limits.disagreement_share_at_most),
    )
    found = [
        f"{name}: {tally.share(count):.1%} of {tally.pairs} shadow answers, {limit:.2%} may be"
        for name, count, limit in shares
        if tally.least_share(count) > limit
    ]
    if tally.mean_distance > limits.score_distance_at_most:
        found.append(
            f"distance of probabilities: {tally.mean_distance:.3f} on average, "
            f"{limits.score_distance_at_most:.3f} may be"
        )
    return found


def lacking(contract: Contract, tally: Tally) -> str | None:
    """Return why a candidate may not have users yet; None when it may."""
    needed = contract.shadow.smallest_comparison
    if tally.pairs < needed:
        return f"{tally.pairs} of {needed} answers are compared"
    return "; ".join(broken(contract, tally)) or None


def answers_of(page: Sequence[Sequence[object]]) -> list[Answered]:
    """Return the answers of a page as they came over the wire."""
    return [Answered(*row) for row in page]  # type: ignore[arg-type]  # JSON of the same tuple
