"""When a service is trained anew: asked for, something new to learn, within its budget; and never else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credit_risk.pipeline import PIPELINE
from services.lifecycle import retraining
from services.lifecycle.retraining import Signals, decide
from services.readiness.contract import Contract

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONTRACT = PIPELINE.contract()
assert CONTRACT.retraining is not None
WANTED, LEAST = CONTRACT.retraining, CONTRACT.data.smallest_batch
KINDS = st.lists(st.sampled_from(["inputs", "correlation", "outputs", "outcomes", "concept"]), unique=True)
SIGNALS = st.builds(
    Signals, drifted=KINDS.map(tuple), settled=st.integers(0, 1000), deliveries=st.integers(0, 2)
)


def started(hours: float) -> dict[str, str]:
    return {"run": "r", "step": "triggered", "at": (NOW - timedelta(hours=hours)).isoformat()}


@given(SIGNALS, st.lists(st.floats(0, 72)))
def test_it_trains_exactly_when_asked_with_something_new_and_a_run_left(signals, ages) -> None:
    found = decide(CONTRACT, signals, [started(age) for age in ages], NOW)

    asked = bool(signals.drifted) or signals.settled >= WANTED.settled_cases or signals.deliveries > 0
    something_new = signals.settled >= LEAST or signals.deliveries > 0
    left = sum(timedelta(hours=age) < timedelta(hours=24) for age in ages) < WANTED.runs_a_day
    assert found.train == (asked and something_new and left)
    assert bool(found.trigger) == asked
    assert found.why


def test_drift_alone_says_what_it_waits_for() -> None:
    found = decide(CONTRACT, Signals(drifted=("concept",), settled=7), [], NOW)

    assert (found.train, found.trigger) == (False, "drift of concept")
    assert found.why == f"nothing new to learn from: 7 settled cases, {LEAST} make a batch"


def test_a_contract_that_does_not_ask_for_it_is_left_alone() -> None:
    none = CONTRACT.model_copy(update={"retraining": None})

    assert not decide(none, Signals(drifted=("inputs",), settled=1000), [], NOW).train


def test_a_high_risk_service_cannot_do_without_a_person() -> None:
    raw = CONTRACT.model_dump()
    raw["retraining"]["approved_before"] = "nothing"

    with pytest.raises(ValueError, match="a person approves"):
        Contract.model_validate(raw)
    assert Contract.model_validate({**raw, "risk_class": "limited"}).retraining is not None


def test_the_story_of_each_run_is_told_in_order() -> None:
    acts = [
        {"run": "waiting", "step": "waiting", "at": "1"},
        {"run": "one", "step": "triggered", "at": "2"},
        {"run": "one", "step": "trained", "at": "3", "labels_through": "2026-11-20"},
        {"run": "one", "step": "handed over", "at": "4"},
        {"run": "two", "step": "triggered", "at": "5"},
    ]

    _, one, two = retraining.stories(acts)

    assert [step["step"] for step in one.steps] == ["triggered", "trained", "handed over"]
    assert (one.over, two.over) == (True, False)
    assert retraining.learned_through(acts) == "2026-11-20"


def test_what_is_handed_over_names_the_stage_that_a_person_approves() -> None:
    handed = retraining.hand_over(CONTRACT, version="000002", model_digest="d", run="r", trigger="t")

    assert (handed.approved_before, handed.service) == ("canary", "credit-risk")
