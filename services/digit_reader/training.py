"""Make the model: a small neural network, cross-validated, measured on a holdout, exported, compared.

Everything is seeded and runs in one thread, so the same data, code and libraries give the same bytes.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from services.digit_reader.dataset import digits, images
from services.digit_reader.features import FEATURES, FEATURES_DIGEST, encode
from services.digit_reader.schema import DARKEST, SIDE
from services.lifecycle import lineage
from services.lifecycle.export import compare, exported
from services.lifecycle.rounds import conformal
from services.lifecycle.validation import hard_rows
from services.readiness import contract_file
from services.readiness.digests import bytes_digest
from services.readiness.guard import OUT_AT, UNUSUAL_AT
from services.readiness.insight import Insight
from services.readiness.likeness import Likeness
from services.readiness.manifest import MODEL_FILE, RECORD_FILE
from services.readiness.model import INPUT, OUTPUT, opened
from services.readiness.reference_making import REFERENCE_FILE, Column, written
from services.readiness.reference_making.many_classes import class_reference, fit_likeness

NAME = "digit-reader"
SEED = 20_250_101
HOLDOUT_SHARE = 0.25
"""Images kept from all choices: 450 give the accuracy to about one point."""
FOLDS = 10
"""Cross-validation: half a second a fit. With fewer, conformal sets hold the truth too often."""
PARAMETERS: dict[str, Any] = {"hidden_layer_sizes": [64], "alpha": 1e-3, "max_iter": 300, "tol": 1e-3}
"""One layer of 64: 98 percent on these images; more neurons gain nothing that can be measured."""
NOISE = 0.5 / DARKEST
"""Change of a pixel that nobody sees: half a step of 16."""
DIGITS = 6
DIRECTIONS = 20
"""Main directions of the images: they hold nine tenths of their variance."""
THIRDS = (("top", (0, 1, 2)), ("middle", (3, 4)), ("bottom", (5, 6, 7)))
"""Rows and columns of the nine zones in which an answer is explained."""

Matrix = npt.NDArray[np.float32]


def inputs(data_digest: str) -> dict[str, Any]:
    """Return all that a model depends on."""
    found = lineage.inputs(
        training="services/digit_reader/training.py",
        data_digest=data_digest,
        features_digest=FEATURES_DIGEST,
        seed=SEED,
    )
    return {**found, "thresholds": thresholds()}


def thresholds() -> dict[str, float]:
    """Return the contract's numbers that go into the model folder."""
    contract = contract_file.load(Path(__file__).parent)
    return {"sure_from": contract.confidence.low_below, "coverage": contract.confidence.coverage}


def zones() -> dict[str, list[int]]:
    """Return the pixels of each zone of an image, by the zone's name."""
    sides = ("left", "centre", "right")
    return {
        f"{high}_{side}": [row * SIDE + column for row in rows for column in columns]
        for high, rows in THIRDS
        for side, (_, columns) in zip(sides, THIRDS, strict=True)
    }


def network() -> MLPClassifier:
    """Return the model, not fitted yet."""
    sizes = tuple(PARAMETERS["hidden_layer_sizes"])  # JSON has lists only
    return MLPClassifier(**{**PARAMETERS, "hidden_layer_sizes": sizes}, random_state=SEED)


def _figures(truth: npt.NDArray[np.int64], probability: Matrix) -> dict[str, float]:
    right = probability.argmax(axis=1) == truth
    by_digit = [float(right[truth == digit].mean()) for digit in range(10)]
    return {
        "rows": len(truth),
        "accuracy": round(float(right.mean()), DIGITS),
        "worst_digit_accuracy": round(min(by_digit), DIGITS),
        "log_loss": round(float(log_loss(truth, probability, labels=range(10))), DIGITS),
    }


def _trusted(truth: npt.NDArray[np.int64], probability: Matrix, confident: float) -> dict[str, float]:
    """Return how good the answers are that no person looks at, and how many they are."""
    sure = probability.max(axis=1) >= confident
    right = probability.argmax(axis=1) == truth
    return {
        "share": round(float(sure.mean()), DIGITS),
        "accuracy": round(float(right[sure].mean()), DIGITS) if sure.any() else 0.0,
    }


