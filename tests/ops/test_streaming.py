"""A worker of a queue: what it does when the queue does not answer."""

from typing import Any, cast

import pytest
from botocore.exceptions import ReadTimeoutError

from infra.errors import PlinthError
from infra.ops import streaming
from services.lifecycle.streaming import Stream

AWAY = ReadTimeoutError(endpoint_url="https://sqs.eu-central-1.amazonaws.com/")


class Worker:
    """Gives what it is told to, then nothing."""

    def __init__(self, *answers: int | Exception) -> None:
        self._answers, self.asked = list(answers), 0

    def once(self, *, wait_seconds: int) -> int:
        assert wait_seconds >= 1
        self.asked += 1
        answer = self._answers.pop(0) if self._answers else 0
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def tick(seconds: float = 0.5) -> float:
        now[0] += seconds
        return now[0]

    monkeypatch.setattr(streaming.time, "monotonic", tick)
    monkeypatch.setattr(streaming.time, "sleep", tick)


def work(*answers: Any, idle: float = 3.0) -> Worker:
    worker = Worker(*answers)
    streaming._work(cast("Stream", worker), idle)
    return worker


def test_a_queue_that_answers_again_is_worked_on_again() -> None:
    assert work(AWAY, 4, AWAY, 2).asked > 4


def test_a_queue_that_never_answers_is_said_to_and_is_no_defect() -> None:
    with pytest.raises(PlinthError, match="The queue does not answer: Read timeout"):
        work(*[AWAY] * 50)


def test_ctrl_c_ends_it_in_order() -> None:
    worker = Worker()
    worker.once = lambda **_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    streaming._work(cast("Stream", worker), 3.0)
