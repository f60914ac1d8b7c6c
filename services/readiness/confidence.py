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


@dataclass(frozen=True, kw_only=True, slots=True)
class Confidence:
    """What is known about one row's probabilities.

    Args:
        confidence: 1 minus the p-value of the second likeliest class: how clearly all others are excluded.
        credibility: p-value of the likeliest class; low when no class fits the row.
        classes: The prediction set at :data:`COVERAGE`: places of classes, 0 for the first.
        low: Lower end of the calibrated band of the second class's probability; None with many classes.
        high: Upper end.
    """

    confidence: float
    credibility: float
    classes: tuple[int, ...]
    low: float | None = None
    high: float | None = None


class Calibration:
    """Answers for many probabilities of the second of two classes at once.

    Args:
        section: The section ``confidence`` of a reference.
    """

    classes = 2

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

    def known(self, probabilities: npt.NDArray[np.float64], *, coverage: float) -> list[Confidence]:
        """Return what is known about rows with a probability for each class."""
        return self.judge(probabilities[:, 1], coverage=coverage)


class ClassCalibration:
    """Answers for rows with a probability for each of many classes.

    Args:
        section: The section ``confidence`` of a reference, of the kind ``classes``.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Turn the lists of the section into arrays, once."""
        self._misfits = [np.asarray(known, dtype=np.float64) for known in section["misfits"]]
        self.classes = len(self._misfits)

    def known(self, probabilities: npt.NDArray[np.float64], *, coverage: float) -> list[Confidence]:
        """Return what is known about each row."""
        values = np.column_stack(
            [_p_value(known, 1.0 - probabilities[:, k]) for k, known in enumerate(self._misfits)]
        )
        ordered = np.sort(values, axis=1)
        return [
            Confidence(
                confidence=1.0 - second,
                credibility=first,
                classes=tuple(k for k, value in enumerate(row) if value > 1.0 - coverage),
            )
            for row, second, first in zip(
                values.tolist(), ordered[:, -2].tolist(), ordered[:, -1].tolist(), strict=True
            )
        ]


def _p_value(known: Vector, misfit: Vector) -> Vector:
    """Return the share of known rows of the class that fit it no better, counting the row itself."""
    return (1 + len(known) - np.searchsorted(known, misfit, side="left")) / (len(known) + 1)
