"""Learn how far the model's probabilities can be trusted, from rows that it did not see."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import isotonic_regression

Vector = npt.NDArray[np.float64]


def fit_confidence(out_of_fold: Vector, target: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return the section ``confidence`` of the reference.

    ``first`` and ``second`` hold, sorted, how badly the model fitted the true class of each left-out row:
    the calibration of class-conditional conformal prediction (Vovk, 2012). ``scores``, ``low`` and
    ``high`` are the Venn-Abers band at and between those scores (Vovk and Petej, 2014), worked out
    ahead, since it depends on a new score only by its place among them.
    """
    scores, low, high = band(out_of_fold, target)
    return {
        "first": sorted(out_of_fold[~target].tolist()),
        "second": sorted((1.0 - out_of_fold[target]).tolist()),
        "scores": scores.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }


def band(out_of_fold: Vector, target: npt.NDArray[np.bool_]) -> tuple[Vector, Vector, Vector]:
    """Return the distinct scores and the band's two ends at each of the places among them.

    Place ``2 k`` is below score ``k`` and above the one before, place ``2 k + 1`` is at score ``k``; the last
    place is above all. The low end is what the calibrated probability would be if the new row were of
    the first class, the high end if it were of the second.
    """
    scores, where = np.unique(out_of_fold, return_inverse=True)
    weight = np.bincount(where).astype(np.float64)
    hits = np.bincount(where, weights=target.astype(np.float64))
    ends: tuple[list[float], list[float]] = ([], [])
    for place in range(2 * len(scores) + 1):
        k, at = divmod(place, 2)
        for label, end in enumerate(ends):
            if at:
                w, h = weight.copy(), hits.copy()
                w[k] += 1
                h[k] += label
            else:
                w, h = np.insert(weight, k, 1.0), np.insert(hits, k, float(label))
            end.append(float(isotonic_regression(h / w, sample_weight=w)[k]))
    return scores, np.asarray(ends[0]), np.asarray(ends[1])
