"""The inputs of a model, as the makers of its reference see them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.readiness.errors import TrainingError

CONTINUOUS_FROM = 10
"""A number with more distinct values than this is treated as continuous; with fewer, each is a level."""

SKEWED_FROM = 1.0
"""Skewness above which a positive continuous number is compared by its logarithm: amounts and durations
differ by factors, not by sums."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One input of a model.

    Args:
        name: Its name.
        categories: Its values in the order of their codes; empty for a number.
    """

    name: str
    categories: tuple[str, ...] = ()


def check(
    columns: Sequence[Column],
    features: npt.NDArray[np.float32],
    target: npt.NDArray[np.bool_],
    out_of_fold: npt.NDArray[np.float64],
) -> None:
    """Check that the rows fit the columns.

    Raises:
        TrainingError: They do not; all mistakes at once.
    """
    rows = len(target)
    issues = []
    if features.shape != (rows, len(columns)):
        issues.append(f"features have the shape {features.shape}, expected {(rows, len(columns))}")
    elif not np.isfinite(features).all():
        issues.append("features hold values that are not finite")
    else:
        for i, column in enumerate(columns):
            if column.categories and not set(np.unique(features[:, i])) <= set(range(len(column.categories))):
                issues.append(f"column {column.name} holds codes outside of its categories")
    if out_of_fold.shape != (rows,) or not ((out_of_fold >= 0) & (out_of_fold <= 1)).all():
        issues.append("out_of_fold must hold one probability a row")
    if target.all() or not target.any():
        issues.append("the target has one class only")
    if issues:
        raise TrainingError("The reference cannot be made: " + "; ".join(issues) + ".")


def is_continuous(values: npt.NDArray[np.float64]) -> bool:
    """Tell whether a number has so many values that they are not levels."""
    return len(np.unique(values)) > CONTINUOUS_FROM


def needs_log(values: npt.NDArray[np.float64]) -> bool:
    """Tell whether a number should be compared by its logarithm."""
    if values.min() <= 0 or not is_continuous(values):
        return False
    spread = values.std()
    return bool(((values - values.mean()) ** 3).mean() > SKEWED_FROM * spread**3)
