"""Patterns with ``*`` and ``?``: does one say everything that another says, and do they meet? Pure."""

import re
from functools import lru_cache

_RUN = re.compile(r"[*?]{2,}")


@lru_cache(maxsize=8192)
def tidy(pattern: str) -> str:
    """Return the pattern with each run of wildcards in one order, so that equal ones are written alike."""
    return _RUN.sub(lambda run: "?" * run[0].count("?") + ("*" if "*" in run[0] else ""), pattern)


@lru_cache(maxsize=65536)
def covers(wide: str, narrow: str) -> bool:
    """Return whether every text that ``narrow`` matches is matched by ``wide`` too; a doubt counts as no.

    A star of ``narrow`` is covered by one of ``wide`` only: ``?*`` is not found to cover ``*a``.
    """
    return _walk(tidy(wide), tidy(narrow), both=False)


@lru_cache(maxsize=65536)
def overlap(one: str, other: str) -> bool:
    """Return whether some text is matched by both."""
    return _walk(tidy(one), tidy(other), both=True)


def _walk(one: str, other: str, *, both: bool) -> bool:
    """Walk through both patterns at once, over every place that can be reached.

    Args:
        one: The pattern that has to match.
        other: What it has to match: for ``both`` some text of it, else all of them.
        both: Whether the wildcards of ``other`` may be chosen freely, which asks for an overlap.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        i, j = place
        if i == len(one) and j == len(other):
            return True
        left = one[i] if i < len(one) else ""
        right = other[j] if j < len(other) else ""
        if left == "*":
            waiting.append((i + 1, j))
            if right:
                waiting.append((i, j + 1))
        if both and right == "*":
            waiting.append((i, j + 1))
            if left:
                waiting.append((i + 1, j))
        if left and right and "*" not in (left, right):
            fits = left in ("?", right) or (both and right == "?")
            if fits:
                waiting.append((i + 1, j + 1))
    return False
