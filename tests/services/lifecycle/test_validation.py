"""Slices, hard inputs and small changes find the models that they are meant to find."""

import math

import numpy as np
import pytest

from services.credit_risk.training import limits
from services.lifecycle.validation import auc, auc_error, hard_rows, robustness, slices, stress

RNG = np.random.default_rng(5)
LIMITS = [(0.0, 3.0), (1.0, 120.0)]


def steady(rows):
    return 1 / (1 + np.exp(-(rows[:, 0] - 1) - rows[:, 1] / 100)).astype(np.float64)


def test_the_weakest_slice_is_found() -> None:
    codes = RNG.integers(0, 3, 3000)
    target = RNG.random(3000) < 0.4
    probability = np.where(target, 0.7, 0.3) + RNG.normal(0, 0.1, 3000)
    probability[codes == 2] = RNG.random(int((codes == 2).sum()))  # no better than chance there
    rows = np.column_stack([codes]).astype(np.float32)

    found = slices(rows, target, probability, {0: ("a", "b", "c")})

    assert found["count"] == 3
    assert found["worst_auc"] == pytest.approx(0.5, abs=0.1)
    assert auc(target, probability) > 0.75


def test_a_slice_is_not_judged_by_luck() -> None:
    """Of many small slices of a sound model one looks weak; a model that is blind in one is found."""
    codes = np.repeat(np.arange(33), 60)
    target = np.tile(np.arange(60) % 4 == 0, 33)
    sound = np.where(target, 0.74, 0.0) + RNG.normal(0, 1, len(codes))  # an AUC of 0.70 in each slice
    blind = np.where(codes == 7, -sound, sound)
    rows, names = codes[:, None].astype(np.float32), {0: tuple(map(str, range(33)))}
    measured = [auc(target[codes == code], sound[codes == code]) for code in range(33)]

    assert min(measured) < 0.55
    assert slices(rows, target, sound, names)["worst_auc"] >= 0.55
    assert slices(rows, target, blind, names)["worst_auc"] < 0.55


def test_the_error_of_an_auc_is_its_spread_over_samples() -> None:
    positive, negative = 15, 45
    target = np.arange(60) < positive
    samples = [auc(target, np.where(target, 0.74, 0.0) + RNG.normal(0, 1, 60)) for _ in range(2000)]

    assert auc_error(float(np.mean(samples)), positive, negative) == pytest.approx(np.std(samples), rel=0.1)


def test_slices_too_small_to_judge_are_left_out() -> None:
    rows = np.zeros((20, 1), dtype=np.float32)

    found = slices(rows, RNG.random(20) < 0.5, RNG.random(20), {0: ("a",)})

    assert found["count"] == 0
    assert math.isnan(found["worst_auc"])


def test_a_sound_model_stands_the_corners_of_its_schema() -> None:
    assert stress(steady, LIMITS, seed=1) == {"invalid_share": 0.0, "batch_difference": 0.0}
    corners = {tuple(row) for row in hard_rows(LIMITS, seed=1)}
    assert corners == {(0, 1), (0, 120), (3, 1), (3, 120)}


def test_answers_that_are_no_probability_are_counted() -> None:
    found = stress(lambda rows: np.where(rows[:, 0] > 1, np.nan, 0.5), LIMITS, seed=1)

    assert found["invalid_share"] == pytest.approx(0.5, abs=0.05)


def test_an_answer_that_depends_on_its_neighbours_is_found() -> None:
    found = stress(lambda rows: np.full(len(rows), rows[:, 0].mean() / 3), LIMITS, seed=1)

    assert found["batch_difference"] > 0.1


def test_a_model_that_flips_on_small_changes_is_found() -> None:
    rows = np.column_stack([RNG.integers(0, 4, 500), RNG.uniform(1, 120, 500)]).astype(np.float32)

    def jumpy(rows):
        return np.where(np.floor(rows[:, 1] * 10) % 2 == 0, 0.9, 0.1)

    def decide(probability):
        return "yes" if probability > 0.5 else "no"

    assert robustness(jumpy, rows, [1], decide, seed=1)["decisions_changed_share"] > 0.3
    assert robustness(steady, rows, [1], decide, seed=1)["decisions_changed_share"] < 0.02


def test_the_limits_of_the_credit_schema_are_its_own() -> None:
    found = limits()

    assert len(found) == 17
    assert found[1] == (1.0, 120.0)
    assert found[0] == (0.0, 3.0)
    assert all(low < high for low, high in found)
