"""An empty queue is waited for, and nobody else waits meanwhile."""

import json
import threading
from typing import Any

import pytest

from infra.local.aws_api import long_polls

pytestmark = pytest.mark.parts

TARGET = {"x-amz-target": "AmazonSQS.ReceiveMessage"}


def test_others_are_answered_while_an_empty_queue_is_waited_for_and_a_message_ends_the_wait(
    shared: Any,
) -> None:
    waits, works = shared.client("sqs"), shared.client("sqs")
    url = works.create_queue(QueueName="slow")["QueueUrl"]
    got: list[dict[str, Any]] = []
    waiter = threading.Thread(
        target=lambda: got.extend(waits.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []))
    )
    waiter.start()

    assert works.list_queues(QueueNamePrefix="slow")["QueueUrls"] == [url]
    works.send_message(QueueUrl=url, MessageBody="hello")
    waiter.join(15)

    assert [one["Body"] for one in got] == ["hello"]


def test_a_wait_ends_by_itself_by_the_requests_time_or_the_queues(shared: Any) -> None:
    client = shared.client("sqs")
    url = client.create_queue(QueueName="empty", Attributes={"ReceiveMessageWaitTimeSeconds": "1"})[
        "QueueUrl"
    ]

    assert "Messages" not in client.receive_message(QueueUrl=url)
    assert "Messages" not in client.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    with pytest.raises(client.exceptions.ClientError, match="WaitTimeSeconds"):
        client.receive_message(QueueUrl=url, WaitTimeSeconds=21)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-amz-target": "AmazonSQS.SendMessage"}, b'{"WaitTimeSeconds": 20}'),
        (TARGET, b"not json"),
        (TARGET, b"[]"),
        (TARGET, b'{"WaitTimeSeconds": 20}'),
        (TARGET, b'{"WaitTimeSeconds": 20, "QueueUrl": "https://sqs.eu-central-1.amazonaws.com/1/nobody"}'),
        (TARGET, b'{"WaitTimeSeconds": 20, "QueueUrl": "nonsense"}'),
    ],
)
def test_what_cannot_wait_is_handed_on_unchanged(headers: dict[str, str], body: bytes) -> None:
    def never(_seconds: float) -> None:
        pytest.fail("it waited")

    assert long_polls.waited("/", headers, body, pause=never) == body


def test_old_clients_that_send_forms_wait_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        messages: tuple[str, ...] = ()
        receive_message_wait_time_seconds = 0

    monkeypatch.setattr(long_polls, "_queue", lambda _url: Empty())
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    form = {"content-type": "application/x-www-form-urlencoded"}
    body = b"Action=ReceiveMessage&QueueUrl=https%3A%2F%2Fq&WaitTimeSeconds=3"
    told = long_polls.waited("/", form, body, pause=pause, clock=lambda: now[0])
    as_json = long_polls.waited(
        "/", TARGET, b'{"QueueUrl": "q", "WaitTimeSeconds": 3}', pause=pause, clock=lambda: now[0]
    )

    assert told == b"Action=ReceiveMessage&QueueUrl=https%3A%2F%2Fq&WaitTimeSeconds=0"
    assert json.loads(as_json) == {"QueueUrl": "q", "WaitTimeSeconds": 0}
    assert 6 <= now[0] < 6 + 3 * long_polls.LOOK_SECONDS
