"""Verdicts turn after as many equal answers in a row as the threshold says, and never before."""

from hypothesis import given
from hypothesis import strategies as st

from infra.local.runner.probes import Probe, Verdict, read_probe

thresholds = st.integers(min_value=1, max_value=4)
answers = st.lists(st.booleans(), max_size=30)


def verdict(kind: str, success: int, failure: int) -> Verdict:
    probe = Probe(kind=kind, path="/", port=1, success_threshold=success, failure_threshold=failure)
    return Verdict.first(probe)


@given(success=thresholds, failure=thresholds, given_answers=answers)
def test_readiness_follows_the_last_run_of_equal_answers_that_was_long_enough(
    success: int, failure: int, given_answers: list[bool]
):
    state = verdict("readiness", success, failure)
    for answer in given_answers:
        state = state.record(answer)
    expected = False
    for end in range(1, len(given_answers) + 1):
        if end >= success and all(given_answers[end - success : end]):
            expected = True
        if end >= failure and not any(given_answers[end - failure : end]):
            expected = False
    assert state.good == expected


@given(failure=thresholds, given_answers=answers)
def test_liveness_is_exhausted_exactly_after_enough_failures_in_a_row(
    failure: int, given_answers: list[bool]
):
    state = verdict("liveness", 1, failure)
    for answer in given_answers:
        state = state.record(answer)
    assert state.exhausted == (len(given_answers) >= failure and not any(given_answers[-failure:]))


def test_a_pod_is_alive_but_neither_started_nor_ready_before_the_first_answer():
    assert verdict("liveness", 1, 3).good
    assert not verdict("readiness", 1, 3).good
    assert not verdict("startup", 1, 3).good


def test_null_values_mean_the_defaults():
    probe = read_probe("readiness", {"httpGet": {"port": 1, "path": None}, "periodSeconds": None})
    assert (probe.path, probe.period_seconds) == ("/", 10)
