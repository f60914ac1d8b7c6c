"""The data: 1,797 images of handwritten digits that scikit-learn carries, delivered as CSV."""

import csv
import io

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import load_digits

from services.digit_reader.features import FEATURES
from services.digit_reader.schema import DARKEST, SIDE, Image
from services.lifecycle.datasets import DataSpec, RawColumn
from services.readiness.digests import bytes_digest

LABEL = "digit"
SPEC = DataSpec(
    name="handwritten-digits",
    version=1,
    columns=(
        *(RawColumn(name=name, low=0, high=DARKEST) for name in FEATURES),
        RawColumn(name=LABEL, allowed=tuple(map(str, range(10)))),
    ),
    label=LABEL,
    positive="1",
    groups={},
    cuts={},
)


def delivery() -> bytes:
    """Return the installed data as CSV; no network is used."""
    data = load_digits()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FEATURES, LABEL])
    for pixels, digit in zip(data.data.astype(int), data.target, strict=True):
        writer.writerow([*pixels.tolist(), int(digit)])
    return text.getvalue().encode()


def data_digest() -> str:
    """Return the digest of the installed data."""
    return bytes_digest(delivery())


def frame() -> pd.DataFrame:
    """Return the installed data as accepted rows would come."""
    return pd.read_csv(io.BytesIO(delivery()), dtype=str)


def images(rows: pd.DataFrame) -> list[Image]:
    """Return the images in accepted rows."""
    pixels = rows[list(FEATURES)].astype(int).to_numpy().reshape(len(rows), SIDE, SIDE)
    return [Image(pixels=one.tolist()) for one in pixels]


def digits(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the truth in accepted rows."""
    return np.asarray(rows[LABEL].astype(int), dtype=np.int64)
