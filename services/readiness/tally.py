"""Counts of the hot path, kept in plain numbers until somebody asks for the metrics page.

Where several processes may share one page, as BentoML lets them, the client library writes each count into
a file: one to two microseconds each, fifteen times for an answer, a tenth of what an answer costs. Here a
count is an addition in memory; :func:`carry_over` brings all of them to the library when the page is asked
for. A process that is killed takes with it what was counted since the last page.

Call everything from one thread, the event loop's.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any


class _Seen:
    """Values of one histogram: how many fell below each border, and their sum."""

    __slots__ = ("borders", "counts", "total")

    def __init__(self, borders: Sequence[float]) -> None:
        self.borders = borders
        self.counts = [0] * len(borders)
        self.total = 0.0


_counted: dict[Any, int] = {}
_seen: dict[Any, _Seen] = {}
_read: dict[Any, Callable[[], float]] = {}


def count(series: Any) -> None:
    """Add one to a counter's series."""
    _counted[series] = _counted.get(series, 0) + 1


def saw(series: Any, value: float) -> None:
    """Add a value to a histogram's series."""
    known = _seen.get(series)
    if known is None:
        known = _seen[series] = _Seen(series._upper_bounds)  # noqa: SLF001 - see carry_over
    known.counts[bisect_left(known.borders, value)] += 1
    known.total += value


def show(series: Any, read: Callable[[], float]) -> None:
    """Let a gauge's series show what a function returns at the time."""
    _read[series] = read


def carry_over() -> None:
    """Bring all that was counted to the client library.

    A histogram takes one value at a time only, so its sum and its buckets are added to directly; a test
    compares with what it does itself.
    """
    for series, number in _counted.items():
        series.inc(number)
    _counted.clear()
    for series, known in _seen.items():
        for place, number in enumerate(known.counts):
            if number:
                series._buckets[place].inc(number)  # noqa: SLF001 - as above
                known.counts[place] = 0
        series._sum.inc(known.total)  # noqa: SLF001 - as above
        known.total = 0.0
    for series, read in _read.items():
        series.set(read())