def _checks(content: bytes, features: Matrix) -> dict[str, dict[str, float]]:
    served = opened(content)

    def ask(rows: Matrix) -> Matrix:
        return np.asarray(served.run([OUTPUT], {INPUT: rows})[0], dtype=np.float32)

    hard = ask(hard_rows([(0.0, 1.0)] * len(FEATURES), seed=SEED))
    noise = np.random.default_rng(SEED).uniform(-NOISE, NOISE, features.shape).astype(np.float32)
    changed = ask(features).argmax(axis=1) != ask(features + noise).argmax(axis=1)
    fine = np.isfinite(hard).all(axis=1) & (np.abs(hard.sum(axis=1) - 1) < 1e-4)  # noqa: PLR2004 - 32 bits
    return {
        "stress": {"invalid_share": round(float(1 - fine.mean()), DIGITS)},
        "robustness": {"answers_changed_share": round(float(changed.mean()), DIGITS)},
    }


def unlike(likeness: Likeness, rows: Matrix) -> dict[str, dict[str, float]]:
    """Return the share of ordinary and of spoilt images that the guard flags, at 1 and at 5 percent."""
    images_ = rows.reshape(-1, SIDE, SIDE)
    rng = np.random.default_rng(SEED)
    spoilt: dict[str, npt.NDArray[Any]] = {
        "ordinary": rows,
        "inverted": 1 - rows,
        "noise": rng.integers(0, DARKEST + 1, rows.shape) / DARKEST,
        "turned": np.rot90(images_, axes=(1, 2)).reshape(rows.shape),
        "shifted": np.roll(images_, 2, axis=2).reshape(rows.shape),
        "half_missing": np.where(np.arange(SIDE)[:, None] < SIDE // 2, images_, 0).reshape(rows.shape),
    }
    p_values = {name: likeness.p_values(some.astype(np.float64)) for name, some in spoilt.items()}
    return {
        part: {name: round(float((found <= level).mean()), DIGITS) for name, found in p_values.items()}
        for part, level in (("unlike", OUT_AT), ("unlike_at_5_percent", UNUSUAL_AT))
    }


def _conformal(insight: Insight, probability: Matrix, truth: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return how often the sets hold the truth, and how large they are."""
    coverage = thresholds()["coverage"]
    sets = [one.classes for one in insight.known(probability.astype(np.float64), coverage=coverage)]
    found = conformal(sets, truth.tolist())
    return {
        "coverage": round(found["coverage"], DIGITS),
        "coverage_gap": round(abs(found["coverage"] - coverage), DIGITS),
        "single_digit_share": round(found["share_of_single_class"], DIGITS),
    }


def train(
    folder: Path, frame: pd.DataFrame, data_digest: str, features: Matrix | None = None
) -> dict[str, Any]:
    """Train, measure and write the model folder.

    Args:
        folder: New or empty.
        frame: Accepted rows.
        data_digest: Names their content.
        features: Their features from the offline table; computed when left out.

    Raises:
        TrainingError: The exported model differs from the trained one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    limits = thresholds()
    if features is None:
        features = np.asarray([encode(image) for image in images(frame)], dtype=np.float32)
    truth = digits(frame)
    with threadpool_limits(1):
        rows, held = train_test_split(
            np.arange(len(truth)), test_size=HOLDOUT_SHARE, stratify=truth, random_state=SEED
        )
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
        crossed = cross_val_predict(network(), features[rows], truth[rows], cv=folds, method="predict_proba")
        model = network().fit(features[rows], truth[rows])
        unseen = model.predict_proba(features[held])
        content = exported(model, columns=len(FEATURES), name=NAME)
        equality = compare(content, model, features)
        reference = class_reference(
            guard=fit_likeness(features[rows], directions=DIRECTIONS, seed=SEED),
            features=features[rows],
            target=truth[rows],
            out_of_fold=crossed,
            columns=[Column(name=name) for name in FEATURES],
            groups=zones(),
            features_digest=FEATURES_DIGEST,
        )
    kept = written(reference)
    insight = Insight(json.loads(kept))
    (folder / MODEL_FILE).write_bytes(content)
    (folder / REFERENCE_FILE).write_bytes(kept)
    record = {
        "service": NAME,
        "model_digest": bytes_digest(content),
        "model_bytes": len(content),
        "inputs": inputs(data_digest),
        "features_digest": FEATURES_DIGEST,
        "model": {"name": "neural_network", "parameters": PARAMETERS},
        "thresholds": limits,
        "export": equality,
        "metrics": {
            "holdout": _figures(truth[held], unseen),
            "cross_validation": _figures(truth[rows], crossed),
            **unlike(Likeness(reference["guard"]), features[held]),
            "conformal": _conformal(insight, unseen, truth[held]),
            "unreviewed": _trusted(truth[held], unseen, limits["sure_from"]),
            **_checks(content, features),
        },
    }
    (folder / RECORD_FILE).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return record
