"""Counts that are carried over are those that the client library would have kept itself."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.readiness import tally

BORDERS = (0.125, 0.5, 1.0)  # with the values below no sum is rounded
_numbers = itertools.count()


def sample(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (one.name.partition("_")[2], one.labels.get("le", "")): one.value
        for family in registry.collect()
        for one in family.samples
        if not one.name.endswith("_created")
    }


VALUES = st.lists(st.sampled_from([-1.0, 0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 1e9]), max_size=8)


@given(st.lists(VALUES, max_size=4))
def test_a_histogram_is_what_it_would_be_if_each_value_were_observed(rounds: list[list[float]]) -> None:
    carried, observed = CollectorRegistry(), CollectorRegistry()
    name = f"h{next(_numbers)}"
    mine = Histogram(f"{name}_seconds", "", ["who"], buckets=BORDERS, registry=carried).labels("a")
    theirs = Histogram(f"{name}_seconds", "", ["who"], buckets=BORDERS, registry=observed).labels("a")
    for values in rounds:
        for value in values:
            tally.saw(mine, value)
            theirs.observe(value)
        tally.carry_over()

        assert sample(carried) == sample(observed)


@given(st.lists(st.integers(0, 5), max_size=5))
def test_a_counter_counts_everything_once(rounds: list[int]) -> None:
    registry = CollectorRegistry()
    series = Counter("c_things", "", ["who"], registry=registry).labels("a")
    for number in rounds:
        for _ in range(number):
            tally.count(series)
        tally.carry_over()
    tally.carry_over()

    assert sample(registry)[("things_total", "")] == sum(rounds)


def test_a_gauge_shows_what_is_true_when_it_is_asked_for() -> None:
    registry, now = CollectorRegistry(), [0.0]
    series = Gauge("g_running", "", ["who"], registry=registry).labels("a")
    tally.show(series, lambda: now[0])
    for value in (3.0, 0.0):
        now[0] = value
        tally.carry_over()
        assert sample(registry)[("running", "")] == value
