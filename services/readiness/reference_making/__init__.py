"""What a model learned from, as far as serving needs it: made once, when the model is trained.

Everything here is deterministic: the same rows, the same bytes. The serving side reads the result with
``guard.py``, ``confidence.py``, ``explanation.py`` and ``scorecard.py`` and imports nothing from here.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.readiness.reference_making.columns import Column, check
from services.readiness.reference_making.confidence import fit_confidence
from services.readiness.reference_making.drift import fit_drift
from services.readiness.reference_making.explanation import fit_explanation
from services.readiness.reference_making.guard import fit_guard
from services.readiness.reference_making.scorecard import fit_scorecard

__all__ = ["REFERENCE_FILE", "SCORECARD_FILE", "Column", "make_reference"]

REFERENCE_FILE, SCORECARD_FILE = "reference.json", "scorecard.json"
EVEN = 0.5
"""From this probability on, the second of two classes is the likelier one."""

DIGITS = 9
"""Significant digits of written numbers: more than a 32-bit input has, fewer than show rounding noise."""


def make_reference(
    *,
    columns: Sequence[Column],
    features: npt.NDArray[np.float32],
    target: npt.NDArray[np.bool_],
    out_of_fold: npt.NDArray[np.float64],
    log_odds: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]],
    features_digest: str,
    seed: int,
) -> dict[str, bytes]:
    """Return the files ``reference.json`` and ``scorecard.json`` by name.

    Args:
        columns: The model's inputs in order.
        features: The rows that the model was fitted on.
        target: Whether each row is of the second class.
        out_of_fold: Probability of the second class for each row, from a model that did not see it.
        log_odds: Log-odds of the fitted model.
        features_digest: Names the feature list; the serving code compares it with its own.
        seed: Fixes the folds.

    Raises:
        TrainingError: The rows do not fit the columns, or the model's log-odds are not a sum over its
            inputs, so that no exact explanation exists.
    """
    check(columns, features, target, out_of_fold)
    reference = {
        "features_digest": features_digest,
        "guard": fit_guard(columns, features, seed=seed),
        "confidence": fit_confidence(out_of_fold, target),
        "drift": fit_drift(
            columns,
            features,
            np.column_stack([1.0 - out_of_fold, out_of_fold]),
            (out_of_fold >= EVEN) == target,
        ),
        "explanation": fit_explanation(columns, features, log_odds),
    }
    scorecard = {
        "features_digest": features_digest,
        **fit_scorecard(columns, features, target, seed=seed),
    }
    return {REFERENCE_FILE: written(reference), SCORECARD_FILE: written(scorecard)}


def written(value: Any) -> bytes:
    """Return a JSON value as bytes, the same for the same content."""
    return (json.dumps(_rounded(value), sort_keys=True, separators=(",", ":")) + "\n").encode()


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
