"""Runs the model apart from the event loop: whatever waits goes in one batch, and a hang holds nobody up.

One thread works. While it is busy, rows gather; when it is free, all of them go at once, with those of the
same turn of the loop. So there is no pause to fill a batch at low load, and batches as large as needed at
high load. A batch that takes too long fails for those who wait, and nothing more is sent to a thread that
does not come back.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

Row = Sequence[float]
T = TypeVar("T")
ModelFault = Literal["model_unavailable", "model_slow", "model_wrong_shape", "stopped"]

MOST_ROWS = 256
"""Rows in a batch: 256 take about 10 ms, so that a batch never comes near the time limit by its size."""

REST_FACTOR = 2.0
"""After a batch that took too long, the model is left alone for twice the time that it took: a hiccup of
the machine costs half a second, a model that has become slow is hardly tried."""

FOREVER = float("inf")

logger = logging.getLogger("bentoml.service.engine")


class ModelFaultError(Exception):
    """The model gave no usable answer.

    Args:
        fault: Why, in the contract's words.
    """

    def __init__(self, fault: ModelFault) -> None:
        """Keep the word."""
        super().__init__(fault)
        self.fault: ModelFault = fault


class _Job(NamedTuple, Generic[T]):
    batch: "list[tuple[Row, asyncio.Future[T]]]"
    loop: asyncio.AbstractEventLoop
    timer: asyncio.TimerHandle


class Engine(Generic[T]):
    """Batches rows for one function.

    Args:
        work: Takes rows, returns one result a row; runs in a thread. It raises
            :class:`ModelFaultError` or anything else, which counts as ``model_unavailable``.
        limit_seconds: Longest wait for a batch.
    """

    def __init__(self, work: Callable[[Sequence[Row]], Sequence[T]], *, limit_seconds: float) -> None:
        """Start the thread with the first batch."""
        self._work, self._limit = work, limit_seconds
        self._jobs: queue.SimpleQueue[_Job[T] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting: list[tuple[Row, asyncio.Future[T]]] = []
        self._busy = False
        self.most_rows = MOST_ROWS
        self._started = 0.0
        self._rest_until = 0.0

    @property
    def resting(self) -> bool:
        """Tell whether the model is left alone after a batch that took too long."""
        return time.monotonic() < self._rest_until

    async def run(self, row: Row) -> T:
        """Return the result for one row.

        Raises:
            ModelFaultError: There is none.
        """
        if self.resting:
            raise ModelFaultError("model_slow")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((row, future))
        if not self._busy and len(self._waiting) == 1:
            # Not at once: requests that came in the same turn of the loop go in the same batch.
            loop.call_soon(self._next_if_any)
        return await future

    def _next_if_any(self) -> None:
        if self._waiting and not self._busy:
            self._next()

    def _next(self) -> None:
        most = self.most_rows
        batch, self._waiting = self._waiting[:most], self._waiting[most:]
        loop = asyncio.get_running_loop()
        self._busy = True
        self._started = time.monotonic()
        if self._thread is None:
            # Not an executor's: the interpreter waits for those, also for one that hangs.
            self._thread = threading.Thread(target=self._serve, name="model", daemon=True)
            self._thread.start()
        self._jobs.put(_Job(batch, loop, loop.call_later(self._limit, self._too_slow, batch)))

    def _serve(self) -> None:
        """Work on batches until the end; in the thread."""
        while (job := self._jobs.get()) is not None:
            results: Sequence[T] = ()
            error: Exception | None = None
            try:
                results = self._work([row for row, _ in job.batch])
            except Exception as raised:  # noqa: BLE001 - whatever a library raises is an answer that is missing
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                job.loop.call_soon_threadsafe(self._done, job, results, error)

    def _done(self, job: "_Job[T]", results: Sequence[T], error: Exception | None) -> None:
        job.timer.cancel()
        batch = job.batch
        self._busy = False
        if self._rest_until == FOREVER:  # it was too slow, but it came back
            ended = time.monotonic()
            self._rest_until = ended + REST_FACTOR * (ended - self._started)
        if error is None and len(results) == len(batch):
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
        else:
            fault = error if isinstance(error, ModelFaultError) else ModelFaultError("model_unavailable")
            # The kind only: the text of a library's error may show what was sent.
            logger.error("The model gave no answer: %s", type(error).__name__ if error else "wrong count")
            _fail(batch, fault.fault)
        self._next_if_any()

    def _too_slow(self, batch: list[tuple[Row, asyncio.Future[T]]]) -> None:
        logger.error("The model took more than %g s; it is left alone for a while.", self._limit)
        self._rest_until = FOREVER  # until the thread comes back, which it may never do
        _fail([*batch, *self._waiting], "model_slow")
        self._waiting = []

    def close(self) -> None:
        """Let go of the thread; one that hangs is left behind."""
        self._jobs.put(None)


def _fail(batch: Sequence[tuple[Row, "asyncio.Future[T]"]], fault: ModelFault) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(ModelFaultError(fault))
