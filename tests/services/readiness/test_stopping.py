"""A stopped model is not asked, nor is one of which nobody knows whether it is; its fallback answers."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credit_risk.answering import HOSTED
from services.readiness import contract_file
from services.readiness.assessment import Assessment
from services.readiness.ladder import Ladder
from services.readiness.stopping import TRUSTED_SECONDS, StopWatch, Switch

ROW = [1.0, 2.0, 3.0]


class Table:
    """A table that says what it is told to, or nothing."""

    def __init__(self) -> None:
        self.switch: Switch | None = Switch()

    def read(self) -> Switch:
        if self.switch is None:
            raise ConnectionError
        return self.switch


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def watched() -> tuple[Table, Clock, StopWatch]:
    table, clock = Table(), Clock()
    return table, clock, StopWatch("test-service", table.read, clock=clock)


def test_before_the_first_look_the_model_is_not_asked() -> None:
    table, _, watch = watched()

    assert watch.stopped
    table.switch = None
    watch.look()
    assert watch.stopped


@given(st.lists(st.tuples(st.floats(0, 1000), st.sampled_from(["stopped", "running", "away"])), min_size=1))
def test_it_is_stopped_when_people_said_so_or_nobody_has_known_for_five_minutes(looks: list[Any]) -> None:
    table, clock, watch = watched()
    last: str | None = None
    seen = clock.now

    for pause, says in looks:
        clock.now += pause
        table.switch = None if says == "away" else Switch(stopped=says == "stopped", by="Ada")
        watch.look()
        if says != "away":
            last, seen = says, clock.now

        expected = last != "running" or clock.now - seen > TRUSTED_SECONDS
        assert watch.stopped == expected


def test_what_is_no_switch_stops_nothing_that_ran_and_starts_nothing() -> None:
    with pytest.raises(ValueError, match="no switch"):
        Switch.of({"state": "perhaps"})


@given(
    st.builds(Switch, stopped=st.booleans(), by=st.text(), why=st.text(), at=st.text(), moves=st.integers())
)
def test_a_switch_comes_back_from_its_item(switch: Switch) -> None:
    item = switch.item("credit-risk")

    assert Switch.of(item) == switch
    assert (item["model"], item["version"]) == ("stop#credit-risk", "switch")


def test_a_stopped_ladder_gives_the_contracts_answer_and_nothing_that_the_model_said_before() -> None:
    """The rung below is the scorecard; with that gone, an earlier answer of the same model is none."""
    ladder = Ladder(contract_file.load(HOSTED.folder), features_digest="f")
    earlier = Assessment(rung="model", troubles=(), probabilities=(0.9, 0.1))
    ladder._keep(ROW, earlier)

    ladder.stopped = lambda: True
    stopped = asyncio.run(ladder.assess(ROW))
    ladder.stopped = lambda: False
    away = asyncio.run(ladder.assess(ROW))

    assert (stopped.rung, stopped.troubles) == ("none", ("stopped",))
    assert (away.rung, away.troubles) == ("cached_answer", ("model_unavailable",))


def test_a_job_looks_anew_and_never_goes_on_without_knowing() -> None:
    table, clock, watch = watched()

    assert not watch.asked()
    table.switch = Switch(stopped=True)
    assert not watch.asked()  # a moment ago it was not so
    clock.now += 2
    assert watch.asked()
    table.switch, clock.now = None, clock.now + 2
    assert watch.asked()
