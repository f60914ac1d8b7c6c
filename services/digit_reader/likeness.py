"""Whether an image is like those that the model learned from.

Digits fill a small part of all images. The part is described by its main directions; what of an image
they cannot describe is its distance. The border is set so that a stated share of ordinary images lies
beyond it. Fitting needs scikit-learn, judging needs numpy only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
DIRECTIONS = 20
"""Main directions: they hold nine tenths of the variance of these images."""
DIGITS = 7
"""Significant digits that are written: as many as a 32-bit input has."""


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """The described part of all images, and how far ordinary ones lie from it."""

    mean: Matrix
    directions: Matrix
    border: float

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Likeness":
        """Return what :meth:`document` wrote."""
        return cls(
            mean=np.asarray(document["mean"]),
            directions=np.asarray(document["directions"]),
            border=float(document["border"]),
        )

    def document(self) -> dict[str, Any]:
        """Return it as JSON, rounded so that one content has one digest."""
        return {
            "mean": [_round(value) for value in self.mean],
            "directions": [[_round(value) for value in row] for row in self.directions],
            "border": _round(self.border),
        }

    def unlikeness(self, rows: npt.ArrayLike) -> Matrix:
        """Return the distance of each row in borders: above 1 is unlike the training."""
        centred = np.asarray(rows, dtype=np.float64) - self.mean
        rest = centred - centred @ self.directions.T @ self.directions
        distance: Matrix = np.sqrt((rest**2).sum(axis=1)) / self.border
        return distance


def fit(rows: npt.ArrayLike, held_out: npt.ArrayLike, *, false_positive_rate: float, seed: int) -> Likeness:
    """Return the likeness to rows; the border comes from rows that took no part.

    Args:
        rows: Features of the images to be like.
        held_out: Features of other ordinary images.
        false_positive_rate: Share of those that may lie beyond the border.
        seed: Fixes the search for directions.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415 - not there where models are served

    found = PCA(DIRECTIONS, svd_solver="full", random_state=seed).fit(np.asarray(rows, dtype=np.float64))
    free = Likeness(mean=found.mean_, directions=found.components_, border=1.0)
    border = float(np.quantile(free.unlikeness(held_out), 1 - false_positive_rate))
    return Likeness(mean=found.mean_, directions=found.components_, border=border)


def _round(value: float) -> float:
    return float(f"{float(value):.{DIGITS}g}")
