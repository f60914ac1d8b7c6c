"""One packaged model, three ways to ask it: while somebody waits, a file at a time, or from a queue.

A service gives a :class:`Scorer`: it checks requests against the schema of the API and answers many at
once. Real time asks it one, a batch asks it many, a stream (``streaming.py``) asks it what the queue holds,
so the three cannot differ. What breaks the schema is answered with its problems, never with its values.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from services.readiness.decision_log.store import Store
from services.readiness.hosting import Answering, Hosted

BATCH_ROWS = 512
"""Requests that are asked at once: the model's own cost is shared, memory stays at a few MiB."""


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """How a service's requests are answered.

    Args:
        schema: Schema of one request.
        answers: Returns one answer for each request, as JSON; told the requests and, if any, their ids.
        model_digest: The model that answers; stands in every answer.
    """

    schema: type[BaseModel]
    answers: Callable[..., list[dict[str, Any]]]
    model_digest: str

    def score(self, texts: Sequence[str | bytes], names: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return an answer for each text; one that breaks the schema gets its problems.

        Args:
            texts: Requests as JSON.
            names: Their ids; new ones when left out.
        """
        results: list[dict[str, Any]] = [{} for _ in texts]
        good: list[tuple[int, Any]] = []
        for place, text in enumerate(texts):
            try:
                good.append((place, self.schema.model_validate_json(text)))
            except ValidationError as error:
                results[place] = {"error": "invalid", "problems": _problems(error)}
        those = [request for _, request in good]
        known = [[names[place] for place, _ in good]] if names else []
        answered = self.answers(those, *known) if good else []
        for (place, _), answer in zip(good, answered, strict=True):
            results[place] = {**answer, "model_digest": self.model_digest}
        return results


@contextmanager
def scoring(
    hosted: Hosted,
    model: Path,
    *,
    log: Path,
    caller: str,
    store: Store | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Iterator[Scorer]:
    """Give what answers with a model folder as the service does: same ladder, guard, log.

    Args:
        hosted: The service.
        model: The model folder; refused unless all of it is what its manifest says.
        log: Folder in which decisions are logged before they are answered.
        caller: Who asks, for the records.
        store: Where the log's sealed segments go; None keeps them in ``log``.
        stopped: Tells whether people have taken the model out of service.

    Raises:
        ModelRefusedError: The model folder is refused.
    """
    answering = Answering(hosted, model, log=log, store=store, caller=caller, stopped=stopped)
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
