"""Every promise is kept by good facts, and broken by each single deviation, and by nothing else."""

import copy
from collections.abc import Iterator
from typing import Any

import kept
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.paths import repo_root
from infra.ops.verify import PROMISES, Verdict, counts, judge_all
from infra.ops.verify.model import AtLeast, Is, Nothing, Promise, Unseen, judge, value_at
from infra.settings import Settings

STACKS = ("local", "dev", "staging", "prod", "prod-dr")
GONE = object()


def settings_of(stack: str) -> Settings:
    return Settings.from_file(repo_root() / "stacks" / f"Pulumi.{stack}.yaml", environ={})


LOCAL = settings_of("local")
Place = tuple[str, str, str]
"""Kind, name and path of one fact."""


def wanted(promise: Promise, facts: dict[str, Any], settings: Settings) -> Iterator[Place]:
    """Yield each fact that a promise looks at."""
    for name, document in facts[promise.of].items():
        if promise.among(settings, document):
            for path in promise.wants(settings, document):
                yield promise.of, name, path


def worse(value: Any) -> list[Any]:
    """Return what a good value must not become, whatever the promise compares it with."""
    bad: list[Any] = [None, GONE, "somebody-else's"]
    if isinstance(value, bool):
        return [*bad, not value]
    if isinstance(value, int | float):
        return [*bad, value - 1, True]
    if isinstance(value, str):
        return [*bad, "", f"{value}-other"]
    if isinstance(value, dict):
        return [*bad, {**value, "another": "v1"}, dict.fromkeys(value, "v0") if value else {"another": ""}]
    assert isinstance(value, list)
    return [*bad, value[:-1] if value else ["one"], ["one"]]


def put(facts: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """Return a copy of facts with one of them changed."""
    kind, name, path = place
    changed = {**facts, kind: {**facts[kind], name: copy.deepcopy(facts[kind][name])}}
    document = changed[kind][name]
    *steps, last = path.split(".")
    for step in steps:
        document = document[step]
    if value is GONE:
        del document[last]
    else:
        document[last] = value
    return changed


ALL = [
    pytest.param(promise, place, id=f"{promise.id}-{place[1]}-{place[2]}")
    for promise in PROMISES
    for place in wanted(promise, kept.facts(LOCAL), LOCAL)
]


@pytest.mark.parametrize("stack", STACKS)
def test_every_promise_is_kept_by_an_environment_as_designed(stack: str) -> None:
    settings = settings_of(stack)
    found = judge_all(PROMISES, kept.facts(settings), settings)

    assert {f.promise.id: f.why for f in found if f.verdict != Verdict.KEPT} == {}
    assert [f.promise.id for f in found if not f.looked_at] == []


def test_the_local_stack_is_promised_everything() -> None:
    assert [promise.id for promise in PROMISES if not promise.applies(LOCAL)] == []


@pytest.mark.parametrize(("promise", "place"), ALL)
def test_each_single_deviation_breaks_those_who_promise_it_and_nobody_else(
    promise: Promise, place: Place
) -> None:
    good = kept.facts(LOCAL)
    kind, name, path = place
    affected = {p.id for p in PROMISES if p.of == kind and place in set(wanted(p, good, LOCAL))}
    assert promise.id in affected

    for value in worse(value_at(good[kind][name], path)):
        found = judge_all(PROMISES, put(good, place, value), LOCAL)
        broken = {f.promise.id: f.why for f in found if f.verdict == Verdict.BROKEN}

        assert set(broken) == affected, (value, broken)
        assert all(why[0].startswith(f"{name}: {path} is ") for why in broken.values())


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.id)
def test_each_thing_that_must_exist_is_missed(promise: Promise) -> None:
    good = kept.facts(LOCAL)
    needed = promise.required(LOCAL)
    assert needed, "a promise without anything that must exist is kept by an empty account"

    for selector in needed:
        rest = {
            name: document
            for name, document in good[promise.of].items()
            if not all(document.get(key) == value for key, value in selector.items())
        }
        found = judge(promise, {**good, promise.of: rest}, LOCAL)

        assert found.verdict == Verdict.BROKEN
        assert found.why == (f"there is none: {', '.join(f'{k} {v}' for k, v in selector.items())}",)


@pytest.mark.parametrize(("promise", "place"), ALL)
def test_what_cannot_be_read_is_never_kept(promise: Promise, place: Place) -> None:
    found = judge(promise, put(kept.facts(LOCAL), place, Unseen("AccessDenied")), LOCAL)

    assert found.verdict == Verdict.UNSEEN
    assert found.why == (f"{place[1]}: {place[2]}: AccessDenied",)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.id)
def test_a_service_that_does_not_answer_or_was_not_asked_is_not_kept(promise: Promise) -> None:
    good: dict[str, Any] = kept.facts(LOCAL)
    silent = judge(promise, {**good, promise.of: Unseen("no answer")}, LOCAL)
    unasked = judge(promise, {kind: rows for kind, rows in good.items() if kind != promise.of}, LOCAL)

    assert (silent.verdict, silent.why) == (Verdict.UNSEEN, ("no answer",))
    assert unasked.verdict == Verdict.UNSEEN


@given(st.lists(st.sampled_from(ALL), min_size=1, max_size=6), st.data())
def test_several_deviations_break_exactly_those_who_promise_them(chosen: list[Any], data: Any) -> None:
    good = facts = kept.facts(LOCAL)
    places = {param.values[1] for param in chosen}
    for place in sorted(places):
        worse_values = [v for v in worse(value_at(good[place[0]][place[1]], place[2])) if v is not GONE]
        facts = put(facts, place, data.draw(st.sampled_from(worse_values)))
    expected = {p.id for p in PROMISES if p.of in good and places & set(wanted(p, good, LOCAL))}
    found = judge_all(PROMISES, facts, LOCAL)

    assert {f.promise.id for f in found if f.verdict == Verdict.BROKEN} == expected
    assert counts(found)["broken"] == len(expected)


def test_production_asks_for_three_zones_whatever_its_file_says() -> None:
    prod = settings_of("prod")
    two = prod.model_copy(update={"network": prod.network.model_copy(update={"zones": 2})})
    found = judge_all(PROMISES, kept.facts(two), two)

    assert [f.promise.id for f in found if f.verdict == Verdict.BROKEN] == ["network-in-several-zones"]


def test_a_store_that_nobody_designed_is_judged_as_well() -> None:
    facts = kept.facts(LOCAL)
    facts["bucket"]["extra"] = {"class": "scratch", "region": "eu-central-1"}
    found = judge_all(PROMISES, facts, LOCAL)

    assert {f.promise.id for f in found if f.verdict == Verdict.BROKEN} == {
        "bucket-encrypted-with-its-key", "bucket-tls-only", "bucket-keeps-versions",
        "bucket-closed-to-the-public", "bucket-access-logged",
    }  # fmt: skip


def test_ids_are_unique_and_every_promise_says_where_it_comes_from() -> None:
    parts = {
        "network", "storage", "identity", "cluster", "gpu_pool", "platform", "serving", "monitoring", "audit",
        "recovery", "cost",
    }  # fmt: skip

    assert len({promise.id for promise in PROMISES}) == len(PROMISES)
    assert {part for promise in PROMISES for part in promise.design.split(", ")} <= parts
    assert [promise.id for promise in PROMISES if not promise.read or len(promise.says) > 110] == []


def test_matchers_tell_values_of_another_type_apart() -> None:
    assert not Is(1).holds(found=True)
    assert not AtLeast(0).holds(found=True)
    assert not AtLeast(1).holds("2")
    assert not Nothing().holds(None)
