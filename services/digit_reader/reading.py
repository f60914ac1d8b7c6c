"""From images to readings: the same for one that somebody waits for, a file of them, or a queue."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.digit_reader.features import FEATURES_DIGEST, encode
from services.digit_reader.likeness import Likeness
from services.digit_reader.schema import Image, Reason
from services.readiness.model import VerifiedModel

LIKENESS_FILE = "likeness.json"


class Reader:
    """Reads images with a verified model.

    Args:
        folder: The model folder.
        model: Its model; loaded (and the folder verified) when left out.

    Raises:
        ModelRefusedError: The folder is not what its manifest says.
    """

    def __init__(self, folder: Path, model: VerifiedModel | None = None) -> None:
        """Load what is not given."""
        self.model = model or VerifiedModel(folder, features_digest=FEATURES_DIGEST)
        self.likeness = Likeness.read(json.loads((folder / LIKENESS_FILE).read_text(encoding="utf-8")))

    def read(self, images: Sequence[Image]) -> list[dict[str, Any]]:
        """Return a reading for each image: decision, reasons, digit, confidence, unlikeness."""
        rows = [encode(image) for image in images]
        limits = self.model.record["thresholds"]
        found = []
        for probabilities, unlikeness in zip(
            self.model.probabilities(rows), self.likeness.unlikeness(rows), strict=True
        ):
            digit = int(probabilities.argmax())
            confidence = min(1.0, float(probabilities[digit]))
            reasons: list[Reason] = []
            if unlikeness > limits["unlike_above"]:
                reasons.append("unlike_training")
            if confidence < limits["sure_from"]:
                reasons.append("unsure")
            found.append(
                {
                    "decision": "refer_to_human" if reasons else "read",
                    "reasons": reasons or ["sure"],
                    "digit": digit,
                    "confidence": confidence,
                    "unlikeness": float(unlikeness),
                }
            )
        return found
