import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from services.credit_risk import decision
from services.credit_risk.decision import APPROVE_UP_TO, DECLINE_FROM, cost, decide, thresholds
from services.credit_risk.evaluation import auc, by_group, evaluate, wilson

probabilities = st.floats(0, 1)


def expected_cost(outcome, probability):
    return probability * cost(outcome, defaulted=True) + (1 - probability) * cost(outcome, defaulted=False)


@given(probabilities)
def test_each_decision_is_the_cheapest_one(probability):
    taken, _ = decide(probability)
    cheapest = min(expected_cost(one, probability) for one in ("approve", "refer_to_human", "decline"))
    assert expected_cost(taken, probability) == pytest.approx(cheapest, abs=1e-12)


@given(probabilities, probabilities)
def test_more_risk_never_gives_a_kinder_decision(a, b):
    order = ["approve", "refer_to_human", "decline"]
    low, high = sorted((a, b))
    assert order.index(decide(low)[0]) <= order.index(decide(high)[0])


@given(probabilities)
def test_what_the_model_has_not_seen_goes_to_a_person(probability):
    assert decide(probability, in_training_range=False) == ("refer_to_human", ["outside_training_range"])


def test_the_thresholds_follow_from_the_costs():
    assert pytest.approx(0.14) == APPROVE_UP_TO
    assert pytest.approx(0.30) == DECLINE_FROM


@given(st.floats(0.01, 10))
def test_thresholds_never_cross_whatever_a_review_costs(review):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decision, "COST_OF_REVIEW", review)
        low, high = thresholds()
    assert 0 <= low <= high <= 1
    if review >= 5 / 6:  # then no review pays
        assert low == high == pytest.approx(1 / 6)


@given(st.integers(1, 500), st.data())
def test_a_wilson_interval_holds_its_share(rows, choice):
    hits = choice.draw(st.integers(0, rows))
    interval = wilson(hits, rows)
    assert 0 <= interval["low"] <= hits / rows + 1e-6
    assert hits / rows - 1e-6 <= interval["high"] <= 1


def test_no_rows_say_nothing_about_a_share():
    assert wilson(0, 0) == {"low": 0.0, "high": 1.0}


truths = hnp.arrays(np.bool_, st.integers(2, 60)).filter(lambda t: 0 < t.sum() < len(t))


@given(truths, st.data())
def test_the_auc_is_that_of_scikit_learn(truth, choice):
    steps = st.integers(0, 10).map(lambda step: step / 10)  # few values, so that ties occur
    given_ = np.asarray(choice.draw(st.lists(steps, min_size=len(truth), max_size=len(truth))))
    assert auc(truth, given_) == pytest.approx(roc_auc_score(truth, given_))


def test_perfect_foresight_costs_nothing():
    truth = np.array([True, False] * 20)
    figures = evaluate(truth, truth.astype(float), seed=1)
    assert figures["auc"] == figures["accuracy"] == 1.0
    assert figures["cost"] == figures["brier"] == 0.0
    assert figures["cost_approve_all"] == 2.5
    assert figures["cost_decline_all"] == 0.5
    assert figures["default_rate_of_approved"] == 0.0


def test_groups_are_counted_apart():
    groups = ["a", "a", "b", "b"]
    figures = by_group(groups, [False, True, False, False], np.array([0.0, 0.9, 0.2, 0.9]))
    assert figures["a"]["approval_rate"] == 0.5
    assert figures["a"]["approval_rate_of_good"] == 1.0
    assert figures["b"]["approval_rate"] == 0.0
    assert figures["b"]["referral_rate"] == figures["b"]["decline_rate"] == 0.5
