"""Ordinary requests, at a steady rate: what a service is asked when nothing is wrong."""

import asyncio
import io
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pandas as pd

from services.lifecycle import pipeline

TIMEOUT_SECONDS = 15
MOST_WAITING = 64
"""Requests in flight; beyond it the rate is not kept, and the report says so."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where requests of one service go.

    Args:
        service: Its name.
        url: Address of its decisions.
        headers: Of each request: host and token.
    """

    service: str
    url: str
    headers: Mapping[str, str]


@dataclass(kw_only=True)
class Sent:
    """What came of it."""

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    late: int = 0
    """Requests that were not sent in time, since too many were in flight."""

    @property
    def answered(self) -> int:
        """Return how many requests were answered with 200."""
        return sum(count["200"] for count in self.statuses.values())

    @property
    def asked(self) -> int:
        """Return how many requests were sent."""
        return sum(sum(count.values()) for count in self.statuses.values())


def bodies(service: str, *, seed: int = 1) -> list[bytes]:
    """Return a request for each row of the data that come with a service, in a random but fixed order."""
    found = pipeline.of(service)
    frame = pd.read_csv(io.BytesIO(found.delivery()), dtype=str, keep_default_na=False)
    made = [json.dumps(record).encode() for record in found.records(frame)]
    random.Random(seed).shuffle(made)  # noqa: S311 - an order, no secret
    return made


def drive(destinations: Sequence[Destination], *, rate: float, seconds: float) -> Sent:
    """Send requests to each destination at a steady rate; blocks until the end.

    Args:
        destinations: Where to.
        rate: Requests a second to each.
        seconds: How long.
    """
    known = {one.service: bodies(one.service) for one in destinations}
    return asyncio.run(_drive(destinations, known, rate, seconds))


async def _drive(
    destinations: Sequence[Destination], known: Mapping[str, Sequence[bytes]], rate: float, seconds: float
) -> Sent:
    sent = Sent(statuses={one.service: Counter() for one in destinations})
    limits = httpx.Limits(max_connections=MOST_WAITING)
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_SECONDS, limits=limits) as client:
        begin, number, going = time.monotonic(), 0, set[asyncio.Task[None]]()
        while time.monotonic() - begin < seconds:
            for one in destinations:
                if len(going) >= MOST_WAITING:
                    sent.late += 1
                    continue
                body = known[one.service][number % len(known[one.service])]
                task = asyncio.create_task(_ask(client, one, body, sent))
                going.add(task)
                task.add_done_callback(going.discard)
            number += 1
            await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
        await asyncio.gather(*going)
    return sent


async def _ask(client: httpx.AsyncClient, to: Destination, body: bytes, sent: Sent) -> None:
    headers: dict[str, Any] = {**to.headers, "content-type": "application/json"}
    try:
        answer = await client.post(to.url, content=body, headers=headers)
        sent.statuses[to.service][str(answer.status_code)] += 1
    except httpx.HTTPError as error:
        sent.statuses[to.service][type(error).__name__] += 1
