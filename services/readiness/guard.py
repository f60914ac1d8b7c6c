"""Tell whether a row is like the data that the model learned from.

A model answers any row, also one unlike everything it has seen, and then its probability means nothing.
The guard names such rows before anybody acts on them. How it learns what is usual stands in
``reference_making/guard.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

OUT_AT = 0.01
"""False-alarm rate of "out of distribution": one ordinary row in a hundred is judged so by mistake."""

UNUSUAL_AT = 0.05
"""False-alarm rate of "unusual": worth a mark in the log and in the metrics, not yet a refusal."""

GuardVerdict = Literal["in_distribution", "unusual", "out_of_distribution"]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What the guard found about one row.

    Args:
        verdict: In one word.
        p_value: Share of ordinary rows that are at least as odd, 0 to 1.
        outside: Names of numbers beyond what training saw, and of categories that training never saw.
    """

    verdict: GuardVerdict
    p_value: float
    outside: tuple[str, ...]


def verdict(p_value: float) -> GuardVerdict:
    """Return the word for a p-value."""
    if p_value <= OUT_AT:
        return "out_of_distribution"
    return "unusual" if p_value <= UNUSUAL_AT else "in_distribution"


class Guard:
    """Judges rows, many at once.

    Args:
        section: The section ``guard`` of a reference.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Turn the lists of the section into arrays, once."""
        self._names: list[str] = section["names"]
        self._numbers = np.asarray(section["numbers"], dtype=np.intp)
        numbers = set(section["numbers"])
        self._categories = np.asarray([i for i in range(len(self._names)) if i not in numbers], dtype=np.intp)
        logs = set(section["logs"])
        self._logs = np.asarray([i in logs for i in section["numbers"]], dtype=np.bool_)
        limits = [section["range"][str(i)] for i in section["numbers"]]
        self._low, self._high = np.asarray(limits, dtype=np.float64).reshape(-1, 2).T
        self._unseen = {int(i): set(codes) for i, codes in section["unseen"].items() if codes}
        sizes = np.asarray(section["sizes"], dtype=np.intp)
        parents = np.asarray(section["parents"], dtype=np.intp)
        # Missing borders are infinite, so that the level of every number is found in one comparison.
        edges = [section["borders"][i] for i in section["numbers"]]
        self._borders = np.full((len(edges), max(map(len, edges), default=0)), np.inf)
        for place, known in enumerate(edges):
            self._borders[place, : len(known)] = known
        # All tables in one row of numbers: start of a column's table + parent's level * width + own level.
        tables = [np.asarray(table, dtype=np.float64).ravel() for table in section["log_likelihood"]]
        self._flat = np.concatenate(tables)
        self._starts = np.cumsum([0, *map(len, tables[:-1])])
        self._parents = np.maximum(parents, 0)
        self._widths = np.where(parents >= 0, sizes, 0)
        self._scale = np.asarray(section["scale"], dtype=np.float64)
        self._points = np.asarray(section["points"], dtype=np.float64)
        self._squares = np.einsum("ij,ij->i", self._points, self._points)
        self._neighbours = int(section["neighbours"])
        calibration = section.get("calibration") or {}
        self._known = {name: np.asarray(scores) for name, scores in calibration.items()}

    def judge(self, rows: Matrix) -> list[Judgement]:
        """Judge each row; the rows hold codes and numbers as the model reads them."""
        p_values = self.p_values(rows)
        numbers = rows[:, self._numbers]
        beyond: npt.NDArray[np.bool_] = (numbers < self._low) | (numbers > self._high)
        odd = set(np.nonzero(beyond)[0].tolist())
        found = []
        for r, p_value in enumerate(p_values.tolist()):
            outside = []
            if r in odd:
                outside = [self._names[self._numbers[k]] for k in np.flatnonzero(beyond[r])]
            outside += [self._names[i] for i, codes in self._unseen.items() if int(rows[r, i]) in codes]
            said: GuardVerdict = "out_of_distribution" if outside else verdict(p_value)
            found.append(Judgement(verdict=said, p_value=p_value, outside=tuple(outside)))
        return found

    def p_values(self, rows: Matrix) -> Matrix:
        """Return for each row the share of ordinary rows that are at least as odd."""
        lower = self.lower_p_value(self.tree_scores(rows), self.distances(rows))
        known = self._known["lower_p_value"]
        # Taking the lower of two p-values makes low ones more frequent; the left-out rows say by how much.
        return (1 + np.searchsorted(known, lower, side="right")) / (len(known) + 1)

    def lower_p_value(self, tree: Matrix, distance: Matrix) -> Matrix:
        """Return the lower of both measures' p-values; not yet a p-value itself."""
        return np.minimum(
            _share_above(self._known["tree"], tree), _share_above(self._known["distance"], distance)
        )

    def tree_scores(self, rows: Matrix) -> Matrix:
        """Return minus the log-likelihood of each row under the tree, in nats."""
        levels = np.empty(rows.shape, dtype=np.intp)
        levels[:, self._categories] = rows[:, self._categories].astype(np.intp)
        levels[:, self._numbers] = (rows[:, self._numbers, None] >= self._borders).sum(axis=2)
        cells = self._starts + levels[:, self._parents] * self._widths + levels
        likelihoods: Matrix = self._flat[cells].sum(axis=1)
        return -likelihoods

    def distances(self, rows: Matrix) -> Matrix:
        """Return the squared distance to the n-th nearest training row, over the numbers."""
        compared = rows[:, self._numbers].astype(np.float64, copy=True)
        # Zero and below cannot be on the scale of a logarithm; the smallest known value stands for them,
        # and the range tells them apart.
        logs = np.maximum(compared[:, self._logs], self._low[self._logs] / 1e3)
        compared[:, self._logs] = np.log(logs)
        compared *= self._scale
        squares = np.einsum("ij,ij->i", compared, compared)
        apart = squares[:, None] + self._squares[None, :] - 2.0 * (compared @ self._points.T)
        nearest = np.partition(apart, self._neighbours - 1, axis=1)[:, self._neighbours - 1]
        return np.maximum(nearest, 0.0)


def _share_above(known: Matrix, scores: Matrix) -> Matrix:
    """Return the share of known scores that are at least as high, counting the row itself."""
    return (1 + len(known) - np.searchsorted(known, scores, side="left")) / (len(known) + 1)
