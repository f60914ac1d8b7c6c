"""From an image to the numbers that the model reads; the same code trains and serves."""

from services.digit_reader.schema import DARKEST, SIDE, Image
from services.readiness.digests import json_digest

FEATURES = tuple(f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE))
FEATURES_DIGEST = json_digest([*FEATURES, f"over {DARKEST}"])
"""Names the feature list; a model made for another one is refused at load."""


def encode(image: Image) -> list[float]:
    """Return the model's inputs in order: ink from 0 to 1, row by row."""
    return [pixel / DARKEST for row in image.pixels for pixel in row]
