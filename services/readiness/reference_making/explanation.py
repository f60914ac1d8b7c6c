"""Take the model's log-odds apart into one term for each input, exactly."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.readiness.errors import TrainingError
from services.readiness.reference_making.columns import Column

TOLERANCE = 1e-4
"""Largest difference in log-odds between the model and its terms, over all rows: 2.5e-5 in probability.
Inputs have 32 bits, so an amount in thousands is known to about 1e-7 of itself; 1e-6 is measured."""


def fit_explanation(
    columns: Sequence[Column],
    features: npt.NDArray[np.float32],
    log_odds: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]],
) -> dict[str, Any]:
    """Return the section ``explanation`` of the reference.

    Where the log-odds are a sum over the inputs, the Shapley value of an input against the training rows
    is its own term minus that term's mean: no sampling, no approximation. Whether they are such a sum
    is not assumed but checked on every row.

    Raises:
        TrainingError: They are not.
    """
    rows = features.astype(np.float32)
    base = rows[0].copy()
    start = float(log_odds(base[None, :])[0])
    terms: list[dict[str, Any]] = []
    total = np.full(len(rows), start)
    for i, column in enumerate(columns):
        probe = np.repeat(base[None, :], max(len(column.categories), 2), axis=0)
        if column.categories:
            probe[:, i] = np.arange(len(column.categories))
            table = log_odds(probe) - start
            own = table[rows[:, i].astype(int)]
            terms.append({"table": (table - own.mean()).tolist()})
        else:
            low, high = float(rows[:, i].min()), float(rows[:, i].max())
            probe[0, i], probe[1, i] = low, high
            ends = log_odds(probe)
            slope = float(ends[1] - ends[0]) / (high - low) if high > low else 0.0
            own = slope * (rows[:, i].astype(np.float64) - float(base[i]))
            terms.append({"slope": slope, "mean": float(rows[:, i].astype(np.float64).mean())})
        total += own
    off = float(np.abs(total - log_odds(rows)).max())
    if not off <= TOLERANCE:
        raise TrainingError(
            f"The model's log-odds differ by up to {off:.3g} from a sum over its inputs "
            f"(allowed {TOLERANCE:g}), so its decisions have no exact explanation.",
            fix="choose an additive model, or give services/readiness/explanation.py an exact method for it",
        )
    return {
        "names": [column.name for column in columns],
        "categories": [list(column.categories) for column in columns],
        "base": float(total.mean()),
        "terms": terms,
    }
