"""What a model must stand besides a holdout: its weakest slice, hard inputs, small changes. Pure.

Everything works on a function from rows to the probability of the second class, so it judges the
exported model, the one that will serve.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata  # type: ignore[import-untyped]  # ships no types

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Predict = Callable[[Matrix], Floats]

SMALLEST_SLICE = 50
"""Rows below which a slice's AUC is mostly chance (standard error about 0.08 at 50)."""

SMALLEST_CLASS = 10
"""Rows of each class that a slice needs for the same reason."""

SLICE_ERRORS = 2.0
"""Standard errors by which a slice's AUC is taken higher than measured. The weakest of 33 slices of 60 rows
moved between 0.41 and 0.66 with the order of the rows alone, so the measured one judges luck."""

HARD_ROWS = 2000
"""Rows from the corners of the schema: enough to meet every pair of values of 17 fields."""

BATCH_SIZES = (1, 7, 64)
"""The same row must get the same answer alone and in any batch."""

NOISE_SHARE = 0.01
"""Numbers are moved by one percent of their spread: less than anybody rounds to."""


def auc(target: Bools, probability: Floats) -> float:
    """Return the probability that a row of the second class is ranked above one of the first."""
    positive = int(target.sum())
    ranks = rankdata(probability)[target].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * (len(target) - positive)))


def auc_error(value: float, positive: int, negative: int) -> float:
    """Return the standard error of an AUC (Hanley and McNeil, Radiology 143, 1982, formula 1).

    Args:
        value: The AUC.
        positive: Rows of the second class.
        negative: Rows of the first.
    """
    first, second = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + (positive - 1) * (first - value**2) + (negative - 1) * (second - value**2)
    return float(np.sqrt(max(spread, 0.0) / (positive * negative)))


def slices(
    rows: Matrix, target: Bools, probability: Floats, categories: Mapping[int, Sequence[str]]
) -> dict[str, float]:
    """Return the AUC of the weakest slice, over every value of every categorical column.

    Each slice's AUC is taken :data:`SLICE_ERRORS` standard errors higher than measured: the best that
    its rows still allow. What is weak even then is weak.

    Args:
        rows: Codes and numbers.
        target: The truth.
        probability: From models that did not see the row.
        categories: Column -> names of its codes.
    """
    found = []
    for column, names in categories.items():
        for code in range(len(names)):
            mine = rows[:, column] == code
            positive = int(target[mine].sum())
            if mine.sum() >= SMALLEST_SLICE and min(positive, int(mine.sum()) - positive) >= SMALLEST_CLASS:
                measured = auc(target[mine], probability[mine])
                error = auc_error(measured, positive, int(mine.sum()) - positive)
                found.append(min(1.0, measured + SLICE_ERRORS * error))
    return {"count": float(len(found)), "worst_auc": round(min(found), 6) if found else float("nan")}


def hard_rows(limits: Sequence[tuple[float, float]], *, seed: int) -> Matrix:
    """Return rows from the corners of the schema: each value at one of its two ends."""
    rng = np.random.default_rng(seed)
    ends = np.asarray(limits, dtype=np.float32)
    chosen = rng.integers(0, 2, (HARD_ROWS, len(ends)))
    return np.asarray(np.where(chosen == 0, ends[:, 0], ends[:, 1]), dtype=np.float32)


def stress(predict: Predict, limits: Sequence[tuple[float, float]], *, seed: int) -> dict[str, float]:
    """Return how the model stands the extremes of its schema.

    Args:
        predict: The exported model.
        limits: Smallest and largest value that each column may have.
        seed: Fixes the rows.

    Returns:
        ``invalid_share`` of answers that are no probability, and ``batch_difference``, the largest
        difference between a row's answers in batches of different size.
    """
    rows = hard_rows(limits, seed=seed)
    whole = predict(rows)
    invalid = ~(np.isfinite(whole) & (whole >= 0) & (whole <= 1))
    difference = 0.0
    for size in BATCH_SIZES:
        part = rows[: size * 3]
        apart = np.concatenate([predict(part[i : i + size]) for i in range(0, len(part), size)])
        difference = max(difference, float(np.abs(apart - whole[: len(part)]).max()))
    return {"invalid_share": float(invalid.mean()), "batch_difference": float(f"{difference:.3g}")}


def robustness(
    predict: Predict, rows: Matrix, numeric: Sequence[int], decide: Callable[[float], str], *, seed: int
) -> dict[str, float]:
    """Return how much small changes of the numbers move the answers.

    Returns:
        ``largest_change`` of a probability, and ``decisions_changed_share``.
    """
    rng = np.random.default_rng(seed)
    moved = rows.copy()
    columns = list(numeric)
    spread = rows[:, columns].std(axis=0)
    moved[:, columns] += (NOISE_SHARE * spread * rng.standard_normal((len(rows), len(columns)))).astype(
        np.float32
    )
    before, after = predict(rows), predict(moved)
    changed = [decide(float(a)) != decide(float(b)) for a, b in zip(before, after, strict=True)]
    return {
        "largest_change": round(float(np.abs(before - after).max()), 6),
        "decisions_changed_share": round(float(np.mean(changed)), 6),
    }
