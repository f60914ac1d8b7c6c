"""From promtool's notation to metrics that move with the clock. Pure."""

import re
from collections.abc import Mapping

_PART = re.compile(r"(?P<base>-?[\d.e]+)(?:\+(?P<step>-?[\d.e]+))?x(?P<count>\d+)")


def exposition(series: Mapping[str, str], *, steps: float) -> str:
    """Return a page with each series' value after so many steps; after its end it goes on as it ended.

    Args:
        series: Series in promtool's notation (``a+bxN``, several in a row).
        steps: Steps that have passed since the feeding began.

    Raises:
        ValueError: A series is not in that notation.
    """
    return "".join(f"{name} {value(values, steps):.17g}\n" for name, values in series.items())


def diluted(firing: Mapping[str, str], silent: Mapping[str, str], *, steps: float, by: int) -> str:
    """Return a page on which what was fed is buried under good figures: its counters go on, far up.

    Args:
        firing: Counters as they were fed.
        silent: The same counters without the fault.
        steps: Steps that had passed when the feeding ended.
        by: Steps of ``silent`` that are added at once.

    Raises:
        ValueError: A series is not in promtool's notation.
    """
    return "".join(
        f"{name} {value(values, steps) + value(silent[name], by):.17g}\n" for name, values in firing.items()
    )


def value(notation: str, steps: float) -> float:
    """Return one series' value after so many steps."""
    left, found = steps, 0.0
    parts = list(_PART.finditer(notation))
    if not parts:
        raise ValueError(f"{notation!r} is no series")
    for number, part in enumerate(parts):
        base, step, count = float(part["base"]), float(part["step"] or 0), int(part["count"])
        last = number == len(parts) - 1
        passed = left if last else min(left, count)
        found = base + step * passed
        if last or left <= count:
            return found
        left -= count
    return found
