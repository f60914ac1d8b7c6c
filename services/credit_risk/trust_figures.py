"""What the guards are worth on this service's data: detection of shifts, coverage, the cost of each rung.

Every figure is a mean over several splits of the data into rows that are learned from and rows that are
not, since one holdout of 250 rows would leave the coverage uncertain by two points.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from services.credit_risk.data import load
from services.credit_risk.evaluation import by_group
from services.credit_risk.features import FEATURES, FEATURES_DIGEST, encode
from services.credit_risk.lineage import SEED
from services.credit_risk.schema import CreditApplication
from services.credit_risk.training import CANDIDATES
from services.lifecycle.rounds import conformal, mean
from services.readiness import shifts
from services.readiness.confidence import Calibration
from services.readiness.explanation import Explainer
from services.readiness.guard import OUT_AT, UNUSUAL_AT, Guard
from services.readiness.reference_making import Column, make_reference
from services.readiness.scorecard import Scorecard

SPLITS = 10
"""Splits; the mean coverage over ten moves by half a point from one set of seeds to another."""

HOLDOUT_SHARE = 0.25
COVERAGES = (0.8, 0.9, 0.95)
STRENGTH = 0.1
"""Regularisation of the model that training chooses on these data."""

Matrix = npt.NDArray[np.float64]


def measure(splits: int = SPLITS) -> dict[str, Any]:
    """Return the figures.

    Args:
        splits: Over so many splits.

    Raises:
        DataError: The data set is not what its schema says.
    """
    data = load()
    features = np.asarray([encode(application) for application in data.applications], dtype=np.float32)
    target = np.asarray(data.defaulted, dtype=np.bool_)
    with threadpool_limits(1):
        rounds = [_one(features, target, data.groups, SEED + i) for i in range(splits)]
    return {"splits": splits, "rows": len(target), **mean(rounds)}


def _shifts() -> dict[str, shifts.Shift]:
    sizes = [len(feature.categories) for feature in FEATURES]
    names = [feature.name for feature in FEATURES]
    limits = {i: limits_of(feature.name) for i, feature in enumerate(FEATURES) if not feature.categories}
    amount, duration = names.index("credit_amount_dm"), names.index("duration_months")
    return {
        "amount_times_ten": shifts.another_unit(amount, 10, *limits[amount]),
        "amount_divided_by_ten": shifts.another_unit(amount, 0.1, *limits[amount]),
        "duration_in_years": shifts.another_unit(duration, 1 / 12, *limits[duration]),
        "codes_off_by_one": shifts.codes_off_by_one(sizes),
        "categories_at_random": shifts.uniform_categories(sizes),
        "numbers_at_random": shifts.uniform_numbers(limits),
        "columns_from_different_rows": shifts.shuffled_columns,
    }


def limits_of(name: str) -> tuple[int, int]:
    """Return what the schema allows for a number."""
    schema = CreditApplication.model_json_schema()["properties"][name]
    return int(schema["minimum"]), int(schema["maximum"])


def _one(
    features: npt.NDArray[np.float32],
    target: npt.NDArray[np.bool_],
    groups: Mapping[str, Sequence[str]],
    seed: int,
) -> dict[str, Any]:
    fit, rest = train_test_split(
        np.arange(len(target)), test_size=HOLDOUT_SHARE, stratify=target, random_state=seed
    )

    model = next(one.make for one in CANDIDATES if one.parameters.get("C") == STRENGTH)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    unseen = cross_val_predict(model(), features[fit], target[fit], cv=folds, method="predict_proba")[:, 1]
    fitted = model().fit(features[fit], target[fit])
    made = make_reference(
        columns=[Column(name=feature.name, categories=feature.categories) for feature in FEATURES],
        features=features[fit],
        target=target[fit],
        out_of_fold=unseen,
        log_odds=fitted.decision_function,
        features_digest=FEATURES_DIGEST,
        seed=seed,
    )
    reference = json.loads(made["reference.json"])
    rows, truth = features[rest].astype(np.float64), target[rest]
    chances = fitted.predict_proba(features[rest])[:, 1]
    explainer, card = Explainer(reference["explanation"]), Scorecard(json.loads(made["scorecard.json"]))
    sums = explainer.base + explainer.values(rows).sum(axis=1)
    return {
        "guard": _guard(Guard(reference["guard"]), rows, seed),
        "conformal": _conformal(Calibration(reference["confidence"]), chances, truth),
        "band": _band(Calibration(reference["confidence"]), chances),
        "fairness": {
            attribute: _fairness([names[i] for i in fit], target[fit], unseen)
            for attribute, names in groups.items()
        },
        "explanation_largest_error_log_odds": float(
            np.abs(sums - fitted.decision_function(features[rest])).max()
        ),
        "auc": {
            "model": float(roc_auc_score(truth, chances)),
            "scorecard": float(roc_auc_score(truth, [card.probability(row) for row in rows.tolist()])),
        },
    }


def _guard(guard: Guard, rows: Matrix, seed: int) -> dict[str, Any]:
    """Return the share of rows that are flagged at each level: false alarms, then each shift."""

    def flagged(some: Matrix) -> dict[str, float]:
        judged = guard.judge(some)
        return {
            f"at_{round(level * 100)}_percent": float(
                np.mean([bool(one.outside) or one.p_value <= level for one in judged])
            )
            for level in (OUT_AT, UNUSUAL_AT)
        }

    rng = np.random.default_rng(seed)
    found = {name: flagged(shift(rows, rng)) for name, shift in _shifts().items()}
    return {"false_alarms": flagged(rows), "found": found}


def _conformal(calibration: Calibration, chances: Matrix, truth: npt.NDArray[np.bool_]) -> dict[str, Any]:
    found = {}
    for coverage in COVERAGES:
        sets = [one.classes for one in calibration.judge(chances, coverage=coverage)]
        held = np.asarray([int(true) in classes for classes, true in zip(sets, truth, strict=True)])
        found[f"at_{round(coverage * 100)}_percent"] = {
            **conformal(sets, truth.tolist()),
            "coverage_of_repaid": float(held[~truth].mean()),
            "coverage_of_default": float(held[truth].mean()),
        }
    return found


def _fairness(names: Sequence[str], target: npt.NDArray[np.bool_], chances: Matrix) -> dict[str, Any]:
    """Return how each group fares with a model that did not see its rows, and the widest gaps."""
    found = by_group(names, target, chances)
    shown = ("rows", "default_rate", "approval_rate", "approval_rate_of_good")
    rates = {name: [float(one[name] or 0.0) for one in found.values()] for name in shown[2:]}  # type: ignore[literal-required]
    return {
        "groups": {group: {name: one[name] for name in shown} for group, one in found.items()},  # type: ignore[literal-required]
        "gaps": {
            f"{name}_ratio": min(values) / max(values) if max(values) else 1.0
            for name, values in rates.items()
        },
    }


def _band(calibration: Calibration, chances: Matrix) -> dict[str, float]:
    low, high = calibration.band(chances)
    return {"mean_width": float((high - low).mean()), "largest_width": float((high - low).max())}
