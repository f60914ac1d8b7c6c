"""A client that asks at a constant rate, whatever comes back, and compares each answer with the known one."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from infra.ops import callers
from infra.ops.drills.rollout.stage import until

RATE = 10.0
"""Requests a second: enough for a verdict in seconds, few enough for two cores that also start servers."""
TIMEOUT_SECONDS = 12.0
TOKEN_SECONDS = 60.0
CLOSE = 0.02
"""Distance of a probability that still counts as the same answer."""
SLOW_SECONDS = 1.0
"""From here on an answer counts as slow; the contract allows a quarter of it."""
OK = 200
UNROUTED = (404, 503)
"""What the gateway answers while it knows no route to a service, or no pod behind it."""
ROUTE_SECONDS = 30.0
"""Longest wait for the first route; it takes well below a second."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One request.

    Args:
        at: When the answer came, in seconds since the epoch.
        asked: Which of the known requests it was.
        kind: ``good``, ``wrong``, ``slow``, ``error`` (the service says that it failed) or ``failed``.
        detail: Status or error.
    """

    at: float
    asked: int
    kind: str
    detail: str


def judge(known: tuple[str, float] | None, status: int, said: dict[str, Any], seconds: float) -> str:
    """Return what an answer is worth. Pure.

    Args:
        known: Decision and probability that the version in service gives; None while that is learned.
        status: HTTP status.
        said: The body.
        seconds: What it took.
    """
    if status != OK:
        return "error" if said.get("reason") == "defect" else "failed"
    if known and (
        said.get("decision") != known[0] or abs(float(said["probability_of_default"]) - known[1]) > CLOSE
    ):
        return "wrong"
    return "slow" if known and seconds >= SLOW_SECONDS else "good"


class Asking:
    """Asks through the gateway until it is told to stop.

    Args:
        url: Of the decisions.
        host: Host name of the service.
        service: Its name.
        bodies: Requests that are sent in turn.
    """

    def __init__(self, url: str, host: str, service: str, bodies: Sequence[dict[str, Any]]) -> None:
        """Prepare; nothing is asked yet."""
        self._url, self._host, self._service, self._bodies = url, host, service, bodies
        self._known: dict[int, tuple[str, float]] = {}
        self.answers: list[Answer] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="asking", daemon=True)

    def __enter__(self) -> Self:
        """Learn what the version in service answers, then begin to ask."""
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            self._wait_for_the_route(client)
            for number, body in enumerate(self._bodies):
                said = client.post(self._url, json=body, headers=self._headers()).raise_for_status().json()
                self._known[number] = (said["decision"], float(said["probability_of_default"]))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking."""
        self._over.set()
        self._thread.join(TIMEOUT_SECONDS * 2)

    def _wait_for_the_route(self, client: httpx.Client) -> None:
        """Wait until the gateway knows the service: its route comes a moment after its first version."""

        def routed() -> bool:
            answer = client.post(self._url, json=self._bodies[0], headers=self._headers())
            return answer.status_code not in UNROUTED

        until(routed, "the route to the first version", ROUTE_SECONDS)

    def _headers(self) -> dict[str, str]:
        return callers.headers(self._service, self._host, subject="drill")

    async def _run(self) -> None:
        headers, until = self._headers(), time.monotonic() + TOKEN_SECONDS
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=20, keepalive_expiry=2.0)
        running: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_SECONDS, limits=limits) as client:
            number, begun = 0, time.monotonic()
            while not self._over.is_set():
                if time.monotonic() > until:
                    headers, until = self._headers(), time.monotonic() + TOKEN_SECONDS
                # By the clock, not by the answers: a slow version must not make itself fewer requests.
                task = asyncio.create_task(self._one(client, number % len(self._bodies), headers))
                running.add(task)
                task.add_done_callback(running.discard)
                number += 1
                await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
            await asyncio.gather(*running)

    async def _one(self, client: httpx.AsyncClient, number: int, headers: dict[str, str]) -> None:
        began = time.monotonic()
        try:
            answer = await client.post(self._url, json=self._bodies[number], headers=headers)
            said = (
                answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
            )
            kind = judge(self._known.get(number), answer.status_code, said, time.monotonic() - began)
            detail = f"{answer.status_code} {said.get('reason', '')}".strip()
        except (httpx.HTTPError, ValueError) as error:
            kind, detail = "failed", type(error).__name__
        self.answers.append(Answer(at=time.time(), asked=number, kind=kind, detail=detail))

    def between(self, since: float, until: float) -> list[Answer]:
        """Return what came back in some time."""
        return [one for one in list(self.answers) if since <= one.at < until]


def counted(answers: Iterable[Answer]) -> dict[str, int]:
    """Return how many answers were worth what."""
    return dict(sorted(Counter(one.kind for one in answers).items()))
