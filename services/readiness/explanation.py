"""Why the model gave its probability: the exact Shapley value of each input, in log-odds.

The values of one row and the base add up to the row's log-odds. The base is the mean over the training
rows, so a value says how much this input moved this row away from the average application.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SHOWN = 4
"""Inputs named with an answer: the number of principal reasons that US credit practice asks for at most
(Regulation B, official comment 9(b)(2)-1). The log keeps all."""

Matrix = npt.NDArray[np.float64]


class Terms(NamedTuple):
    """Shapley values of rows: with its base, the values of a row add up to its log-odds.

    Args:
        names: What each column of values is about.
        values: A row for each row.
        bases: One for each row.
    """

    names: list[str]
    values: Matrix
    bases: Matrix


Outputs = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


class Explainer:
    """Explains rows of a model whose log-odds are a sum over the inputs, many at once.

    Args:
        section: The section ``explanation`` of a reference.
    """

    model_rows = 1
    """Rows that the model answers for each row that is explained."""

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

    def terms(self, rows: Matrix, probabilities: Matrix, outputs: Outputs) -> Terms:
        """Return the values of each row; the model is not asked again."""
        del probabilities, outputs
        return Terms(self.names, self.values(rows), np.full(len(rows), self.base))


SMALLEST = 1e-7
"""Probabilities are kept so far from 0 and 1 when log-odds are taken: what 32 bits can tell from 1."""


def log_odds(probabilities: Matrix) -> Matrix:
    """Return the log-odds of probabilities."""
    kept = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    found: Matrix = np.log(kept / (1 - kept))
    return found


class CoalitionExplainer:
    """Explains the likeliest class of any model by asking it about every coalition of groups of inputs.

    A group is in or out: in, it has the row's values; out, those of the average training row. The value of a
    group is its Shapley value in this game, over all coalitions, so nothing is sampled. The cost doubles
    with each group.

    Args:
        section: The section ``explanation`` of a reference, of the kind ``coalitions``.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Lay out all coalitions once."""
        self.names = list(section["groups"])
        self._baseline = np.asarray(section["baseline"], dtype=np.float32)
        count = len(self.names)
        self.model_rows = 2**count
        members = (np.arange(self.model_rows)[:, None] >> np.arange(count)) & 1 == 1
        self._inside = np.zeros((self.model_rows, len(self._baseline)), dtype=np.bool_)
        for place, columns in enumerate(section["groups"].values()):
            self._inside[:, columns] = members[:, [place]]
        self._weights = _shapley_weights(members)

    def terms(self, rows: Matrix, probabilities: Matrix, outputs: Outputs) -> Terms:
        """Return the values of each row, for its own likeliest class."""
        asked = np.where(self._inside, rows[:, None, :].astype(np.float32), self._baseline)
        answers = np.asarray(outputs(asked.reshape(-1, len(self._baseline))), dtype=np.float64)
        answers = answers.reshape(len(rows), self.model_rows, -1)
        best = probabilities.argmax(axis=1)
        worth = log_odds(answers[np.arange(len(rows)), :, best])
        return Terms(self.names, worth @ self._weights, worth[:, 0])


def _shapley_weights(members: npt.NDArray[np.bool_]) -> Matrix:
    """Return (coalitions, groups): what each coalition's worth counts in each group's value."""
    count = members.shape[1]
    sizes = members.sum(axis=1)
    weights = np.zeros(members.shape, dtype=np.float64)
    for coalition, size in enumerate(sizes.tolist()):
        for group in range(count):
            before = size - 1 if members[coalition, group] else size
            share = math.factorial(before) * math.factorial(count - before - 1) / math.factorial(count)
            weights[coalition, group] = share if members[coalition, group] else -share
    return weights


def strongest(terms: Mapping[str, float], *, shown: int = SHOWN) -> list[tuple[str, float]]:
    """Return the inputs that moved a row most, the strongest first.

    Args:
        terms: Value by input.
        shown: So many at most.
    """
    return sorted(terms.items(), key=_size)[:shown]


def _size(term: tuple[str, float]) -> float:
    return -abs(term[1])
