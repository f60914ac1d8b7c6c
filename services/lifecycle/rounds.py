"""Figures that the services' measurements share: of conformal sets, and of several rounds as one."""

from collections.abc import Collection, Sequence
from statistics import fmean
from typing import Any

DIGITS = 4
"""Decimals of a mean share: ten rounds of a few hundred rows know no more."""


def conformal(sets: Sequence[Collection[int]], truth: Sequence[int]) -> dict[str, float]:
    """Return how often sets of classes hold the truth, and how often they name one class only.

    Args:
        sets: The set of each row.
        truth: The true class of each row.
    """
    return {
        "coverage": fmean(int(true) in classes for classes, true in zip(sets, truth, strict=True)),
        "share_of_single_class": fmean(len(classes) == 1 for classes in sets),
    }


def mean(rounds: list[Any]) -> Any:
    """Return the same tree with each number the mean over the rounds."""
    if isinstance(rounds[0], dict):
        return {key: mean([one[key] for one in rounds]) for key in rounds[0]}
    value = fmean(rounds)
    return round(value, DIGITS) if abs(value) >= 10**-DIGITS or not value else float(f"{value:.1g}")
