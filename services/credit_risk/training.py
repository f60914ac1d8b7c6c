"""Make the model: choose by cross-validation, fit, measure on a holdout, export, compare, record.

Everything is seeded and runs in one thread, so the same data, code and libraries give the same
bytes. Nothing here is needed to serve.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from services.credit_risk.data import Dataset, load
from services.credit_risk.decision import APPROVE_UP_TO, DECLINE_FROM, decide
from services.credit_risk.evaluation import by_group, evaluate
from services.credit_risk.features import CATEGORICAL, FEATURES, FEATURES_DIGEST, NUMERIC, encode
from services.credit_risk.lineage import NAME, SEED, inputs
from services.credit_risk.schema import CreditApplication
from services.lifecycle.export import MAX_OUTPUT_DIFFERENCE, OPSET, exported
from services.lifecycle.validation import Predict, robustness, slices, stress
from services.readiness.digests import bytes_digest
from services.readiness.errors import TrainingError
from services.readiness.manifest import MODEL_FILE, RECORD_FILE
from services.readiness.model import INPUT, OUTPUT, session
from services.readiness.reference_making import Column, make_reference

BORDER = 1e-6
"""Nearer to a threshold than this, 32 bits (seven digits) cannot say on which side a probability lies. A leaf
with one bad loan in ten lies on the first threshold itself."""

HOLDOUT_SHARE = 0.25
"""Rows kept from all choices. 250 rows give the AUC to about 0.03; more would starve the training."""

FOLDS, REPEATS = 5, 2
"""Cross-validation: 10 fits a candidate, about 3 s in all."""

EVIDENCE_ERRORS = 2.0
"""Standard errors by which a more complex model must lead: about 95 % sure that it is better at all."""

MIN_AUC = 0.70
"""Below this on the holdout, nothing is written. Published models of these data lie at 0.75 to 0.80."""

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A kind of model that may be chosen; listed from simple to complex."""

    name: str
    parameters: dict[str, Any]
    make: Callable[[], Any]


def _pipeline(model: Any) -> Pipeline:
    codes = [list(range(len(FEATURES[i].categories))) for i in CATEGORICAL]
    columns = ColumnTransformer(
        [
            ("category", OneHotEncoder(categories=codes, sparse_output=False), list(CATEGORICAL)),
            ("number", StandardScaler(), list(NUMERIC)),
        ]
    )
    return Pipeline([("columns", columns), ("model", model)])


def _logistic(strength: float) -> Candidate:
    parameters = {"C": strength, "max_iter": 2000}
    return Candidate(
        name="logistic_regression",
        parameters=parameters,
        make=lambda: _pipeline(LogisticRegression(**parameters)),
    )


def _boosting() -> Candidate:
    parameters = {"n_estimators": 100, "learning_rate": 0.1, "max_depth": 2, "subsample": 0.8}
    return Candidate(
        name="gradient_boosting",
        parameters=parameters,
        make=lambda: _pipeline(GradientBoostingClassifier(**parameters, random_state=SEED)),
    )


CANDIDATES = (*(_logistic(strength) for strength in (0.03, 0.1, 0.3)), _boosting())


