"""How sure an answer is: conformal prediction sets, confidence, and a band around the probability.

All three rest on rows that the model did not see, and on the one assumption that new rows come from the
same source; the guard says where that does not hold. Each is a look-up in sorted numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

COVERAGE = 0.90
"""Share of rows whose true class lies in the prediction set. Usual; a set of both classes says that the
model cannot tell them apart at this level."""

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """What is known about one probability.

    Args:
        confidence: 1 minus the p-value of the less likely class: how clearly the other one is excluded.
        credibility: p-value of the likelier class; low when neither class fits the row.
        classes: The prediction set at :data:`COVERAGE`: 0 for the first class, 1 for the second.
        low: Lower end of the probability's calibrated band.
        high: Upper end.
    """

    confidence: float
    credibility: float
    classes: tuple[int, ...]
    low: float
    high: float


class Calibration:
    """Answers for many probabilities at once.

    Args:
        section: The section ``confidence`` of a reference.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Turn the lists of the section into arrays, once."""
        self._first = np.asarray(section["first"], dtype=np.float64)
        self._second = np.asarray(section["second"], dtype=np.float64)
        self._scores = np.asarray(section["scores"], dtype=np.float64)
        self._low = np.asarray(section["low"], dtype=np.float64)
        self._high = np.asarray(section["high"], dtype=np.float64)

    def p_values(self, probabilities: Vector) -> tuple[Vector, Vector]:
        """Return the conformal p-values of the first and of the second class."""
        return _p_value(self._first, probabilities), _p_value(self._second, 1.0 - probabilities)

    def band(self, probabilities: Vector) -> tuple[Vector, Vector]:
        """Return the ends of the Venn-Abers bands."""
        below = np.searchsorted(self._scores, probabilities, side="left")
        at = np.searchsorted(self._scores, probabilities, side="right") > below
        place = 2 * below + at
        return self._low[place], self._high[place]

    def judge(self, probabilities: Vector, *, coverage: float = COVERAGE) -> list[Confidence]:
        """Return what is known about each probability of the second class."""
        first, second = self.p_values(probabilities)
        low, high = self.band(probabilities)
        return [
            Confidence(
                confidence=1.0 - min(a, b),
                credibility=max(a, b),
                classes=tuple(label for label, p in ((0, a), (1, b)) if p > 1.0 - coverage),
                low=bottom,
                high=top,
            )
            for a, b, bottom, top in zip(
                first.tolist(), second.tolist(), low.tolist(), high.tolist(), strict=True
            )
        ]


def _p_value(known: Vector, misfit: Vector) -> Vector:
    """Return the share of known rows of the class that fit it no better, counting the row itself."""
    return (1 + len(known) - np.searchsorted(known, misfit, side="left")) / (len(known) + 1)
