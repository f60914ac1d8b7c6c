"""How credit-risk is trained: its data, its features, its training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from services.credit_risk import labels
from services.credit_risk.data import locate
from services.credit_risk.dataset import SPEC, of_frame
from services.credit_risk.decision import decide
from services.credit_risk.feature_set import FEATURE_SET
from services.credit_risk.features import FEATURES_DIGEST, encode
from services.credit_risk.packaging import SERVICE
from services.credit_risk.schema import CreditApplication
from services.lifecycle.inference import Scorer
from services.lifecycle.pipeline import Matrix, Pipeline
from services.readiness.model import VerifiedModel


def _records(frame: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    return [json.loads(one.model_dump_json()) for one in of_frame(frame, "").applications]


def _train(folder: Path, frame: pd.DataFrame, digest: str, features: Matrix) -> Mapping[str, Any]:
    from services.credit_risk.training import train  # noqa: PLC0415 - seconds of imports, for training only

    return train(folder, of_frame(frame, digest), features)


def _scorer(folder: Path) -> Scorer:
    """Return what the model itself says; guard, review and decision log belong to real time."""
    model = VerifiedModel(folder, features_digest=FEATURES_DIGEST)

    def answers(applications: Sequence[CreditApplication]) -> list[dict[str, Any]]:
        found = []
        for row in model.probabilities([encode(application) for application in applications]):
            probability = float(row[1])
            outcome, reasons = decide(probability)
            found.append({"decision": outcome, "reasons": reasons, "probability_of_default": probability})
        return found

    return Scorer(schema=CreditApplication, answers=answers, model_digest=model.digest)


PIPELINE = Pipeline(
    packable=SERVICE,
    spec=SPEC,
    delivery=lambda: locate().read_bytes(),
    feature_set=FEATURE_SET,
    records=_records,
    train=_train,
    scorer=_scorer,
    labels=labels.delivery,
)
