"""Tries a plan of an A/B test on simulated outcomes: how often it is wrong, how often it finds what is there.

Somebody who peeks looks after every few outcomes and stops at the first finding. So does this trial, and
beside the experiment's own interval it tries the usual one of 1.96 standard errors on the same outcomes:
that one is right at a single look, and what peeking does to it is why it is not used.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from services.lifecycle.experiments import SMALLEST_ARM, Arm, Design, Plan, judge, plan

LOOKS = 200
"""Looks in an experiment: one at every half percent of its outcomes."""
USUAL = 1.959964
"""Standard errors of the usual interval at 5 percent."""

Matrix = npt.NDArray[np.float64]


def outcomes(planned: Plan, effect: float, *, runs: int, seed: int, looks: int = LOOKS) -> dict[str, Matrix]:
    """Return counts and sums of both variants at each look: a row for each run.

    Args:
        planned: The plan.
        effect: True difference of the means.
        runs: Experiments.
        seed: Of the draws.
        looks: Looks at equal distances, the last one at the plan's end.
    """
    rng, design = np.random.default_rng(seed), planned.design
    ends = np.ceil(np.arange(1, looks + 1) * planned.most / looks).astype(np.int64)
    steps = np.diff(ends, prepend=0)
    into_b = rng.binomial(steps, design.share_b, (runs, looks))
    good_b = rng.binomial(into_b, design.baseline + effect)
    good_a = rng.binomial(steps - into_b, design.baseline)
    parts = {"count_a": steps - into_b, "count_b": into_b, "good_a": good_a, "good_b": good_b}
    return {name: np.cumsum(part, axis=1).astype(np.float64) for name, part in parts.items()}


def findings(planned: Plan, seen: dict[str, Matrix], *, truth: float) -> dict[str, Any]:
    """Return, of many runs, the shares that found something, and when.

    Args:
        planned: The plan.
        seen: What :func:`outcomes` gives.
        truth: True difference; an interval that ever leaves it out is counted.
    """
    count_a, count_b = np.maximum(seen["count_a"], 1), np.maximum(seen["count_b"], 1)
    difference = seen["good_b"] / count_b - seen["good_a"] / count_a
    noise = _variance(seen["good_a"], count_a) / count_a + _variance(seen["good_b"], count_b) / count_b
    judged = np.minimum(seen["count_a"], seen["count_b"]) >= SMALLEST_ARM
    ratio = (noise + planned.mixture) / noise
    wide = np.sqrt(
        noise * (noise + planned.mixture) / planned.mixture
        * (2 * np.log(1 / planned.design.alpha) + np.log(ratio))
    )  # fmt: skip
    found = judged & (np.abs(difference) > wide)
    usual = judged & (np.abs(difference) > USUAL * np.sqrt(noise))
    missed = judged & (np.abs(difference - truth) > wide)
    ever = found.any(axis=1)
    total = seen["count_a"] + seen["count_b"]
    ended = np.where(ever, total[np.arange(len(total)), found.argmax(axis=1)], total[:, -1])
    return {
        "found": round(float(ever.mean()), 4),
        "found_for_b": round(float((ever & (_first(difference, found) > 0)).mean()), 4),
        "truth_ever_left_out": round(float(missed.any(axis=1).mean()), 4),
        "usual_interval_found": round(float(usual.any(axis=1).mean()), 4),
        "usual_interval_at_the_end_only": round(float(usual[:, -1].mean()), 4),
        "outcomes_at_the_end": {"mean": round(float(ended.mean())), "median": round(float(np.median(ended)))},
    }  # fmt: skip


def measure(design: Design, *, runs: int, seed: int = 20_261_121, looks: int = LOOKS) -> dict[str, Any]:
    """Return what a plan shows on simulated outcomes, without a difference and with the one designed for.

    Args:
        design: What is to be found out.
        runs: Experiments of each kind.
        seed: Of the draws.
        looks: Looks in each.
    """
    planned = plan(design)
    without = findings(planned, outcomes(planned, 0.0, runs=runs, seed=seed, looks=looks), truth=0.0)
    effect = design.effect if design.baseline + design.effect < 1 else -design.effect
    drawn = outcomes(planned, effect, runs=runs, seed=seed + 1, looks=looks)
    with_effect = findings(planned, drawn, truth=effect)
    error = 2 * (design.alpha * (1 - design.alpha) / runs) ** 0.5
    return {
        "design": {
            "baseline": design.baseline, "effect": effect, "alpha": design.alpha, "power": design.power,
            "share_b": design.share_b,
        },
        "plan": {"most_outcomes": planned.most, "mixture": planned.mixture},
        "runs": runs,
        "looks": looks,
        "false_positive_rate": without["found"],
        "false_positive_rate_of_the_usual_interval": without["usual_interval_found"],
        "power": with_effect["found"],
        "without_a_difference": without,
        "with_the_difference": with_effect,
        "as_designed": bool(
            without["found"] <= design.alpha + error and with_effect["found"] >= design.power - error
        ),
    }  # fmt: skip


def _variance(good: Matrix, count: Matrix) -> Matrix:
    mean = good / count
    least = (1 / (count + 1)) * (1 - 1 / (count + 1))
    return np.maximum(mean * (1 - mean), least)


def _first(values: Matrix, found: npt.NDArray[np.bool_]) -> Matrix:
    at: Matrix = values[np.arange(len(values)), found.argmax(axis=1)]
    return at


def agrees(planned: Plan, seen: dict[str, Matrix], run: int, look: int) -> tuple[float, float]:
    """Return the interval of one run at one look as :func:`judge` gives it; for tests."""
    arms = {
        name: Arm(
            count=int(seen[f"count_{name}"][run, look]),
            total=float(seen[f"good_{name}"][run, look]),
            squares=float(seen[f"good_{name}"][run, look]),
        )
        for name in ("a", "b")
    }
    found = judge(planned, arms)
    return found.low, found.high
