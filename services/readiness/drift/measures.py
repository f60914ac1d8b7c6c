"""Statistics of drift, and for each the line that chance alone passes so seldom that it may be ignored.

Each line is worked out from the number of rows on both sides: a small window or a small training set moves
it up. All logarithms are natural.
"""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

BLOCK = 100
"""Requests after which drift is judged again."""

FALSE_ALARM_REQUESTS = 1_000_000
"""Requests in which chance may pass a line once, for each kind of drift: ten days at one a second."""

CHANCE = BLOCK / FALSE_ALARM_REQUESTS
"""Probability that chance passes a line at one judgement. Judgements share most of their requests, so the
real rate is lower (Bonferroni over time and over features)."""

HALF = 0.5
"""Rows added to each level on both sides, so that an empty level is unlikely rather than impossible
(Jeffreys)."""

Array = npt.NDArray[np.float64]


def z_of(chance: float) -> float:
    """Return the normal quantile that is passed with this probability."""
    return NormalDist().inv_cdf(1.0 - chance)


def chi_square(freedom: Array, chance: float) -> Array:
    """Return the chi-square quantile that is passed with this probability (Wilson and Hilferty, 1931).

    For probabilities of 1e-4 and less it lies above the exact one: by under a percent with 20 degrees of
    freedom, by a fifth with one at 1e-8. So where it errs, it is chance that is allowed more.
    """
    part = 2.0 / (9.0 * freedom)
    quantile: Array = freedom * (1.0 - part + z_of(chance) * np.sqrt(part)) ** 3
    return quantile


def stability(counts: Array, known: Array, starts: npt.NDArray[np.intp]) -> Array:
    """Return the population stability index of each group of levels, in nats.

    It is the symmetric Kullback-Leibler divergence of both shares (Jeffreys, 1946).

    Args:
        counts: Rows by level now; the groups lie one behind the other.
        known: The same for the training data.
        starts: Where each group begins.
    """
    sizes = np.diff([*starts, len(counts)])
    now, then = counts + HALF, known + HALF
    now = now / np.repeat(np.add.reduceat(now, starts), sizes)
    then = then / np.repeat(np.add.reduceat(then, starts), sizes)
    found: Array = np.add.reduceat((now - then) * np.log(now / then), starts)
    return found


def stability_by_chance(rows: int, known_rows: int, freedom: Array, chance: float) -> Array:
    """Return the index that chance passes with this probability.

    With both sides drawn from one distribution the index is about ``(1/n + 1/N)`` times a chi-square
    variable with one degree of freedom less than there are levels (Yurdakul, 2018).
    """
    return (1.0 / rows + 1.0 / known_rows) * chi_square(freedom, chance)


def correlations(rows: float, sums: Array, products: Array) -> Array:
    """Return the correlation matrix of columns from their sums and products; 0 where one is constant."""
    means = sums / rows
    covariance = products / rows - np.outer(means, means)
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    spread = np.where(spread > 1e-9, spread, np.inf)  # noqa: PLR2004 - rounding
    found: Array = covariance / np.outer(spread, spread)
    return found


def correlation_by_chance(rows: int, known_rows: int, pairs: int, chance: float) -> float:
    """Return the largest change of ``pairs`` correlations that chance passes with this probability.

    The difference of Fisher's z of two samples has the variance ``1/(n-3) + 1/(N-3)`` (Fisher, 1921); a
    correlation moves less than its z.
    """
    variance = 1.0 / max(1, rows - 3) + 1.0 / max(1, known_rows - 3)
    return float(z_of(chance / (2 * max(1, pairs))) * variance**0.5)


def share_by_chance(rows: int, known_rows: float, share: float, chance: float) -> float:
    """Return the share above which chance gets with this probability, when it is ``share`` in truth.

    Normal approximation with the correction for a count; ``known_rows`` is infinite for a share that is
    known exactly.
    """
    variance = max(share, 1.0 / rows) * (1.0 - share) * (1.0 / rows + 1.0 / known_rows)
    return share + z_of(chance) * math.sqrt(variance) + HALF / rows
