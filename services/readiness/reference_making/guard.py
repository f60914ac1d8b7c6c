"""Learn what the training data look like, so that a row that is unlike them can be told.

Two measures, each strong where the other is blind. The *tree* sees combinations of categories: the best
tree-shaped Bayesian network over all columns (Chow and Liu, 1968), whose score of a row is minus its
log-likelihood. The *distance* sees numbers: how far the third-nearest training row lies. Both are
turned into p-values by rows that were left out (out-of-fold), so a threshold is a false-alarm rate.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.readiness.guard import Guard
from services.readiness.reference_making.columns import Column, is_continuous, needs_log

FOLDS = 5
"""Parts in which rows take turns to be unseen."""

NEIGHBOURS = 3
"""One is at the mercy of a single odd training row; five misses more. Measured on the credit data."""

LEVEL_WEIGHT = 0.5
"""Weight of a number with few levels in the distance: a step of one level says less than a factor in an
amount, and the tree sees it as well."""

PRIOR_ROWS = 8.0
"""A conditional frequency counts as so many rows of the plain frequency: 40 pairs of levels share 750 rows,
so many cells are empty by chance."""

LEVEL_PRIOR = 0.5
"""Rows added to each level, so that an unseen one is unlikely rather than impossible (Jeffreys)."""

QUANTILES = (0.005, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 0.995)
"""Borders of a continuous number's levels: narrow in the tails, where odd rows show."""

Matrix = npt.NDArray[np.float64]


def fit_guard(columns: Sequence[Column], features: npt.NDArray[np.float32], *, seed: int) -> dict[str, Any]:
    """Return the section ``guard`` of the reference."""
    rows = features.astype(np.float64)
    section = _describe(columns, rows)
    turn = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    tree, distance = np.zeros(len(rows)), np.zeros(len(rows))
    for fold in range(FOLDS):
        unseen = turn == fold
        part = Guard(_describe(columns, rows[~unseen]))
        tree[unseen], distance[unseen] = part.tree_scores(rows[unseen]), part.distances(rows[unseen])
    section["calibration"] = {"tree": sorted(tree.tolist()), "distance": sorted(distance.tolist())}
    lower = Guard(section).lower_p_value(tree, distance)
    section["calibration"]["lower_p_value"] = sorted(lower.tolist())
    return section


def _describe(columns: Sequence[Column], rows: Matrix) -> dict[str, Any]:
    numbers = [i for i, column in enumerate(columns) if not column.categories]
    logs = [i for i in numbers if needs_log(rows[:, i])]
    borders = [_borders(column, rows[:, i]) for i, column in enumerate(columns)]
    sizes = [len(column.categories) or len(borders[i]) + 1 for i, column in enumerate(columns)]
    compared = rows[:, numbers].copy()
    for place, i in enumerate(numbers):
        if i in logs:
            compared[:, place] = np.log(compared[:, place])
    spread = compared.std(axis=0)
    weight = [1.0 if is_continuous(rows[:, i]) else LEVEL_WEIGHT for i in numbers]
    scale = np.asarray(weight) / np.where(spread > 0, spread, 1.0)
    levels = np.column_stack(
        [
            rows[:, i].astype(int) if column.categories else np.searchsorted(borders[i], rows[:, i], "right")
            for i, column in enumerate(columns)
        ]
    )
    parents, tables = _tree(levels, sizes)
    return {
        "names": [column.name for column in columns],
        "numbers": numbers,
        "logs": logs,
        "range": {str(i): [float(rows[:, i].min()), float(rows[:, i].max())] for i in numbers},
        "unseen": {
            str(i): sorted(set(range(sizes[i])) - {int(code) for code in np.unique(levels[:, i])})
            for i, column in enumerate(columns)
            if column.categories
        },
        "borders": borders,
        "sizes": sizes,
        "parents": parents,
        "log_likelihood": tables,
        "scale": scale.tolist(),
        "points": (compared * scale).tolist(),
        "neighbours": min(NEIGHBOURS, len(rows)),
    }


def _borders(column: Column, values: npt.NDArray[np.float64]) -> list[float]:
    if column.categories:
        return []
    at = np.quantile(values, QUANTILES) if is_continuous(values) else values
    return [float(value) for value in np.unique(at)]


def _tree(levels: npt.NDArray[np.int64], sizes: Sequence[int]) -> tuple[list[int], list[list[list[float]]]]:
    """Return each column's parent (-1 for none) and its log-frequencies, by the parent's level."""
    count, rows = len(sizes), len(levels)
    plain = [
        (np.bincount(levels[:, i], minlength=sizes[i]) + LEVEL_PRIOR) / (rows + LEVEL_PRIOR * sizes[i])
        for i in range(count)
    ]
    gain = np.full((count, count), -np.inf)
    pairs: dict[tuple[int, int], Matrix] = {}
    for i in range(count):
        for j in range(count):
            if i != j:
                table = np.zeros((sizes[i], sizes[j]))
                np.add.at(table, (levels[:, i], levels[:, j]), 1)
                pairs[i, j] = table
                # What chance alone would show is taken off (Miller and Madow, 1955).
                gain[i, j] = _information(table) - (sizes[i] - 1) * (sizes[j] - 1) / (2 * rows)
    parents, placed = [-1] * count, [0]
    while len(placed) < count:
        left = [j for j in range(count) if j not in placed]
        best = max((gain[i, j], -i, -j) for i in placed for j in left)
        parent, child = -best[1], -best[2]
        parents[child] = parent if best[0] > 0 else -1
        placed.append(child)
    tables = []
    for child, parent in enumerate(parents):
        if parent < 0:
            frequencies = plain[child][None, :]
        else:
            seen = pairs[parent, child]
            frequencies = (seen + PRIOR_ROWS * plain[child]) / (seen.sum(axis=1, keepdims=True) + PRIOR_ROWS)
        tables.append(np.log(frequencies).tolist())
    return parents, tables


def _information(table: Matrix) -> float:
    """Return the mutual information of two columns, in nats."""
    share = table / table.sum()
    independent = np.outer(share.sum(axis=1), share.sum(axis=0))
    seen = share > 0
    return float((share[seen] * np.log(share[seen] / independent[seen])).sum())
