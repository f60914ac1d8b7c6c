"""What the guards are worth on digits: detection of spoilt images, conformal coverage, exact explanations.

Every figure is a mean over several splits of the images, since one holdout of 450 leaves the coverage
uncertain by two points.
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from services.digit_reader import training
from services.digit_reader.dataset import digits, frame, images
from services.digit_reader.features import FEATURES, FEATURES_DIGEST, encode
from services.lifecycle.export import exported
from services.lifecycle.rounds import conformal, mean
from services.readiness.explanation import log_odds
from services.readiness.insight import Insight
from services.readiness.likeness import Likeness
from services.readiness.model import INPUT, OUTPUT, opened
from services.readiness.reference_making import Column, written
from services.readiness.reference_making.many_classes import class_reference, fit_likeness

SPLITS = 10
COVERAGES = (0.8, 0.9, 0.95)
EXPLAINED = 50
"""Images of a split whose explanation is added up: each asks the model 512 times."""


def measure(splits: int = SPLITS) -> dict[str, Any]:
    """Return the figures.

    Args:
        splits: Over so many splits.
    """
    rows = frame()
    features = np.asarray([encode(image) for image in images(rows)], dtype=np.float32)
    truth = digits(rows)
    with threadpool_limits(1):
        rounds = [_one(features, truth, training.SEED + i) for i in range(splits)]
    return {"splits": splits, "rows": len(truth), **mean(rounds)}


def _one(features: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], seed: int) -> dict[str, Any]:
    fit, held = train_test_split(
        np.arange(len(truth)), test_size=training.HOLDOUT_SHARE, stratify=truth, random_state=seed
    )
    folds = StratifiedKFold(training.FOLDS, shuffle=True, random_state=seed)
    unseen = cross_val_predict(
        training.network(), features[fit], truth[fit], cv=folds, method="predict_proba"
    )
    model = training.network().fit(features[fit], truth[fit])
    guard = fit_likeness(features[fit], directions=training.DIRECTIONS, seed=seed)
    reference = class_reference(
        guard=guard,
        features=features[fit],
        target=truth[fit],
        out_of_fold=unseen,
        columns=[Column(name=name) for name in FEATURES],
        groups=training.zones(),
        features_digest=FEATURES_DIGEST,
    )
    insight = Insight(json.loads(written(reference)))
    found = training.unlike(Likeness(guard), features[held])
    levels = {"at_1_percent": found["unlike"], "at_5_percent": found["unlike_at_5_percent"]}
    by_kind = {name: {at: shares[name] for at, shares in levels.items()} for name in found["unlike"]}
    return {
        "guard": {"false_alarms": by_kind.pop("ordinary"), "found": by_kind},
        "conformal": _conformal(insight, model.predict_proba(features[held]), truth[held]),
        "explanation_largest_error_log_odds": _error(insight, model, features[held][:EXPLAINED]),
        "accuracy": float((model.predict(features[held]) == truth[held]).mean()),
    }


def _conformal(insight: Insight, chances: npt.NDArray[Any], truth: npt.NDArray[np.int64]) -> dict[str, Any]:
    found = {}
    for coverage in COVERAGES:
        sets = [one.classes for one in insight.known(chances.astype(np.float64), coverage=coverage)]
        found[f"at_{round(coverage * 100)}_percent"] = conformal(sets, truth.tolist())
    return found


def _error(insight: Insight, model: Any, rows: npt.NDArray[np.float32]) -> float:
    """Return by how much a base and its terms miss the log-odds of the served model's answer, at most."""
    served = opened(exported(model, columns=len(FEATURES), name=training.NAME))

    def outputs(some: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = served.run([OUTPUT], {INPUT: some})[0]
        return found

    chances = np.asarray(outputs(rows), dtype=np.float64)
    terms = insight.terms(rows.astype(np.float64), chances, outputs)
    sums = terms.bases + terms.values.sum(axis=1)
    return float(np.abs(sums - log_odds(chances.max(axis=1))).max())
