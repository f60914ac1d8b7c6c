"""The reference of a model with many classes, whatever the model is.

Its guard is chosen by the caller: for a table the one of ``guard.py``, for images the likeness below.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from services.readiness.errors import TrainingError
from services.readiness.likeness import Likeness
from services.readiness.reference_making.columns import Column
from services.readiness.reference_making.drift import fit_drift

MOST_GROUPS = 10
"""Groups of inputs that an explanation may have: each answer asks the model 2 to this power times."""

FOLDS = 5
Matrix = npt.NDArray[np.float32]


def class_reference(
    *,
    guard: Mapping[str, Any],
    features: Matrix,
    target: npt.NDArray[np.int64],
    out_of_fold: npt.NDArray[np.float64],
    columns: Sequence[Column],
    groups: Mapping[str, Sequence[int]],
    features_digest: str,
) -> dict[str, Any]:
    """Return the reference.

    Args:
        guard: Its section ``guard``.
        features: The rows that the model was fitted on.
        target: The class of each row, 0 for the first.
        out_of_fold: A probability for each row and class, from models that did not see the row.
        columns: The model's inputs in order.
        groups: Inputs by the name under which an explanation speaks of them; each input in one group.
        features_digest: Names the feature list.

    Raises:
        TrainingError: The groups do not hold each input once, or are too many.
    """
    named = sorted(column for columns in groups.values() for column in columns)
    if named != list(range(features.shape[1])) or len(groups) > MOST_GROUPS:
        raise TrainingError(
            f"An explanation needs each of {features.shape[1]} inputs in one of at most {MOST_GROUPS} groups."
        )
    return {
        "features_digest": features_digest,
        "guard": dict(guard),
        # Class-conditional conformal prediction (Vovk, 2012): how badly the model fitted each left-out row.
        "confidence": {
            "kind": "classes",
            "misfits": [
                sorted((1.0 - out_of_fold[target == k, k]).tolist()) for k in range(out_of_fold.shape[1])
            ],
        },
        "drift": fit_drift(
            columns, features, out_of_fold.astype(np.float64), out_of_fold.argmax(axis=1) == target
        ),
        "explanation": {
            "kind": "coalitions",
            "groups": {name: list(columns) for name, columns in groups.items()},
            "baseline": features.mean(axis=0, dtype=np.float64).tolist(),
        },
    }


def fit_likeness(features: Matrix, *, directions: int, seed: int) -> dict[str, Any]:
    """Return the section ``guard`` for images; what is usual comes from images that were left out.

    Args:
        features: The rows to be like.
        directions: Main directions that describe them.
        seed: Fixes the folds.
    """
    rows = features.astype(np.float64)
    turn = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    known = np.zeros(len(rows))
    for fold in range(FOLDS):
        unseen = turn == fold
        known[unseen] = Likeness(_describe(rows[~unseen], directions, seed)).distances(rows[unseen])
    return {**_describe(rows, directions, seed), "known": sorted(known.tolist())}


def _describe(rows: npt.NDArray[np.float64], directions: int, seed: int) -> dict[str, Any]:
    found = PCA(directions, svd_solver="full", random_state=seed).fit(rows)
    return {
        "kind": "directions",
        "mean": found.mean_.tolist(),
        "directions": found.components_.tolist(),
        "known": [],
    }
