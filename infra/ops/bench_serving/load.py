"""A closed-loop load generator: each connection sends its next request when the answer to the last is there.

Run as a process of its own. It speaks just enough HTTP/1.1 to send one fixed request and to find the end
of an answer, so that it costs a small part of what a server does (its own CPU time is in its report).
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles
from typing import Any

import uvloop

CONNECTING_AT_ONCE = 50
"""Connections that are opened at the same time: a server's queue of new ones holds some hundreds."""

LINGER_SECONDS = 15.0
"""After the end of a run, so long is waited for answers that are still due: ten seconds and a margin."""

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ERROR = re.compile(rb'"error":"([^"]{1,200})"')
_ID = re.compile(rb'"decision_id":"([0-9a-f]{32})"')


class Run:
    """What all connections of a run share."""

    def __init__(self, request: bytes, seconds: float) -> None:
        """Count nothing yet; time starts when all connections are open."""
        self.request, self.seconds = request, seconds
        self.begin = self.end = float("inf")
        self.statuses: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.ids: list[str] = []
        self.answers = 0
        self.open = 0
        self.lost = 0
        self.cpu_before = 0.0

    def answered(self, head: bytes, body: bytes, started: float) -> None:
        """Take note of one answer."""
        self.answers += 1
        found = _ID.search(body)
        if found:
            self.ids.append(found.group(1).decode())
        now = time.perf_counter()
        if self.begin <= now <= self.end:
            status = head[9:12].decode()
            self.statuses[status] += 1
            if status != "200":
                said = _ERROR.search(body)
                self.errors[said.group(1).decode() if said else "no reason given"] += 1
            self.latencies.append(now - started)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, run: Run) -> None:
        """Wait for the connection."""
        self._run = run
        self._buffer = b""
        self._started = 0.0
        self._transport: Any = None
        self._waiting = False

    def connection_made(self, transport: Any) -> None:
        """Send the first request."""
        self._transport = transport
        self._run.open += 1
        self._send()

    def _send(self) -> None:
        self._started = time.perf_counter()
        self._waiting = True
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        """Find the end of the answer, then go on."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end]
        length = _LENGTH.search(head)
        size = int(length.group(1)) if length else 0
        if len(self._buffer) < end + 4 + size:
            return
        self._run.answered(head, self._buffer[end + 4 : end + 4 + size], self._started)
        self._buffer = b""
        self._waiting = False
        if time.perf_counter() < self._run.end:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of an answer that never came."""
        del exc
        self._run.open -= 1
        if self._waiting:
            self._run.lost += 1


async def drive(run: Run, port: int, connections: int) -> None:
    """Open all connections, let them work for the run's time, then wait for the last answers."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect() -> None:
        async with gate:
            await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)

    await asyncio.gather(*(connect() for _ in range(connections)))
    run.cpu_before = time.process_time()
    run.begin = time.perf_counter()
    run.end = run.begin + run.seconds
    await asyncio.sleep(run.seconds)
    late = time.perf_counter() + LINGER_SECONDS
    while run.open and time.perf_counter() < late:  # noqa: ASYNC110 - nothing to be told by
        await asyncio.sleep(0.01)
    run.lost += run.open


def report(run: Run) -> dict[str, Any]:
    """Return the figures of a run; latencies in milliseconds.

    ``requests`` are those answered within the time. ``answers`` are all: at its end each connection still
    waits for one, and the work on it is in the server's CPU time.
    """
    cuts = quantiles(run.latencies, n=100) if len(run.latencies) > 1 else [float("nan")] * 99
    return {
        "requests": len(run.latencies),
        "answers": run.answers,
        "seconds": run.seconds,
        "statuses": dict(run.statuses),
        "errors": dict(run.errors),
        "lost": run.lost,
        "p50_ms": round(cuts[49] * 1000, 3),
        "p99_ms": round(cuts[98] * 1000, 3),
        "cpu_seconds": round(time.process_time() - run.cpu_before, 3),
    }


def main() -> int:
    """Run once and print the report as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--request", type=Path, required=True, help="file with the bytes to send")
    parser.add_argument("--ids", type=Path, required=True, help="file for the ids of decisions")
    given = parser.parse_args()
    run = Run(given.request.read_bytes(), given.seconds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(drive(run, given.port, given.connections))
    given.ids.write_text("\n".join(run.ids), encoding="ascii")
    sys.stdout.write(json.dumps(report(run)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
