"""Ways in which input goes wrong in practice, made on purpose, to measure what the guard finds.

Each takes rows of codes and numbers and returns rows of the same shape. None of them looks at the guard.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Shift = Callable[[Matrix, np.random.Generator], Matrix]


def shuffled_columns(rows: Matrix, rng: np.random.Generator) -> Matrix:
    """Join each column's values from different rows: every value is ordinary, only the ties are lost."""
    return np.column_stack([rng.permutation(column) for column in rows.T])


def uniform_categories(sizes: Sequence[int]) -> Shift:
    """Draw every category evenly; ``sizes`` holds the count of categories, 0 for a number."""

    def shift(rows: Matrix, rng: np.random.Generator) -> Matrix:
        changed = rows.copy()
        for i, size in enumerate(sizes):
            if size:
                changed[:, i] = rng.integers(0, size, len(rows))
        return changed

    return shift


def codes_off_by_one(sizes: Sequence[int]) -> Shift:
    """Number the categories from 1 instead of 0, as a changed export does; the last becomes the first."""

    def shift(rows: Matrix, _: np.random.Generator) -> Matrix:
        changed = rows.copy()
        for i, size in enumerate(sizes):
            if size:
                changed[:, i] = (changed[:, i] + 1) % size
        return changed

    return shift


def another_unit(column: int, factor: float, low: float, high: float) -> Shift:
    """Give one number in another unit, rounded and kept within what the schema allows."""

    def shift(rows: Matrix, _: np.random.Generator) -> Matrix:
        changed = rows.copy()
        changed[:, column] = np.clip(np.round(changed[:, column] * factor), low, high)
        return changed

    return shift


def uniform_numbers(limits: Mapping[int, tuple[int, int]]) -> Shift:
    """Draw numbers evenly between what the schema allows, as a fuzzer or a broken form does."""

    def shift(rows: Matrix, rng: np.random.Generator) -> Matrix:
        changed = rows.copy()
        for i, (low, high) in limits.items():
            changed[:, i] = rng.integers(low, high + 1, len(rows))
        return changed

    return shift


def mostly(column: int, value: float, share: float) -> Shift:
    """Set one column to a value in this share of rows: other people ask, or a form has a new default."""

    def shift(rows: Matrix, rng: np.random.Generator) -> Matrix:
        changed = rows.copy()
        changed[rng.random(len(rows)) < share, column] = value
        return changed

    return shift
