"""Make the simpler model of the fallback ladder: a scorecard in whole points.

It stands on other code than the model does (no ONNX, no array library), and on few inputs, so that
a person can work it out on paper. Points follow the usual convention of credit scoring: a fixed number
of points doubles the odds.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from services.readiness.reference_making.columns import Column, is_continuous

COLUMNS_KEPT = 6
"""Inputs of the scorecard; a seventh gives less than 0.005 of AUC on the credit data."""

POINTS_TO_DOUBLE_ODDS = 20
"""So many points double the odds of the second class; the convention of the trade."""

STRENGTH = 0.3
"""Inverse of the penalty: rare categories are pulled towards no points."""

FOLDS = 5
QUARTERS = (0.25, 0.5, 0.75)


def fit_scorecard(
    columns: Sequence[Column],
    features: npt.NDArray[np.float32],
    target: npt.NDArray[np.bool_],
    *,
    seed: int,
) -> dict[str, Any]:
    """Return the scorecard, with the AUC that scorecards made so reach on rows they did not see."""
    unseen = np.zeros(len(target))
    for fit, rest in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, target):
        card = _fit(columns, features[fit], target[fit])
        unseen[rest] = [_points(card, row) for row in features[rest].tolist()]
    return {**_fit(columns, features, target), "auc_cross_validation": float(roc_auc_score(target, unseen))}


def _fit(
    columns: Sequence[Column], features: npt.NDArray[np.float32], target: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    borders = [
        [] if c.categories else _borders(features[:, i].astype(np.float64)) for i, c in enumerate(columns)
    ]
    levels = [
        features[:, i].astype(int) if c.categories else np.searchsorted(borders[i], features[:, i], "right")
        for i, c in enumerate(columns)
    ]
    sizes = [len(c.categories) or len(borders[i]) + 1 for i, c in enumerate(columns)]
    everything = list(range(len(columns)))
    weights, _ = _logistic(everything, levels, sizes, target)
    moved = [float(np.std(np.asarray(w)[levels[i]])) for i, w in zip(everything, weights, strict=True)]
    kept = sorted(sorted(everything, key=lambda i: (-moved[i], i))[:COLUMNS_KEPT])
    weights, start = _logistic(kept, levels, sizes, target)
    factor = POINTS_TO_DOUBLE_ODDS / math.log(2)
    return {
        "points_to_double_odds": POINTS_TO_DOUBLE_ODDS,
        "start": round(start * factor),
        "columns": [
            {
                "column": i,
                "name": columns[i].name,
                "borders": borders[i],
                "points": [round(weight * factor) for weight in w],
            }
            for i, w in zip(kept, weights, strict=True)
        ],
    }


def _borders(values: npt.NDArray[np.float64]) -> list[float]:
    at = np.quantile(values, QUARTERS) if is_continuous(values) else np.unique(values)[1:]
    return [float(value) for value in np.unique(at)]


def _logistic(
    kept: Sequence[int],
    levels: Sequence[npt.NDArray[np.int64]],
    sizes: Sequence[int],
    target: npt.NDArray[np.bool_],
) -> tuple[list[list[float]], float]:
    """Return the log-odds of each level of each kept column, and what all rows start from."""
    hot = np.hstack([np.eye(sizes[i])[levels[i]] for i in kept])
    model = LogisticRegression(C=STRENGTH, max_iter=2000).fit(hot, target)
    ends = np.cumsum([sizes[i] for i in kept])
    weights = [part.tolist() for part in np.split(model.coef_[0], ends[:-1])]
    return weights, float(model.intercept_[0])


def _points(card: dict[str, Any], row: Sequence[float]) -> int:
    total = int(card["start"])
    for entry in card["columns"]:
        value = row[entry["column"]]
        borders = entry["borders"]
        level = sum(border <= value for border in borders) if borders else int(value)
        total += entry["points"][level]
    return total
