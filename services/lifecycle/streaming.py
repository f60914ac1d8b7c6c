"""Requests from a queue: each message is decided once, answered at least once, and never lost.

The order is that of real time: the decision's record is on disk before its answer is sent, and the message
is removed only after the answer was accepted. A message that comes again (a crash, a lost removal) gets the
answer of the record that it left, so a repeat is the same decision with the same id, not a second one; who
reads answers can drop what names a message that it has seen. A message that can never be answered goes to
the queue of failures at once, with the reason; one that cannot be answered now is hidden for a while.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from services.lifecycle.inference import Scorer
from services.readiness.decisions import answer_of

QUEUE_ROWS = 10
"""Messages that SQS gives at once (SQS ReceiveMessage, MaxNumberOfMessages)."""
WAIT_SECONDS = 20
"""Seconds that an empty queue is waited for (long polling; SQS allows no more)."""
AGAIN_SECONDS = 300
"""A message that cannot be answered now is hidden for so long: the log's store may be away for as long."""
LAST_TRY = 9
"""A message that has been handed out so often goes to the failures with a reason; at ten SQS would move it
without one."""

DETAIL_CHARACTERS = 1000
"""So much of what is wrong is written beside a failed message."""

logger = logging.getLogger(__name__)
Message = Mapping[str, Any]
Earlier = Callable[[], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Queues:
    """Addresses of a service's queues."""

    requests: str
    answers: str
    failed: str


@dataclass
class Counts:
    """What became of messages.

    Args:
        answered: Answered and removed.
        repeated: Of these, answered from the record that an earlier try left.
        failed: Moved to the failures.
        left: Hidden for another try.
    """

    answered: int = 0
    repeated: int = 0
    failed: int = 0
    left: int = 0


class Stream:
    """Answers the messages of one queue.

    Args:
        scorer: Answers.
        client: A boto3 client for SQS.
        queues: Where requests come from, where answers and failures go.
        earlier: Reads all decisions of the service's log; asked only when a message comes again.
    """

    def __init__(self, scorer: Scorer, client: Any, queues: Queues, *, earlier: Earlier) -> None:
        """Keep them."""
        self._scorer, self._client, self._queues, self._earlier = scorer, client, queues, earlier
        self.counts = Counts()

    def once(self, *, wait_seconds: int = WAIT_SECONDS) -> int:
        """Take what the queue holds now, ten messages at most, and return how many there were.

        Args:
            wait_seconds: An empty queue is waited for so long.
        """
        got = self._client.receive_message(
            QueueUrl=self._queues.requests,
            MaxNumberOfMessages=QUEUE_ROWS,
            WaitTimeSeconds=wait_seconds,
            AttributeNames=["ApproximateReceiveCount"],
        ).get("Messages", [])
        again = [message for message in got if _tries(message) > 1]
        fresh = [message for message in got if _tries(message) <= 1]
        for message, answer in zip(fresh, self._scored(fresh), strict=True):
            self._settle(message, answer)
        # One by one and last: what has ended a process before must not take others with it again.
        known = self._known(again)
        for message in again:
            name = message["MessageId"]
            if name in known:
                self._settle(message, known[name], repeated=True)
            elif _tries(message) >= LAST_TRY:
                self._settle(message, {"error": "tried_too_often"})
            else:
                self._settle(message, self._scored([message])[0])
        return len(got)

    def _known(self, again: Sequence[Message]) -> dict[str, dict[str, Any]]:
        """Return the answers that earlier tries left in the log, by message."""
        wanted = {message["MessageId"] for message in again}
        if not wanted:
            return {}
        records = (record for record in self._earlier() if record.get("request_id") in wanted)
        return {record["request_id"]: answer_of(record) for record in records}

    def _scored(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Return an answer for each; a message that makes the code fail takes no other one with it."""
        texts, names = [m["Body"] for m in messages], [m["MessageId"] for m in messages]
        try:
            return self._scorer.score(texts, names)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are to be answered
            if len(messages) == 1:
                return [{"error": "defect", "kind": type(error).__name__}]
        return [self._scored([message])[0] for message in messages]

    def _settle(self, message: Message, answer: Mapping[str, Any], *, repeated: bool = False) -> None:
        error = answer.get("error")
        try:
            if error is None:
                self._tell(message, answer)
                self.counts.answered += 1
                self.counts.repeated += repeated
            elif answer.get("reason") != "unavailable":
                self._fail(message, str(error), answer)
            else:
                self._hide(message)
        except (BotoCoreError, ClientError) as refused:
            # The message comes back by itself, and its decision stands in the log.
            logger.warning("A message is left for another try: %s", type(refused).__name__)
            self.counts.left += 1

    def _tell(self, message: Message, answer: Mapping[str, Any]) -> None:
        body = json.dumps({"message": message["MessageId"], **answer}, sort_keys=True)
        self._client.send_message(QueueUrl=self._queues.answers, MessageBody=body)
        self._client.delete_message(QueueUrl=self._queues.requests, ReceiptHandle=message["ReceiptHandle"])

    def _fail(self, message: Message, reason: str, answer: Mapping[str, Any]) -> None:
        """Move a message to the failures; whoever asked is told as well, never with what was sent."""
        problems = [f"{one['field']}: {one['problem']}" for one in answer.get("problems", ())]
        detail = "; ".join(problems) or str(answer.get("kind") or reason)
        told = {"reason": reason, "detail": detail[:DETAIL_CHARACTERS], "message": message["MessageId"]}
        self._client.send_message(
            QueueUrl=self._queues.failed,
            MessageBody=message["Body"],
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in told.items()
            },
        )
        self._tell(message, answer)
        self.counts.failed += 1

    def _hide(self, message: Message) -> None:
        self._client.change_message_visibility(
            QueueUrl=self._queues.requests,
            ReceiptHandle=message["ReceiptHandle"],
            VisibilityTimeout=AGAIN_SECONDS,
        )
        self.counts.left += 1


def _tries(message: Message) -> int:
    return int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
