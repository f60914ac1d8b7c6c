"""What a set of predictions is worth: quality, cost and how groups fare. Pure functions."""

import math
from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata  # type: ignore[import-untyped]  # ships no types

from services.credit_risk.decision import COST_OF_BAD_APPROVAL, cost, decide
from services.credit_risk.schema import Outcome

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

Z_95 = 1.959964
"""Standard deviations on either side that hold 95 % of a normal distribution."""

BOOTSTRAP_ROUNDS = 400
"""Resamples for the interval of the AUC; its ends move by less than 0.005 with more."""

EVEN_ODDS = 0.5
"""Threshold of the accuracy, as in the literature."""

DIGITS = 6
"""Figures are rounded to so many decimals: enough to read, few enough not to show rounding noise."""


class Interval(TypedDict):
    """A 95 % interval."""

    low: float
    high: float


class GroupFigures(TypedDict):
    """How one group of applicants fares. Shares are 0 to 1."""

    rows: int
    default_rate: float
    mean_probability: float
    approval_rate: float
    approval_rate_95: Interval
    approval_rate_of_good: float | None
    referral_rate: float
    decline_rate: float


class Figures(TypedDict):
    """Quality and cost of predictions. Costs are units per application; see ``decision.py``."""

    rows: int
    default_rate: float
    auc: float
    auc_95: Interval
    accuracy: float
    accuracy_at: float
    brier: float
    cost: float
    cost_without_review: float
    cost_decline_all: float
    cost_approve_all: float
    approval_rate: float
    default_rate_of_approved: float | None
    referral_rate: float
    decline_rate: float


def wilson(hits: int, rows: int) -> Interval:
    """Return the 95 % Wilson interval of a share; 0 to 1 when there are no rows."""
    if rows == 0:
        return {"low": 0.0, "high": 1.0}
    share, z2 = hits / rows, Z_95**2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = Z_95 * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    return {
        "low": round(max(0.0, middle - half), DIGITS),
        "high": round(min(1.0, middle + half), DIGITS),
    }


def bootstrap(
    figure: Callable[[Bools, Floats], float], defaulted: Bools, probability: Floats, *, seed: int
) -> Interval:
    """Return the 95 % bootstrap interval of a figure; resamples with one class only are left out."""
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(BOOTSTRAP_ROUNDS):
        rows = rng.integers(0, len(defaulted), len(defaulted))
        if 0 < defaulted[rows].sum() < len(rows):
            values.append(figure(defaulted[rows], probability[rows]))
    low, high = np.quantile(values, [0.025, 0.975])
    return {"low": round(float(low), DIGITS), "high": round(float(high), DIGITS)}


def auc(defaulted: Bools, probability: Floats) -> float:
    """Return the probability that a bad loan is ranked above a good one; ties count half.

    Both classes must be present. This is the rank form, 30 times faster than a curve, which matters
    for the bootstrap.
    """
    bad = int(defaulted.sum())
    ranks = rankdata(probability)[defaulted].sum()
    return float((ranks - bad * (bad + 1) / 2) / (bad * (len(defaulted) - bad)))


def outcomes(probability: Floats) -> list[Outcome]:
    """Return the decision for each probability."""
    return [decide(float(p))[0] for p in probability]


def _share(hits: int, rows: int) -> float | None:
    return round(hits / rows, DIGITS) if rows else None


def evaluate(defaulted: Sequence[bool] | Bools, probability: Floats, *, seed: int) -> Figures:
    """Return quality and cost of the predictions.

    Accuracy is that of a plain yes/no at 0.5, for comparing with the literature; decisions use the
    costs instead. Both classes must be present.
    """
    truth = np.asarray(defaulted, dtype=np.bool_)
    taken = outcomes(probability)
    rows = len(truth)
    approved = [bool(bad) for bad, outcome in zip(truth, taken, strict=True) if outcome == "approve"]
    even = 1.0 / (1.0 + COST_OF_BAD_APPROVAL)
    unreviewed: list[Outcome] = ["approve" if p <= even else "decline" for p in probability]

    def mean_cost(decisions: Sequence[Outcome]) -> float:
        total = sum(cost(d, defaulted=bool(bad)) for d, bad in zip(decisions, truth, strict=True))
        return round(total / rows, DIGITS)

    return {
        "rows": rows,
        "default_rate": round(float(truth.mean()), DIGITS),
        "auc": round(auc(truth, probability), DIGITS),
        "auc_95": bootstrap(auc, truth, probability, seed=seed),
        "accuracy": round(float(((probability >= EVEN_ODDS) == truth).mean()), DIGITS),
        "accuracy_at": EVEN_ODDS,
        "brier": round(float(np.mean((probability - truth) ** 2)), DIGITS),
        "cost": mean_cost(taken),
        "cost_without_review": mean_cost(unreviewed),
        "cost_decline_all": mean_cost(["decline"] * rows),
        "cost_approve_all": mean_cost(["approve"] * rows),
        "approval_rate": round(len(approved) / rows, DIGITS),
        "default_rate_of_approved": _share(sum(approved), len(approved)),
        "referral_rate": round(taken.count("refer_to_human") / rows, DIGITS),
        "decline_rate": round(taken.count("decline") / rows, DIGITS),
    }


def by_group(
    groups: Sequence[str], defaulted: Sequence[bool] | Bools, probability: Floats
) -> dict[str, GroupFigures]:
    """Return how each group fares; small groups show by the width of their interval."""
    names, truth = np.asarray(groups), np.asarray(defaulted, dtype=np.bool_)
    taken = np.asarray(outcomes(probability))
    figures: dict[str, GroupFigures] = {}
    for name in sorted(set(groups)):
        mine = names == name
        rows, approved = int(mine.sum()), mine & (taken == "approve")
        figures[name] = {
            "rows": rows,
            "default_rate": round(float(truth[mine].mean()), DIGITS),
            "mean_probability": round(float(probability[mine].mean()), DIGITS),
            "approval_rate": round(int(approved.sum()) / rows, DIGITS),
            "approval_rate_95": wilson(int(approved.sum()), rows),
            "approval_rate_of_good": _share(int((approved & ~truth).sum()), int((mine & ~truth).sum())),
            "referral_rate": round(float((taken[mine] == "refer_to_human").mean()), DIGITS),
            "decline_rate": round(float((taken[mine] == "decline").mean()), DIGITS),
        }
    return figures
