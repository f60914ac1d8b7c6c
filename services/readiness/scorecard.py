"""The simpler model: a table of whole points, read and added up in plain Python.

It is what answers when the model cannot. It shares no code with it, so that what breaks the one (a missing
file, a library, memory) leaves the other standing.
"""

import bisect
import math
from collections.abc import Mapping, Sequence
from typing import Any


class Scorecard:
    """Gives the probability of the second class.

    Args:
        card: Content of ``scorecard.json``.
    """

    def __init__(self, card: Mapping[str, Any]) -> None:
        """Keep the table."""
        self._start = int(card["start"])
        self._factor = math.log(2) / float(card["points_to_double_odds"])
        self._columns = [
            (int(entry["column"]), str(entry["name"]), tuple(entry["borders"]), tuple(entry["points"]))
            for entry in card["columns"]
        ]

    def points(self, row: Sequence[float]) -> dict[str, int]:
        """Return the points of each column that counts."""
        return {
            name: points[bisect.bisect_right(borders, row[i]) if borders else int(row[i])]
            for i, name, borders, points in self._columns
        }

    def probability(self, row: Sequence[float]) -> float:
        """Return the probability of the second class for one row."""
        log_odds = (self._start + sum(self.points(row).values())) * self._factor
        return 1.0 / (1.0 + math.exp(-log_odds))
