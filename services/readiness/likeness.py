"""Tell whether an image is like those that the model learned from.

Images of one kind fill a small part of all images. The part is described by its main directions; what of
an image they cannot describe is its distance, and how many ordinary images lie as far is its p-value.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from services.readiness.guard import Judgement, verdict

Matrix = npt.NDArray[np.float64]


class Likeness:
    """Judges rows, many at once.

    Args:
        section: The section ``guard`` of a reference, of the kind ``directions``.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Turn the lists of the section into arrays, once."""
        self._mean = np.asarray(section["mean"], dtype=np.float64)
        self._directions = np.asarray(section["directions"], dtype=np.float64)
        self._known = np.asarray(section["known"], dtype=np.float64)

    def judge(self, rows: Matrix) -> list[Judgement]:
        """Judge each row."""
        return [
            Judgement(verdict=verdict(p_value), p_value=p_value, outside=())
            for p_value in self.p_values(rows).tolist()
        ]

    def p_values(self, rows: Matrix) -> Matrix:
        """Return for each row the share of ordinary rows that lie at least as far away."""
        known, distances = self._known, self.distances(rows)
        return (1 + len(known) - np.searchsorted(known, distances, side="left")) / (len(known) + 1)

    def distances(self, rows: Matrix) -> Matrix:
        """Return the length of what the directions cannot describe of each row."""
        centred = rows - self._mean
        rest = centred - centred @ self._directions.T @ self._directions
        distance: Matrix = np.sqrt((rest**2).sum(axis=1))
        return distance
