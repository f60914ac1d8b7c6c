"""The SDK has the places that are changed, and ends as it did."""

import asyncio
import inspect
from collections import deque
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import resource, settings, stack

from infra import sdk

ASKED_BY_THE_SDK = resource._get_stack_trace
"""As it is before any test has built the program, which takes it away for the whole process."""


@pytest.fixture
def lightened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lighten the SDK for one test."""
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)
    monkeypatch.setattr(stack, "asyncio", asyncio)
    monkeypatch.setattr(resource, "_get_stack_trace", ASKED_BY_THE_SDK)
    before = settings.SETTINGS.outputs
    sdk.lighten()
    sdk.lighten()
    yield
    settings.SETTINGS.outputs = before


def test_the_sdk_still_has_the_places() -> None:
    assert "FIRST_COMPLETED" in inspect.getsource(stack.wait_for_rpcs), "waits for all by itself: drop it"
    assert "SETTINGS.outputs.remove" in inspect.getsource(pulumi.Output.__init__), "no search: drop it"
    assert isinstance(settings.Settings("p", "s").outputs, deque), "not a deque any more: look again"
    assert "traceback.extract_stack()" in inspect.getsource(ASKED_BY_THE_SDK), "no stack: drop it"
    assert "engine.Log" in inspect.getsource(pulumi.log._log), "debug lines cost nothing now: drop it"


@pytest.mark.usefixtures("lightened")
def test_debug_lines_reach_no_engine_and_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(pulumi.log, "_log", lambda *words: told.append(words[2]))
    monkeypatch.setattr(pulumi.log, "get_engine", object)
    pulumi.log.debug("unsaid")
    pulumi.log.warn("said")
    assert told == ["said"]


@pytest.mark.usefixtures("lightened")
def test_the_end_waits_for_outputs_that_are_made_meanwhile() -> None:
    done: list[int] = []

    async def program() -> None:
        def more(depth: int) -> int:
            done.append(depth)
            if depth < 3:
                pulumi.Output.from_input(depth + 1).apply(more)
            return depth

        for _ in range(50):
            pulumi.Output.from_input(0).apply(more)
        await stack.wait_for_rpcs()

    asyncio.run(program())
    assert sorted(done) == [0] * 50 + [1] * 50 + [2] * 50 + [3] * 50
    assert len(settings.SETTINGS.outputs) == 0


@pytest.mark.usefixtures("lightened")
def test_an_output_that_fails_ends_the_program_though_another_never_comes() -> None:
    async def program() -> None:
        never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        pulumi.Output.from_input(never)
        pulumi.Output.from_input(1).apply(lambda one: one / 0)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(stack.wait_for_rpcs(), 60)
        never.cancel()
        await asyncio.sleep(0)

    asyncio.run(program())


def test_what_is_not_pending_is_said_as_a_deque_says_it() -> None:
    loop = asyncio.new_event_loop()
    one, other = loop.create_future(), loop.create_future()
    pending = sdk.Pending([one])
    pending.append(other)
    pending.remove(one)
    with pytest.raises(ValueError, match="Future"):
        pending.remove(one)
    assert (list(pending), len(pending)) == ([other], 1)
    pending.clear()
    assert list(pending) == []
    loop.close()


class _Resource:
    def __init__(self) -> None:
        self.trace = resource._get_stack_trace()


class _Component(_Resource):
    def __init__(self) -> None:
        super().__init__()


class _Own(_Component):
    def __init__(self) -> None:
        super().__init__()


def _asks_for() -> Any:
    return _Own().trace


def test_the_place_of_a_resource_is_the_one_that_the_sdk_would_find(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "_get_stack_trace", ASKED_BY_THE_SDK)
    before = _asks_for()
    request.getfixturevalue("lightened")
    after = _asks_for()

    assert len(before.frames) > 1
    assert list(after.frames) == [before.frames[0]]
    assert after.frames[0].pc.uri == Path(__file__).as_uri()


@pytest.mark.usefixtures("lightened")
def test_no_place_is_found_where_nobody_asked() -> None:
    assert list(resource._get_stack_trace().frames) == []
