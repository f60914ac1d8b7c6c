"""What is known about one request before anything is decided."""

from dataclasses import dataclass
from typing import Literal

from services.readiness.confidence import Confidence
from services.readiness.contract import Trouble
from services.readiness.guard import Judgement

RungName = Literal["model", "scorecard", "cached_answer", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """What the ladder has to say about one row.

    Args:
        rung: Where the probabilities come from; ``none`` when there are none.
        troubles: What went wrong on the way, in the contract's words.
        probabilities: One for each class; None when there are none.
        judgement: What the guard found; None when it could not be asked.
        confidence: What is known about the model's probabilities; None for other rungs.
        explanation: Terms that add up to the log-odds (model) or to the points (scorecard), by input.
        base: What these terms are added to.
    """

    rung: RungName
    troubles: tuple[Trouble, ...] = ()
    probabilities: tuple[float, ...] | None = None
    judgement: Judgement | None = None
    confidence: Confidence | None = None
    explanation: dict[str, float] | None = None
    base: float = 0.0

    @property
    def likelier(self) -> float | None:
        """Return the probability of the likeliest class."""
        return max(self.probabilities) if self.probabilities else None
