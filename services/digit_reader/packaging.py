"""Pack digit-reader as a bento: ``python -m services.digit_reader.packaging --out DIR``."""

import sys
from pathlib import Path
from typing import Any

from services.digit_reader.features import FEATURES_DIGEST
from services.lifecycle.packing import Packable, main


def _inputs() -> dict[str, Any]:
    from services.digit_reader import dataset, training  # noqa: PLC0415 - seconds of imports

    return training.inputs(dataset.data_digest())


def _train(folder: Path) -> dict[str, Any]:
    from services.digit_reader import dataset, training  # noqa: PLC0415 - seconds of imports

    return training.train(folder, dataset.frame(), dataset.data_digest())


SERVICE = Packable(
    name="digit-reader",
    entry="services.digit_reader.service:DigitReader",
    features_digest=FEATURES_DIGEST,
    inputs=_inputs,
    train=_train,
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
