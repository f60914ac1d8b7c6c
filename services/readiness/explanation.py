"""Why the model gave its probability: the exact Shapley value of each input, in log-odds.

The values of one row and the base add up to the row's log-odds. The base is the mean over the training
rows, so a value says how much this input moved this row away from the average application.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SHOWN = 4
"""Inputs named with an answer: the number of principal reasons that US credit practice asks for at most
(Regulation B, official comment 9(b)(2)-1). The log keeps all."""

Matrix = npt.NDArray[np.float64]


class Contribution(NamedTuple):
    """How much one input moved the log-odds; positive is towards the second class."""

    feature: str
    log_odds: float


class Explainer:
    """Explains rows, many at once.

    Args:
        section: The section ``explanation`` of a reference.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Turn the lists of the section into arrays, once."""
        self.names: list[str] = section["names"]
        self.base: float = section["base"]
        terms = section["terms"]
        self._tables = [(i, np.asarray(t["table"])) for i, t in enumerate(terms) if "table" in t]
        numbers = [(i, t["slope"], t["mean"]) for i, t in enumerate(terms) if "slope" in t]
        self._numbers = np.asarray([n[0] for n in numbers], dtype=np.intp)
        self._slopes = np.asarray([n[1] for n in numbers], dtype=np.float64)
        self._means = np.asarray([n[2] for n in numbers], dtype=np.float64)

    def values(self, rows: Matrix) -> Matrix:
        """Return the Shapley value of each input of each row, in log-odds."""
        found = np.empty(rows.shape, dtype=np.float64)
        for i, table in self._tables:
            found[:, i] = table[rows[:, i].astype(np.intp)]
        found[:, self._numbers] = (rows[:, self._numbers] - self._means) * self._slopes
        return found


def strongest(
    names: Sequence[str], values: Sequence[float], *, towards: int = 0, shown: int = SHOWN
) -> list[Contribution]:
    """Return the inputs that moved a row most, the strongest first.

    Args:
        names: Names of the inputs.
        values: Their Shapley values.
        towards: 1 for those that speak for the second class only, -1 for the first, 0 for both.
        shown: So many at most.
    """
    wanted = [i for i in range(len(values)) if values[i] * towards > 0 or not towards]
    wanted.sort(key=lambda i: (-abs(values[i]), i))
    return [Contribution(names[i], values[i]) for i in wanted[:shown]]
