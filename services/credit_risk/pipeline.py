"""How credit-risk is trained: its data, its features, its training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from services.credit_risk import labels
from services.credit_risk.answering import HOSTED
from services.credit_risk.data import locate
from services.credit_risk.dataset import SPEC, of_frame
from services.credit_risk.feature_set import FEATURE_SET
from services.credit_risk.packaging import SERVICE
from services.lifecycle.pipeline import Matrix, Pipeline


def _records(frame: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    return [json.loads(one.model_dump_json()) for one in of_frame(frame, "").applications]


def _train(folder: Path, frame: pd.DataFrame, digest: str, features: Matrix) -> Mapping[str, Any]:
    from services.credit_risk.training import train  # noqa: PLC0415 - seconds of imports, for training only

    return train(folder, of_frame(frame, digest), features)


PIPELINE = Pipeline(
    packable=SERVICE,
    spec=SPEC,
    delivery=lambda: locate().read_bytes(),
    feature_set=FEATURE_SET,
    records=_records,
    train=_train,
    hosted=HOSTED,
    labels=labels.delivery,
)
