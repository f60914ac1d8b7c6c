"""From what reviewers found to data that training reads: the file of labels becomes a delivery.

The export of the review queue has one row for each settled case: the image as JSON, the label (a digit from
0 to 9; anything else says that nobody could read it, and is quarantined) and where it comes from.
"""

import csv
import io
import json

from services.digit_reader.dataset import LABEL
from services.digit_reader.features import FEATURES
from services.readiness.errors import DataError

IMAGE, FOUND = "pixels", "label"


def delivery(labels: bytes) -> bytes:
    """Return labels as a delivery of the data set's schema. Values are not judged here; ingestion does.

    Raises:
        DataError: The file is no CSV of labels.
    """
    fix = "export the settled cases of the review queue anew"
    try:
        rows = list(csv.DictReader(io.StringIO(labels.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The labels are no CSV: {type(error).__name__}.", fix=fix) from None
    missing = sorted({IMAGE, FOUND} - set(rows[0] if rows else ()))
    if missing:
        raise DataError(f"The labels lack the column(s) {', '.join(missing)}.", fix=fix)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FEATURES, LABEL])
    for row in rows:
        writer.writerow([*_pixels(row[IMAGE]), row[FOUND]])
    return text.getvalue().encode()


def _pixels(text: str) -> list[object]:
    """Return the pixels row by row; none where the text is no image, so that ingestion quarantines it."""
    try:
        pixels = [pixel for row in json.loads(text) for pixel in row]
    except (ValueError, TypeError):
        pixels = []
    return pixels if len(pixels) == len(FEATURES) else [""] * len(FEATURES)
