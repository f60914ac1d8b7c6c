"""A/B tests: assignment is sticky and even, results may be looked at at any time, designs keep their word."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.lifecycle import experiment_trial
from services.lifecycle.experiments import (
    SMALLEST_ARM,
    Arm,
    Design,
    DesignError,
    gathered,
    half_width,
    judge,
    plan,
    ratio_chance,
    variant,
)

SHARES = st.floats(0.05, 0.95)
DESIGN = Design(baseline=0.75, effect=0.08)


@given(st.text(), st.text(), SHARES, SHARES)
def test_a_unit_stays_where_it_belongs_and_only_moves_into_b_when_b_grows(salt, key, one, other) -> None:
    assert variant(salt, key, one) == variant(salt, key, one)
    if variant(salt, key, min(one, other)) == "b":
        assert variant(salt, key, max(one, other)) == "b"


@given(st.text(max_size=8), SHARES)
def test_units_are_divided_as_asked_for(salt: str, share: float) -> None:
    into_b = sum(variant(salt, str(number), share) == "b" for number in range(2000))

    assert (
        ratio_chance(2000 - into_b, into_b, share) > 1e-9
    )  # six standard errors: a broken hash, no bad luck


def test_two_experiments_divide_the_same_units_independently() -> None:
    pairs = [(variant("one", str(i), 0.5), variant("two", str(i), 0.5)) for i in range(4000)]

    assert abs(pairs.count(("b", "b")) - 1000) < 150
    assert abs(pairs.count(("a", "b")) - 1000) < 150


def test_a_salt_and_a_key_cannot_be_confused() -> None:
    """A salt that ends as a key begins is still another salt."""
    keys = [str(number) for number in range(200)]

    assert [variant("ab", key, 0.5) for key in keys] != [variant("a", f"b{key}", 0.5) for key in keys]


@given(st.floats(1e-6, 1e-2), st.floats(1e-6, 1), st.floats(0.001, 0.2))
def test_the_interval_is_wider_than_one_look_needs_and_narrows_with_outcomes(noise, mixture, alpha) -> None:
    one_look = math.sqrt(2 * math.log(1 / alpha) * noise)  # wider than the normal quantile itself

    assert half_width(noise, mixture, alpha) > one_look * 0.99
    assert half_width(noise / 2, mixture, alpha) < half_width(noise, mixture, alpha)


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0, 1), st.floats(0, 1))
def test_a_result_is_the_same_with_the_variants_exchanged_but_for_its_sign(
    n_a, n_b, share_a, share_b
) -> None:
    a, b = (
        Arm(count=n, total=round(n * s), squares=round(n * s)) for n, s in ((n_a, share_a), (n_b, share_b))
    )
    planned = plan(DESIGN)

    here, there = judge(planned, {"a": a, "b": b}), judge(planned, {"a": b, "b": a})

    assert here.verdict == {"b is better": "b is worse", "b is worse": "b is better"}.get(
        there.verdict, there.verdict
    )
    assume(n_a and n_b)
    assert math.isclose(here.difference, -there.difference, abs_tol=1e-12)
    assert math.isclose(here.low, -there.high, abs_tol=1e-12)


def test_nothing_is_said_before_the_normal_approximation_holds() -> None:
    few = {"a": Arm(count=400, total=0), "b": Arm(count=SMALLEST_ARM - 1, total=49, squares=49)}

    assert judge(plan(DESIGN), few, {"a": 50, "b": 50}).verdict == "too early"


def test_an_uneven_division_breaks_the_experiment_however_clear_its_outcome_is() -> None:
    arms = {"a": Arm(count=1000, total=100, squares=100), "b": Arm(count=1000, total=900, squares=900)}

    assert judge(plan(DESIGN), arms, {"a": 1000, "b": 1000}).verdict == "b is better"
    assert judge(plan(DESIGN), arms, {"a": 1000, "b": 800}).verdict == "broken"


def test_it_ends_without_a_finding_when_all_outcomes_are_in() -> None:
    most = plan(DESIGN).most
    half = Arm(count=most // 2 + 1, total=most * 3 // 8, squares=most * 3 // 8)

    assert judge(plan(DESIGN), {"a": half, "b": half}).verdict == "no difference found"


@pytest.mark.parametrize(
    "wrong",
    [{"baseline": 1.0}, {"effect": 0}, {"effect": 0.95}, {"alpha": 0}, {"power": 1}, {"share_b": 0.01}],
)
def test_what_can_never_be_judged_is_refused(wrong) -> None:
    with pytest.raises(DesignError):
        Design(**{"baseline": 0.5, "effect": 0.1, **wrong})


def test_all_mistakes_are_told_at_once_and_an_endless_wait_is_refused() -> None:
    with pytest.raises(DesignError) as caught:
        Design(baseline=2, effect=0.1, alpha=1, power=0.1)
    assert len(str(caught.value).splitlines()) == 3

    with pytest.raises(DesignError, match="takes more than"):
        plan(Design(baseline=0.5, effect=0.0001))


@given(SHARES, st.floats(0.05, 0.3), SHARES)
def test_a_smaller_effect_takes_longer(baseline, effect, share) -> None:
    assume(baseline + effect < 0.99)
    small = plan(Design(baseline=baseline, effect=effect / 2, share_b=share))

    assert small.most >= plan(Design(baseline=baseline, effect=effect, share_b=share)).most


@pytest.mark.parametrize(
    "design",
    [DESIGN, Design(baseline=0.1, effect=0.05, power=0.9), Design(baseline=0.8, effect=0.1, share_b=0.2)],
)
def test_peeking_at_every_look_keeps_false_positives_and_power_as_designed(design) -> None:
    found = experiment_trial.measure(design, runs=2000, seed=7)

    assert found["as_designed"], found
    assert found["false_positive_rate"] <= design.alpha
    assert found["power"] >= design.power
    # The interval that everybody knows would be wrong several times as often, on the same outcomes.
    assert found["false_positive_rate_of_the_usual_interval"] > 3 * design.alpha


def test_the_trial_judges_as_the_result_does() -> None:
    planned = plan(DESIGN)
    seen = experiment_trial.outcomes(planned, 0.05, runs=20, seed=3, looks=10)
    found = experiment_trial.findings(planned, seen, truth=0.05)

    intervals = np.asarray(
        [[experiment_trial.agrees(planned, seen, r, k) for k in range(10)] for r in range(20)]
    )
    ever = ((intervals[..., 0] > 0) | (intervals[..., 1] < 0)).any(axis=1)

    assert found["found"] == round(float(ever.mean()), 4)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.0, 1.0]))))
def test_arms_hold_what_was_gathered(outcomes) -> None:
    arms = gathered(outcomes)

    for name in "ab":
        own = [value for variant_, value in outcomes if variant_ == name]
        assert (arms[name].count, arms[name].total) == (len(own), sum(own))
