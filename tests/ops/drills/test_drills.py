"""What drills say follows from what clients saw, and their verdict becomes evidence."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.ops.drills import machines, proof
from infra.ops.drills.load import Answer, Load

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _load(outcomes: list[bool]) -> Load:
    load = Load.__new__(Load)  # no platform is asked: only its answers are looked at
    load.answers = [
        Answer(at=float(number), outcome="200" if good else "404", decision="id" if good else "")
        for number, good in enumerate(outcomes)
    ]
    return load


@given(outcomes=st.lists(st.booleans(), max_size=30), moment=st.integers(-1, 30))
def test_users_are_well_again_from_the_first_decision_on_that_no_failure_follows(
    outcomes: list[bool], moment: int
) -> None:
    found = _load(outcomes).good_for_good(moment)
    later = list(enumerate(outcomes))[moment + 1 :]

    if found is None:
        assert not later or not later[-1][1]
    else:
        assert all(good for at, good in later if at >= found)
        assert not outcomes[int(found) - 1] or found - 1 <= moment


def test_of_each_service_every_second_pod_goes_with_a_zone() -> None:
    pods = [
        {"metadata": {"name": f"{service}-{number}", "generateName": f"{service}-"}}
        for service, count in (("a", 2), ("b", 3), ("c", 1))
        for number in range(count)
    ]

    gone = [pod["metadata"]["name"] for pod in machines._half_of_each(pods)]

    assert gone == ["a-0", "b-0", "b-2", "c-0"]


def test_a_drill_leaves_figures_and_whether_all_of_it_held() -> None:
    told: dict[str, Any] = {
        "rto_seconds": {"users": 212.4},
        "rpo_seconds": {"decisions": 9.6, "tables": 40.8},
        "decisions": {"lost": 78, "lost_beyond_the_stated_rpo": 0},
        "good": True,
    }
    rows = [{"seconds_to_mend": 5.1, "good": True}, {"seconds_to_mend": None, "good": False}]

    disaster, gameday = proof.of_disaster(told, NOW), proof.of_gameday(rows, NOW)

    assert disaster.passed
    assert disaster.figures["rto_users_seconds"] == 212.4
    assert disaster.figures["rpo_tables_seconds"] == 40.8
    assert not gameday.passed
    assert gameday.figures == {"scenarios": 2.0, "good": 1.0, "slowest_mend_seconds": 5.1}
    assert not proof.of_gameday([], NOW).passed
    unmended = proof.of_disaster({**told, "rto_seconds": {"users": None}, "good": False}, NOW)
    assert "rto_users_seconds" not in unmended.figures
