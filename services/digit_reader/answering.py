"""What is special about digit-reader, in one place; how it is served stands in ``readiness/hosting.py``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.digit_reader.features import FEATURES_DIGEST, encode
from services.digit_reader.schema import Image, Reading
from services.readiness.decisions import Service
from services.readiness.hosting import Hosted

NAME = "digit-reader"
CLASSES = tuple("0123456789")


def decide(_: Sequence[float]) -> tuple[str, list[str]]:
    """Return that the digit counts as read; the contract says when it does not."""
    return "read", ["sure"]


def shown(probabilities: Sequence[float] | None) -> dict[str, Any]:
    """Return the likeliest digit; None when there is no model to ask."""
    return {"digit": None if probabilities is None else probabilities.index(max(probabilities))}


def redact(image: Image) -> dict[str, Any]:
    """Return what the log may hold: all of it, since 64 pixels of a digit tell nothing of who wrote it."""
    return {"pixels": image.pixels}


HOSTED = Hosted(
    service=Service(name=NAME, classes=CLASSES, decide=decide, refer="refer_to_human", shown=shown),
    folder=Path(__file__).parent,
    features_digest=FEATURES_DIGEST,
    schema=Image,
    answer=Reading,
    encode=encode,
    redact=redact,
)
