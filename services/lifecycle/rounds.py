"""Figures of several rounds as one: the mean of each number, in the same tree."""

from statistics import fmean
from typing import Any

DIGITS = 4
"""Decimals of a mean share: ten rounds of a few hundred rows know no more."""


def mean(rounds: list[Any]) -> Any:
    """Return the same tree with each number the mean over the rounds."""
    if isinstance(rounds[0], dict):
        return {key: mean([one[key] for one in rounds]) for key in rounds[0]}
    value = fmean(rounds)
    return round(value, DIGITS) if abs(value) >= 10**-DIGITS or not value else float(f"{value:.1g}")
