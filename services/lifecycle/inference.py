"""One packaged model, three ways to ask it: while somebody waits, a file at a time, or from a queue.

A service gives a :class:`Scorer`: it checks requests against the schema of the API and answers many at
once. Real time asks it one, a batch asks it many, a stream asks it what the queue holds, so the three
cannot differ. What breaks the schema is answered with its problems, never with its values.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from services.readiness.decision_log.store import Store
from services.readiness.hosting import Answering, Hosted

BATCH_ROWS = 512
"""Requests that are asked at once: the model's own cost is shared, memory stays at a few MiB."""
QUEUE_ROWS = 10
"""Messages that SQS gives at once (SQS ReceiveMessage, MaxNumberOfMessages)."""
WAIT_SECONDS = 1
"""Seconds that an empty queue is waited for (long polling; SQS allows 20)."""


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """How a service's requests are answered.

    Args:
        schema: Schema of one request.
        answers: Returns one answer for each request, as JSON.
        model_digest: The model that answers; stands in every answer.
    """

    schema: type[BaseModel]
    answers: Callable[[Sequence[Any]], list[dict[str, Any]]]
    model_digest: str

    def score(self, texts: Sequence[str | bytes]) -> list[dict[str, Any]]:
        """Return an answer for each text; one that breaks the schema gets its problems."""
        results: list[dict[str, Any]] = [{} for _ in texts]
        good: list[tuple[int, Any]] = []
        for place, text in enumerate(texts):
            try:
                good.append((place, self.schema.model_validate_json(text)))
            except ValidationError as error:
                results[place] = {"error": "invalid", "problems": _problems(error)}
        answered = self.answers([request for _, request in good]) if good else []
        for (place, _), answer in zip(good, answered, strict=True):
            results[place] = {**answer, "model_digest": self.model_digest}
        return results


@contextmanager
def scoring(
    hosted: Hosted, model: Path, *, log: Path, caller: str, store: Store | None = None
) -> Iterator[Scorer]:
    """Give what answers with a model folder as the service does: same ladder, guard, log.

    Args:
        hosted: The service.
        model: The model folder; refused unless all of it is what its manifest says.
        log: Folder in which decisions are logged before they are answered.
        caller: Who asks, for the records.
        store: Where the log's sealed segments go; None keeps them in ``log``.

    Raises:
        ModelRefusedError: The model folder is refused.
    """
    answering = Answering(hosted, model, log=log, store=store, caller=caller)
    try:
        yield Scorer(schema=hosted.schema, answers=answering.answers, model_digest=answering.model_digest)
    finally:
        answering.close()


def batch(scorer: Scorer, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Give the answer to each line of JSON, with its number; empty lines are passed over."""
    chunk: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            chunk.append((number, line))
        if len(chunk) == BATCH_ROWS:
            yield from _answered(scorer, chunk)
            chunk = []
    yield from _answered(scorer, chunk)


def stream(scorer: Scorer, client: Any, queue: str, results: str, *, rounds: int) -> Mapping[str, int]:
    """Answer messages of an SQS queue into another, at least once.

    A message is removed only after its answer was accepted, so a crash repeats work and loses none; the
    answer names the message it is for, so a reader can drop a second one. What is not answered comes
    back by itself and ends in the queue's dead-letter queue.

    Args:
        scorer: Answers.
        client: A boto3 client for SQS.
        queue: Address of the queue of requests.
        results: Address of the queue of answers.
        rounds: How often the queue is asked before this returns.

    Returns:
        Numbers of messages ``answered`` and ``left`` for another try.
    """
    counts = {"answered": 0, "left": 0}
    for _ in range(rounds):
        got = client.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=QUEUE_ROWS, WaitTimeSeconds=WAIT_SECONDS
        ).get("Messages", [])
        if not got:
            continue
        answers = scorer.score([message["Body"] for message in got])
        entries = [
            {"Id": str(n), "MessageBody": json.dumps({"message": message["MessageId"], **answer})}
            for n, (message, answer) in enumerate(zip(got, answers, strict=True))
        ]
        sent = client.send_message_batch(QueueUrl=results, Entries=entries).get("Successful", [])
        done = {int(entry["Id"]) for entry in sent}
        for n, message in enumerate(got):
            if n in done:
                client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        counts["answered"] += len(done)
        counts["left"] += len(got) - len(done)
    return counts


def _answered(scorer: Scorer, chunk: Sequence[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    for (number, _), answer in zip(chunk, scorer.score([text for _, text in chunk]), strict=True):
        yield {"line": number, **answer}


def _problems(error: ValidationError) -> list[dict[str, str]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    known = [
        {"field": ".".join(map(str, one["loc"][:2])) or "(body)", "problem": one["msg"]} for one in found
    ]
    # An unknown field's name was sent by the client too, so it is not repeated.
    return [
        {**one, "field": "(unknown field)"} if raw["type"] == "extra_forbidden" else one
        for one, raw in zip(known, found, strict=True)
    ]
