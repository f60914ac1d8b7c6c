"""A client that goes on asking whatever happens, and writes down what it got and when."""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import httpx

from infra.local.paths import repo_root
from infra.ops import callers, status

PAUSE_SECONDS = 0.1
"""Pause between two requests: ten a second at most, so that the machine under test keeps its cores."""
TIMEOUT_SECONDS = 5.0
TOKEN_SECONDS = 60.0
"""For how long a token is used; it is valid for longer."""
OK = 200


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One request.

    Args:
        at: When the answer came, in seconds since the epoch.
        outcome: HTTP status and rung, or the kind of error.
        decision: Id of the decision; empty when none was made.
    """

    at: float
    outcome: str
    decision: str


class Load:
    """Asks one service through the gateway until it is told to stop.

    Args:
        stack: Name of the stack that is up.
        service: Name of the service.
    """

    def __init__(self, stack: str, service: str) -> None:
        """Find the address; it stays the same when the platform is lost and comes back."""
        found = status.collect(stack)
        (deployed,) = [one for one in found.services if one.name == service]
        self._url = f"{found.endpoints['gateway']}/v1/decisions"
        self._host = deployed.host
        self._service = service
        example = repo_root() / "services" / service.replace("-", "_") / "example.json"
        self._body = json.loads(example.read_text(encoding="utf-8"))
        self.answers: list[Answer] = []
        self.late_seconds = 0.0
        """By how much the clock of the issuer of its tokens is behind; may be changed at any time."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        """Begin to ask."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking."""
        self._over.set()
        self._thread.join(TIMEOUT_SECONDS * 2)

    def _run(self) -> None:
        headers: dict[str, str] = {}
        until, late = 0.0, 0.0
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            while not self._over.wait(PAUSE_SECONDS):
                if time.time() > until or late != self.late_seconds:
                    late = self.late_seconds
                    headers = callers.headers(self._service, self._host, subject="drill", late_seconds=late)
                    until = time.time() + TOKEN_SECONDS
                try:
                    answer = client.post(self._url, json=self._body, headers=headers)
                    said = answer.json() if answer.headers.get("content-type", "").startswith(
                        "application/json"
                    ) else {}  # fmt: skip
                    made = said.get("decision_id", "") if answer.status_code == OK else ""
                    outcome = f"{answer.status_code} {said.get('rung') or said.get('reason') or ''}".strip()
                except (httpx.HTTPError, ValueError) as error:
                    made, outcome = "", type(error).__name__
                self.answers.append(Answer(at=time.time(), outcome=outcome, decision=str(made)))

    def seen(self, since: float = 0.0, until: float = float("inf")) -> dict[str, int]:
        """Return what came back in some time, by outcome."""
        rows = list(self.answers)
        return dict(sorted(Counter(one.outcome for one in rows if since <= one.at < until).items()))

    def good_after(self, moment: float) -> float | None:
        """Return when the first decision came after a moment; None when there was none yet."""
        return next((one.at for one in list(self.answers) if one.at > moment and one.decision), None)

    def bad_after(self, moment: float) -> float | None:
        """Return when the first request failed after a moment; None when none did."""
        return next((one.at for one in list(self.answers) if one.at > moment and not one.decision), None)

    def good_for_good(self, moment: float) -> float | None:
        """Return when the first decision came after the last failure since a moment; None for none yet."""
        rows = [one for one in list(self.answers) if one.at > moment]
        failed = max((number for number, one in enumerate(rows) if not one.decision), default=-1)
        return next((one.at for one in rows[failed + 1 :]), None)

    def wait(self, decisions: int, seconds: float) -> None:
        """Wait until so many decisions were made, or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and sum(bool(one.decision) for one in list(self.answers)) < decisions:
            time.sleep(PAUSE_SECONDS)

    def as_json(self, moment: float) -> dict[str, Any]:
        """Return what users saw before and after a moment."""
        return {"before": self.seen(until=moment), "after": self.seen(since=moment)}
