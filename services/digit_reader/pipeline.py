"""How digit-reader is trained: its data, its features, its training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from services.digit_reader import labels
from services.digit_reader.answering import HOSTED
from services.digit_reader.dataset import SPEC, delivery, images
from services.digit_reader.features import FEATURES, FEATURES_DIGEST, encode
from services.digit_reader.packaging import SERVICE
from services.digit_reader.schema import Image
from services.lifecycle.features import FeatureSet
from services.lifecycle.pipeline import Matrix, Pipeline


def _records(frame: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    return [image.model_dump() for image in images(frame)]


def _train(folder: Path, frame: pd.DataFrame, digest: str, features: Matrix) -> Mapping[str, Any]:
    from services.digit_reader.training import train  # noqa: PLC0415 - seconds of imports, for training only

    return train(folder, frame, digest, features)


FEATURE_SET = FeatureSet(
    name="digit-image",
    version=1,
    columns=FEATURES,
    compute=lambda record: encode(Image.model_validate(dict(record))),
    code=FEATURES_DIGEST,
)
PIPELINE = Pipeline(
    packable=SERVICE,
    spec=SPEC,
    delivery=delivery,
    feature_set=FEATURE_SET,
    records=_records,
    train=_train,
    hosted=HOSTED,
    labels=labels.delivery,
)
