"""What the drift watch of digit-reader is tried with: images that were held out, and drifts that may come."""

import numpy as np
from sklearn.model_selection import train_test_split

from services.digit_reader.dataset import digits, frame, images
from services.digit_reader.features import encode
from services.digit_reader.schema import SIDE
from services.digit_reader.training import HOLDOUT_SHARE, SEED
from services.lifecycle.drift_trial import Source
from services.readiness import shifts


def source() -> Source:
    """Return the images and the drifts."""
    table = frame()
    rows = np.asarray([encode(image) for image in images(table)], dtype=np.float64)
    truth = digits(table)
    _, held = train_test_split(
        np.arange(len(truth)), test_size=HOLDOUT_SHARE, stratify=truth, random_state=SEED
    )
    few = rows[held][np.isin(truth[held], (1, 7))]
    return Source(
        held_out=rows[held],
        everything=rows,
        truth=truth[held],
        shifts={
            "faint_ink": lambda some, _: np.floor(some * 16 * 0.6) / 16,
            "one_pixel_to_the_right": lambda some, _: np.roll(
                some.reshape(-1, SIDE, SIDE), 1, axis=2
            ).reshape(some.shape),
            "turned": lambda some, _: np.rot90(some.reshape(-1, SIDE, SIDE), axes=(1, 2)).reshape(some.shape),
            "inverted": lambda some, _: 1.0 - some,
            "only_ones_and_sevens": lambda some, rng: few[rng.integers(0, len(few), len(some))],
            "columns_from_different_rows": shifts.shuffled_columns,
        },
    )