def lead(scores: npt.NDArray[np.float64], rival: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return by how much the scores lead a rival's on the same folds, and the standard error of that.

    Folds share training rows, so plain error bars are too small; the variance is corrected for the
    overlap (Nadeau and Bengio, 2003).
    """
    difference = scores - rival
    test_to_train = 1 / (FOLDS - 1)
    variance = difference.var(ddof=1) * (1 / len(difference) + test_to_train)
    return float(difference.mean()), float(variance**0.5)


def choose(features: Matrix, target: npt.NDArray[np.bool_]) -> tuple[Candidate, list[dict[str, Any]]]:
    """Return the candidate to use and the figures of all.

    The simplest kind is taken (with its best setting), unless a more complex one is shown to have a
    higher AUC: by more than ``EVIDENCE_ERRORS`` standard errors of the difference, fold by fold. What
    is easier to explain and to check is not given up for what may be noise.
    """
    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=SEED)
    scores = [
        cross_val_score(candidate.make(), features, target, cv=folds, scoring="roc_auc")
        for candidate in CANDIDATES
    ]
    chosen = 0
    for i, candidate in enumerate(CANDIDATES):
        by, error = lead(scores[i], scores[chosen])
        same_kind = candidate.name == CANDIDATES[chosen].name
        if by > (0.0 if same_kind else EVIDENCE_ERRORS * error):
            chosen = i
    table = []
    for i, candidate in enumerate(CANDIDATES):
        by, error = lead(scores[i], scores[chosen])
        table.append(
            {
                "name": candidate.name,
                "parameters": candidate.parameters,
                "auc": round(float(scores[i].mean()), 6),
                "lead": round(by, 6),
                "lead_standard_error": round(error, 6),
                "chosen": i == chosen,
            }
        )
    return CANDIDATES[chosen], table


def export(pipeline: Pipeline) -> bytes:
    """Return the pipeline as ONNX: input ``features`` (rows, features), output ``probabilities``."""
    return exported(pipeline, columns=len(FEATURES), name=NAME)


def _on_a_border(probability: float) -> bool:
    """Tell whether 32 bits cannot say on which side of a threshold a probability lies; both cost alike."""
    return any(abs(probability - border) <= BORDER for border in (APPROVE_UP_TO, DECLINE_FROM))


def compare(folder: Path, pipeline: Pipeline, features: Matrix) -> dict[str, float | int]:
    """Check that the exported model gives the trained model's outputs.

    Raises:
        TrainingError: A probability differs by more than the tolerance, or a decision differs.
    """
    trained = pipeline.predict_proba(features)[:, 1]
    answered = session(folder / MODEL_FILE).run([OUTPUT], {INPUT: features})[0][:, 1]
    largest = float(np.abs(trained - answered).max())
    flips = sum(
        decide(float(a))[0] != decide(float(b))[0] and not _on_a_border(float(a))
        for a, b in zip(trained, answered, strict=True)
    )
    if not largest <= MAX_OUTPUT_DIFFERENCE or flips:
        raise TrainingError(
            f"The exported model differs from the trained one: by {largest:.3g} in probability "
            f"(allowed {MAX_OUTPUT_DIFFERENCE:g}), in {flips} of {len(features)} decisions (allowed 0).",
            fix="do not serve it; look for an operator that the export converts differently",
        )
    return {"rows": len(features), "largest_difference": float(f"{largest:.3g}"), "decisions_changed": flips}


def limits() -> list[tuple[float, float]]:
    """Return the smallest and largest value of each feature that the schema lets through."""
    found = []
    for feature in FEATURES:
        rules = CreditApplication.model_fields[feature.name].metadata
        low = next((rule.ge for rule in rules if hasattr(rule, "ge")), 0)
        high = next((rule.le for rule in rules if hasattr(rule, "le")), len(feature.categories) - 1)
        found.append((float(low), float(high)))
    return found


def _checks(predict: Predict, features: Matrix, by_slice: dict[str, float]) -> dict[str, dict[str, float]]:
    return {
        "slices": by_slice,
        "stress": stress(predict, limits(), seed=SEED),
        "robustness": robustness(predict, features, NUMERIC, lambda p: decide(p)[0], seed=SEED),
    }


def train(folder: Path, data: Dataset | None = None, features: Matrix | None = None) -> dict[str, Any]:
    """Train, measure and write ``model.onnx`` and ``record.json`` into a new or empty folder.

    Args:
        folder: New or empty.
        data: What to train on; the installed data set when left out.
        features: Their features from the offline table; computed when left out.

    Returns:
        The record: inputs, choice, parameters, figures and the digest of the model.

    Raises:
        DataError: The data set is not what its schema says.
        TrainingError: The model is not good enough, or its export differs. Nothing usable is left:
            the record is written last.
    """
    data = data or load()
    folder.mkdir(parents=True, exist_ok=True)
    if features is None:
        features = np.asarray([encode(application) for application in data.applications], dtype=np.float32)
    target = np.asarray(data.defaulted, dtype=np.bool_)
    with threadpool_limits(1):
        fit, holdout = train_test_split(
            np.arange(len(target)), test_size=HOLDOUT_SHARE, stratify=target, random_state=SEED
        )
        candidate, table = choose(features[fit], target[fit])
        pipeline = candidate.make().fit(features[fit], target[fit])
        unseen = pipeline.predict_proba(features[holdout])[:, 1]
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
        out_of_fold = cross_val_predict(
            candidate.make(), features[fit], target[fit], cv=folds, method="predict_proba"
        )[:, 1]
        figures = evaluate(target[holdout], unseen, seed=SEED)
        if not figures["auc"] >= MIN_AUC:
            raise TrainingError(
                f"The model's AUC on the holdout is {figures['auc']:.3f}, at least {MIN_AUC} is needed.",
                fix="look at the data and the candidates in services/credit_risk/training.py",
            )
        content = export(pipeline)
        (folder / MODEL_FILE).write_bytes(content)
        equality = compare(folder, pipeline, features)
        served = session(folder / MODEL_FILE)
        checks = _checks(
            lambda rows: np.asarray(served.run([OUTPUT], {INPUT: rows})[0][:, 1], dtype=np.float64),
            features,
            slices(features[fit], target[fit], out_of_fold, {i: FEATURES[i].categories for i in CATEGORICAL}),
        )
        references = make_reference(
            columns=[Column(name=feature.name, categories=feature.categories) for feature in FEATURES],
            features=features[fit],
            target=target[fit],
            out_of_fold=out_of_fold,
            log_odds=pipeline.decision_function,
            features_digest=FEATURES_DIGEST,
            seed=SEED,
        )
        for name, part in references.items():
            (folder / name).write_bytes(part)
    record = {
        "service": NAME,
        "model_digest": bytes_digest(content),
        "model_bytes": len(content),
        "inputs": inputs(data.digest),
        "features_digest": FEATURES_DIGEST,
        "features": [feature.name for feature in FEATURES],
        "training_range": {
            FEATURES[i].name: [int(features[fit, i].min()), int(features[fit, i].max())] for i in NUMERIC
        },
        "thresholds": {"approve_up_to": APPROVE_UP_TO, "decline_from": DECLINE_FROM},
        "model": {"name": candidate.name, "parameters": candidate.parameters},
        "selection": {"folds": FOLDS, "repeats": REPEATS, "candidates": table},
        "files": {name: bytes_digest(part) for name, part in sorted(references.items())},
        "export": {"opset": OPSET, "tolerance": MAX_OUTPUT_DIFFERENCE, **equality},
        "metrics": {
            "holdout": figures,
            "cross_validation": evaluate(target[fit], out_of_fold, seed=SEED),
            **checks,
        },
        "groups": {
            part: {
                attribute: by_group([names[i] for i in rows], target[rows], probability)
                for attribute, names in data.groups.items()
            }
            for part, rows, probability in (
                ("holdout", holdout, unseen),
                ("cross_validation", fit, out_of_fold),
            )
        },
        "groups_not_measured": dict(data.unmeasured),
    }
    (folder / RECORD_FILE).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return record
