"""What is known of the training data: levels and their counts, correlations, outputs, confidence."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.readiness.drift.measures import Array

Levels = npt.NDArray[np.intp]


class Known:
    """The section ``drift`` of a reference, as arrays.

    Args:
        section: As ``reference_making/drift.py`` wrote it.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Turn its lists into arrays, once."""
        self.rows = int(section["rows"])
        self.names: list[str] = list(section["names"])
        self._edges = [None if e is None else np.asarray(e, dtype=np.float64) for e in section["edges"]]
        counts = [np.asarray(one, dtype=np.float64) for one in section["counts"]]
        self.sizes = np.asarray([len(one) for one in counts], dtype=np.intp)
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.intp)
        self.counts = np.concatenate(counts)
        self.freedom = np.asarray([max(1, int((one > 0).sum()) - 1) for one in counts], dtype=np.float64)
        self.watched = np.asarray(section["watched"], dtype=np.intp)
        self.scores = np.concatenate([ridits(one) for one in counts])
        upper = np.triu_indices(len(self.watched), 1)
        self.correlation = np.zeros((len(self.watched), len(self.watched)))
        self.correlation[upper] = section["correlation"]
        self.pairs = upper
        outputs = section["outputs"]
        self.output_edges = (
            None if outputs["edges"] is None else np.asarray(outputs["edges"], dtype=np.float64)
        )
        self.output_counts = np.asarray(outputs["counts"], dtype=np.float64)
        self.confidences = np.asarray(section["confidences"], dtype=np.float64)
        self.sureness = section["sureness"]

    def cells(self, rows: Array) -> Levels:
        """Return the level of each value, as its place among all levels of all columns."""
        return self.starts + levels(rows, self._edges, self.sizes)

    def output_levels(self, probabilities: Array) -> Levels:
        """Return the level of each output: a class; of two, a step of the second one's probability."""
        if self.output_edges is None:
            return np.asarray(probabilities.argmax(axis=1), dtype=np.intp)
        return np.asarray(np.searchsorted(self.output_edges, probabilities[:, 1], "right"), dtype=np.intp)

    def low_share(self, below: float) -> float:
        """Return the share of rows that were left out of training with a confidence below this one."""
        return float(np.searchsorted(self.confidences, below, "left")) / len(self.confidences)


def levels(rows: Array, edges: Sequence[Array | None], sizes: Levels) -> Levels:
    """Return the level of each value; a category's level is its code."""
    found = np.empty(rows.shape, dtype=np.intp)
    for i, known in enumerate(edges):
        column = rows[:, i]
        if known is None:
            found[:, i] = np.clip(column, 0, sizes[i] - 1)
        else:
            found[:, i] = np.searchsorted(known, column, "right")
    return found


def ridits(counts: Array) -> Array:
    """Return a score from 0 to 1 for each level: the share of rows below it, and half of its own.

    Correlations of such scores are Spearman's, with ties; no amount, however large, can dominate them.
    """
    share = counts / counts.sum()
    scores: Array = np.cumsum(share) - share / 2
    return scores
