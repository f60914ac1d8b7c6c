"""A queue of requests: decided once whatever breaks, answered at least once, nothing lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import received

from services.credit_risk.answering import HOSTED
from services.credit_risk.packaging import SERVICE
from services.lifecycle import inference, streaming
from services.lifecycle.inference import Scorer
from services.readiness.decision_log import writer
from services.readiness.decision_log.reading import Reader

pytestmark = pytest.mark.serving

SECRET = "HUNTER2-77-SECRET"


@pytest.fixture
def model(built: Any) -> Path:
    return Path(built.model)


@pytest.fixture
def scorer(model: Path, tmp_path: Path) -> Iterator[Scorer]:
    with inference.scoring(HOSTED, model, log=tmp_path / "log", caller="test") as found:
        yield found


@pytest.fixture
def lines(example: dict[str, Any]) -> list[str]:
    return [json.dumps({**example, "credit_amount_dm": 1000 + 100 * n}) for n in range(25)]


def decided(folder: Path) -> list[dict[str, Any]]:
    return [record.body for record in Reader(SERVICE.name, store=None, spools=[folder / "log"]).decisions()]


def work(worker: streaming.Stream, rounds: int = 10) -> streaming.Counts:
    for _ in range(rounds):
        worker.once(wait_seconds=0)
    return worker.counts


def send(queues: Any, *bodies: str) -> dict[str, str]:
    client, urls = queues
    return {
        client.send_message(QueueUrl=urls.requests, MessageBody=body)["MessageId"]: body for body in bodies
    }


def stream(scorer: Scorer, queues: Any, folder: Path, client: Any = None) -> streaming.Stream:
    return streaming.Stream(scorer, client or queues[0], queues[1], earlier=lambda: decided(folder))


def without_ids(answer: dict[str, Any]) -> dict[str, Any]:
    own = {"message", "line", "request_id", "decision_id", "review"}  # reviews are drawn by the decision's id
    return {name: value for name, value in answer.items() if name not in own}


def test_a_queue_is_answered_as_a_file_and_each_answer_is_in_the_log(
    scorer: Scorer, queues: Any, lines: list[str], tmp_path: Path
) -> None:
    sent = send(queues, *lines)

    counts = work(stream(scorer, queues, tmp_path))

    answers = {one["message"]: one for one in received(queues[0], queues[1].answers)}
    in_a_file = dict(zip(lines, inference.batch(scorer, lines), strict=True))
    assert (counts.answered, counts.repeated, counts.failed, counts.left) == (25, 0, 0, 0)
    for message, line in sent.items():
        assert without_ids(answers[message]) == without_ids(in_a_file[line])
        assert answers[message]["request_id"] == message
    assert {one["decision_id"] for one in answers.values()} <= {body["id"] for body in decided(tmp_path)}
    assert received(queues[0], queues[1].requests) == []


class Breaks:
    """A client whose named operation fails a few times; everything else is the real one's."""

    def __init__(self, client: Any, operation: str, times: int, error: BaseException) -> None:
        self._client, self._operation, self._left, self._error = client, operation, times, error

    def __getattr__(self, name: str) -> Any:
        if name == self._operation and self._left:
            self._left -= 1
            raise self._error
        return getattr(self._client, name)


@pytest.mark.parametrize("operation", ["send_message", "delete_message"])
@pytest.mark.parametrize(
    "error", [ClientError({"Error": {"Code": "Throttling"}}, "x"), KeyboardInterrupt()], ids=["fails", "dies"]
)
def test_what_breaks_between_log_and_removal_repeats_the_answer_and_not_the_decision(  # noqa: PLR0917
    scorer: Scorer, queues: Any, lines: list[str], tmp_path: Path, operation: str, error: BaseException
) -> None:
    sent = send(queues, *lines[:3])
    broken = stream(scorer, queues, tmp_path, Breaks(queues[0], operation, 3, error))
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            broken.once(wait_seconds=0)
    else:
        broken.once(wait_seconds=0)
        assert broken.counts.left == 3

    counts = work(stream(scorer, queues, tmp_path))

    answers = received(queues[0], queues[1].answers)
    assert counts.repeated == counts.answered == 3
    assert {one["message"] for one in answers} == set(sent)
    assert len(decided(tmp_path)) == 3, "a message was decided twice"
    assert len({(one["message"], one["decision_id"]) for one in answers}) == 3
    repeated = [one for one in answers if one["message"] == answers[0]["message"]]
    assert all(one == repeated[0] for one in repeated), "the repeated answer is another one"


def test_poison_goes_to_the_failures_with_its_reason_and_harms_nobody(
    scorer: Scorer, queues: Any, lines: list[str], tmp_path: Path
) -> None:
    real = scorer.answers

    def answers(requests: Any, *names: Any) -> Any:
        if any(request.duration_months == 77 for request in requests):
            raise ZeroDivisionError(SECRET)
        return real(requests, *names)

    fragile = Scorer(schema=scorer.schema, answers=answers, model_digest=scorer.model_digest)
    defect = json.dumps({**json.loads(lines[0]), "duration_months": 77})
    bad = json.dumps({**json.loads(lines[0]), "housing": SECRET, SECRET: 1})
    sent = send(queues, lines[1], bad, "{", defect, lines[2])

    counts = work(stream(fragile, queues, tmp_path))

    assert (counts.answered, counts.failed, counts.left) == (2, 3, 0)
    client, urls = queues
    failed = client.receive_message(
        QueueUrl=urls.failed, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )["Messages"]
    found = {
        one["Body"]: {k: v["StringValue"] for k, v in one["MessageAttributes"].items()} for one in failed
    }
    assert set(found) == {bad, "{", defect}
    assert found[bad]["reason"] == "invalid"
    assert "housing" in found[bad]["detail"]
    assert SECRET not in found[bad]["detail"]
    assert found["{"]["reason"] == "invalid"
    assert (found[defect]["reason"], found[defect]["detail"]) == ("defect", "ZeroDivisionError")
    answers_given = received(client, urls.answers)
    assert {one["message"] for one in answers_given} == set(sent)
    assert SECRET not in json.dumps(answers_given)
    assert len(decided(tmp_path)) == 2


def test_without_a_log_nothing_is_decided_and_the_message_waits(
    scorer: Scorer, queues: Any, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(queues, lines[0])

    def full(_: int) -> None:
        raise OSError(28, "")

    with monkeypatch.context() as disk:
        disk.setattr(writer.os, "fdatasync", full)
        worker = stream(scorer, queues, tmp_path)
        worker.once(wait_seconds=0)
        assert (worker.counts.answered, worker.counts.left) == (0, 1)
    client, urls = queues
    assert received(client, urls.answers) == []
    hidden = client.get_queue_attributes(QueueUrl=urls.requests, AttributeNames=["All"])["Attributes"]
    assert hidden["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_a_message_that_comes_too_often_is_not_tried_again(
    scorer: Scorer, queues: Any, lines: list[str], tmp_path: Path
) -> None:
    client, urls = queues
    send(queues, lines[0])
    for _ in range(streaming.LAST_TRY - 1):
        client.receive_message(QueueUrl=urls.requests)

    counts = work(stream(scorer, queues, tmp_path), 1)

    assert (counts.answered, counts.failed) == (0, 1)
    assert decided(tmp_path) == []
