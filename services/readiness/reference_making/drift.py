"""Learn what live requests will be compared with: levels, correlations, outputs, confidence, sureness.

What the model says is taken from models that did not see the row; what it says of rows that it was fitted
on would be surer than anything that live requests can show.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.readiness.drift.known import levels, ridits
from services.readiness.drift.measures import correlations
from services.readiness.reference_making.columns import CONTINUOUS_FROM, Column

STEPS = 10
"""Levels of a continuous number and of a probability: tenths of the training rows, as is usual for this
index; more would need longer windows."""

COMMONEST_AT_MOST = 0.95
"""A column with one level in more rows than this has no correlation worth watching."""

TWO_CLASSES = 2
Matrix = npt.NDArray[np.float64]


def fit_drift(
    columns: Sequence[Column],
    features: npt.NDArray[np.float32],
    out_of_fold: Matrix,
    right: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    """Return the section ``drift`` of the reference.

    Args:
        columns: The model's inputs in order.
        features: The rows that the model was fitted on.
        out_of_fold: A probability for each row and class, from models that did not see the row.
        right: Whether the likeliest of these was the row's class.
    """
    rows = features.astype(np.float64)
    edges = [None if c.categories else _edges(rows[:, i]) for i, c in enumerate(columns)]
    sizes = np.asarray(
        [len(c.categories) if e is None else len(e) + 1 for c, e in zip(columns, edges, strict=True)],
        dtype=np.intp,
    )
    found = levels(rows, [None if e is None else np.asarray(e) for e in edges], sizes)
    counts = [np.bincount(found[:, i], minlength=size).astype(np.float64) for i, size in enumerate(sizes)]
    watched = [i for i, one in enumerate(counts) if one.max() <= COMMONEST_AT_MOST * len(rows)]
    scores = np.column_stack([ridits(counts[i])[found[:, i]] for i in watched]) if watched else rows[:, :0]
    matrix = correlations(float(len(rows)), scores.sum(axis=0), scores.T @ scores)
    likelier = out_of_fold.max(axis=1)
    return {
        "rows": len(rows),
        "names": [column.name for column in columns],
        "edges": edges,
        "counts": [one.astype(int).tolist() for one in counts],
        "watched": watched,
        "correlation": matrix[np.triu_indices(len(watched), 1)].tolist(),
        "outputs": _outputs(out_of_fold),
        "confidences": sorted(likelier.tolist()),
        "sureness": _sureness(likelier, right),
    }


def _edges(values: Matrix) -> list[float]:
    distinct = np.unique(values)
    if len(distinct) <= CONTINUOUS_FROM:
        return [float(value) for value in distinct]
    return [float(v) for v in np.unique(np.quantile(values, np.arange(1, STEPS) / STEPS))]


def _outputs(out_of_fold: Matrix) -> dict[str, Any]:
    classes = out_of_fold.shape[1]
    if classes > TWO_CLASSES:
        counts = np.bincount(out_of_fold.argmax(axis=1), minlength=classes)
        return {"edges": None, "counts": counts.tolist()}
    edges = np.unique(np.quantile(out_of_fold[:, 1], np.arange(1, STEPS) / STEPS))
    counts = np.bincount(np.searchsorted(edges, out_of_fold[:, 1], "right"), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _sureness(likelier: Matrix, right: npt.NDArray[np.bool_]) -> dict[str, list[float]]:
    """Return by level of confidence how often the model was right, and its Brier score.

    Reviewed cases are not drawn at random: most are unsure. Compared at the same confidence, that does
    not matter.
    """
    edges = np.unique(np.quantile(likelier, np.arange(1, STEPS) / STEPS))
    level = np.searchsorted(edges, likelier, "right")
    brier = (right - likelier) ** 2
    rows = np.bincount(level, minlength=len(edges) + 1).astype(np.float64)
    return {
        "edges": edges.tolist(),
        "rows": rows.tolist(),
        "right": (np.bincount(level, weights=right, minlength=len(rows)) / np.maximum(rows, 1)).tolist(),
        "brier": (np.bincount(level, weights=brier, minlength=len(rows)) / np.maximum(rows, 1)).tolist(),
        "brier_squared": (
            np.bincount(level, weights=brier**2, minlength=len(rows)) / np.maximum(rows, 1)
        ).tolist(),
    }
