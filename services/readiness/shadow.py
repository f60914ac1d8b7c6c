"""Shadow answers: a candidate sees the requests of the version in service, and nobody sees its answers.

The gateway mirrors requests; by the standard of Envoy it marks each copy in its host name, which no client
can do, since the gateway knows no such host. A shadow answer is decided and logged like any other, marked as
shadow; it asks no reviewer, and counts in metrics of its own only. The latest answers of a process, shadow or
not, can be read by whoever compares them (``infra/operations/shadows.py``): the same request has the same id.
"""

import time
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from services.readiness.answers import AnswerBase

HOST_SUFFIX = b"-shadow"
"""What Envoy appends to the host of a mirrored request."""
PAGE = "/answers"
"""Where the latest answers are read; behind the gateway only, which leads to ``/v1/`` alone."""
OK = 200
KEPT = 4096
"""Answers that are remembered: a minute at 60 a second, in some 800 KiB."""
_COMMON = frozenset(AnswerBase.model_fields)
"""What every service says; the rest of an answer is the service's own outcome."""


class Answered(NamedTuple):
    """One answer, without anything that was asked.

    Args:
        seq: Counts the answers of this process.
        request: The request's id, which a shadow shares with its original.
        shadow: Whether it was a shadow's.
        status: HTTP status.
        label: The outcome in words or whole numbers; empty where there is none.
        score: Probability that stands for the answer; None where no model answered.
        milliseconds: From the request's head to the answer.
    """

    seq: int
    request: str
    shadow: bool
    status: int
    label: str
    score: float | None
    milliseconds: float


def is_shadow(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a request is the gateway's copy of another."""
    return headers.get(b"host", b"").partition(b":")[0].endswith(HOST_SUFFIX)


def outcome(content: Mapping[str, Any]) -> tuple[str, float | None]:
    """Return what an answer says: words and whole numbers as its label, and the one probability in it.

    A service that tells no probability of its own is compared by how sure it is.
    """
    own = [content[key] for key in _own(tuple(content))]
    scores = [value for value in own if isinstance(value, float)]
    label = " ".join([str(value) for value in own if value is not None and not isinstance(value, float)])
    sure = content.get("confidence")
    likelier = sure.get("likelier") if isinstance(sure, Mapping) else None
    return label, scores[0] if scores else likelier


@lru_cache(maxsize=64)
def _own(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which names of an answer are the service's own, in order; answers have few forms."""
    return tuple(sorted(set(names) - _COMMON))


class Recent:
    """The latest answers of a process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._answers: deque[Answered] = deque(maxlen=KEPT)
        self._seq = 0
        self.started = f"{time.time_ns():x}"

    def add(
        self, *, request: str, shadow: bool, status: int, content: Mapping[str, Any], seconds: float
    ) -> None:
        """Remember an answer.

        Args:
            request: The request's id.
            shadow: Whether it was a copy.
            status: HTTP status of the answer.
            content: The answer.
            seconds: What it took.
        """
        self._seq += 1
        label, score = outcome(content) if status == OK else ("", None)
        self._answers.append(
            Answered(self._seq, request, shadow, status, label, score, round(seconds * 1000, 3))
        )

    def page(self, query: str) -> dict[str, Any]:
        """Return what came after the answer that ``after=N`` names."""
        given = parse_qs(query).get("after", ["0"])[0]
        after = int(given) if given.isdigit() else 0
        return {
            "process": self.started,
            "last": self._seq,
            "answers": [list(one) for one in self._answers if one.seq > after],
        }
