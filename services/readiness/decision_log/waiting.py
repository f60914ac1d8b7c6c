"""Those who wait until their record is on disk: what they get, and how long they wait."""

import asyncio
import contextlib
from collections import deque
from concurrent.futures import Future
from typing import Any, Literal, NamedTuple

Trouble = Literal["disk_full", "disk_failed", "log_queue_full", "log_slow", "log_store_down", "log_closed"]


class LogUnavailableError(Exception):
    """A decision cannot be logged, so it must not be answered.

    Args:
        trouble: Why, in one word of a closed set.
    """

    def __init__(self, trouble: Trouble) -> None:
        """Keep the word."""
        super().__init__(trouble)
        self.trouble: Trouble = trouble


class Receipt(NamedTuple):
    """Where a record stands."""

    writer: str
    seq: int
    hash: str


class Entry(NamedTuple):
    """A record that waits, and who is told of it; the loop is None where a thread waits."""

    body: dict[str, Any]
    future: "asyncio.Future[Receipt] | Future[Receipt]"
    loop: asyncio.AbstractEventLoop | None


class Patience:
    """Ends waits that take too long: one timer for all of them, since one for each costs more than a wait.

    Args:
        loop: Where the waits are.
        seconds: The longest.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Wait for nobody yet."""
        self.loop, self._seconds = loop, seconds
        self._waits: deque[tuple[float, asyncio.Future[Receipt]]] = deque()

    def watch(self, future: "asyncio.Future[Receipt]") -> None:
        """Let a wait that begins now end in time."""
        self._waits.append((self.loop.time() + self._seconds, future))
        if len(self._waits) == 1:
            self.loop.call_at(self._waits[0][0], self._look)

    def _look(self) -> None:
        now = self.loop.time()
        while self._waits and (self._waits[0][1].done() or self._waits[0][0] <= now):
            future = self._waits.popleft()[1]
            if not future.done():
                future.set_exception(LogUnavailableError("log_slow"))
        if self._waits:
            self.loop.call_at(self._waits[0][0], self._look)


def settle(entries: list[Entry], receipts: list[Receipt]) -> None:
    """Tell everybody where the record stands."""
    _tell([(entry, receipt, None) for entry, receipt in zip(entries, receipts, strict=True)])


def fail(entries: list[Entry], error: Exception) -> None:
    """Tell everybody that the record is not in the log."""
    _tell([(entry, None, error) for entry in entries])


_Told = tuple[Entry, Receipt | None, Exception | None]


def _tell(told: list[_Told]) -> None:
    """Wake everybody who waits; an event loop is woken once for all of its futures."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[_Told]] = {}
    for one in told:
        by_loop.setdefault(one[0].loop, []).append(one)
    for loop, ones in by_loop.items():
        if loop is None:
            _resolve(ones)
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_resolve, ones)


def _resolve(told: list[_Told]) -> None:
    for entry, receipt, error in told:
        if entry.future.done():
            continue  # the request gave up; its record is in the log all the same
        if receipt is not None:
            entry.future.set_result(receipt)
        else:
            assert error is not None
            entry.future.set_exception(error)
