"""Puts records on disk: one thread, one chain, one sync to disk for all that came meanwhile.

Policy: an answer leaves only after ``fdatasync`` has returned for its record. Records that arrive while the
disk is busy are written and synced together (group commit), so the wait of a request is one or two
syncs at any load. What cannot be written is an error here and the answer "unavailable" there.
"""

import asyncio
import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.readiness.decision_log.records import line
from services.readiness.decision_log.spool import SEGMENT, Head, Spool, segment_name, sync_folder
from services.readiness.decision_log.waiting import (
    Entry,
    LogUnavailableError,
    Patience,
    Receipt,
    Trouble,
    fail,
    settle,
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much the log may hold back.

    Args:
        pending_count: Records that wait for the disk; more are refused. 2,048 are two seconds of the load
            that one worker can answer.
        batch_count: Records in one write; 512 of 2 KiB are 1 MiB.
        wait_seconds: Longest wait of a request for the disk. A sync takes milliseconds; two seconds are a
            disk that is gone.
        seal_records: Records in a segment.
        seal_seconds: Oldest an unsealed record may become: what somebody with this disk in hand could cut
            off unseen.
        unshipped_seconds: So long the store may be away; then no more is answered, since what is only on
            this disk is lost with it.
        kept_mib: Shipped segments kept here; the oldest go first.
    """

    pending_count: int = 2048
    batch_count: int = 512
    wait_seconds: float = 2.0
    seal_records: int = 5000
    seal_seconds: float = 60.0
    unshipped_seconds: float = 300.0
    kept_mib: int = 64


class DecisionLog:
    """One chain of records.

    Args:
        spool: Where the files lie; released by :meth:`close`.
        limits: See :class:`Limits`.
        about: What the opening record should say about this process (service version, model).
        blocked: Returns why nothing more may be logged now, or None; asked for each record.
    """

    def __init__(
        self,
        spool: Spool,
        *,
        limits: Limits | None = None,
        about: dict[str, Any] | None = None,
        blocked: Callable[[], Trouble | None] = lambda: None,
    ) -> None:
        """Open a new segment with a record that says what this process is and what it found."""
        self.spool = spool
        self.limits = limits or Limits()
        self.blocked = blocked
        self.durable: Head = spool.head
        self._pending: list[Entry] = []
        self._wake = threading.Condition()
        self._closing = False
        self._fd = -1
        self._size = 0
        self._records_here = 0
        self._opened_at = time.monotonic()
        self._patience: Patience | None = None
        self.sealed: Callable[[str], None] = lambda _: None
        """Told the name of each segment that is complete."""
        self._roll()
        self._commit([Entry(self._opening(about or {}), Future(), None)])
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    def _opening(self, about: dict[str, Any]) -> dict[str, Any]:
        return {
            "kind": "opened",
            "at": now(),
            "service": self.spool.service,
            "dropped_bytes": self.spool.dropped_bytes,
            "damaged": list(self.spool.damaged),
            "others": {name: [head.seq, head.hash] for name, head in self.spool.neighbours().items()},
            **about,
        }

    def append(self, body: dict[str, Any]) -> Receipt:
        """Write one record and wait until it is on disk; for programs without an event loop.

        Raises:
            LogUnavailableError: It is not in the log, or nobody can say.
        """
        future: Future[Receipt] = Future()
        self._submit(Entry(body, future, None))
        try:
            return future.result(self.limits.wait_seconds)
        except TimeoutError:
            raise LogUnavailableError("log_slow") from None

    async def write(self, body: dict[str, Any]) -> Receipt:
        """Write one record and wait until it is on disk.

        Raises:
            LogUnavailableError: It is not in the log, or nobody can say.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        self._submit(Entry(body, future, loop))
        if self._patience is None or self._patience.loop is not loop:
            self._patience = Patience(loop, self.limits.wait_seconds)
        self._patience.watch(future)
        return await future

    def _submit(self, entry: Entry) -> None:
        trouble = self.blocked()
        if trouble:
            raise LogUnavailableError(trouble)
        with self._wake:
            if self._closing:
                raise LogUnavailableError("log_closed")
            if len(self._pending) >= self.limits.pending_count:
                raise LogUnavailableError("log_queue_full")
            self._pending.append(entry)
            if len(self._pending) == 1:
                self._wake.notify()

    def close(self) -> None:
        """Write what waits, say that this is the end, and let go of the files."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify()
        self._thread.join(self.limits.wait_seconds * 2)
        if self._thread.is_alive():
            return  # a disk that hangs; the files stay ours until the process ends
        with contextlib.suppress(OSError):
            self._commit([Entry({"kind": "closed", "at": now()}, Future(), None)])
        self._finish_segment()
        self.spool.release()

    def open_segment(self) -> str | None:
        """Return the name of the segment that is still being written."""
        return self._name if self._fd >= 0 else None

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._pending and not self._closing:
                    self._wake.wait(self.limits.seal_seconds)
                entries = self._pending[: self.limits.batch_count]
                del self._pending[: len(entries)]
                if not entries and self._closing:
                    return
            if entries:
                try:
                    self._commit(entries)
                except OSError as error:
                    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
                    fail(entries, LogUnavailableError("disk_full" if full else "disk_failed"))
                except (ValueError, TypeError):
                    self._one_by_one(entries)
            if self._due():
                with contextlib.suppress(OSError):
                    self._roll()

    def _one_by_one(self, entries: list[Entry]) -> None:
        """Find the record that has no JSON form; a defect of its caller must not fail the others."""
        for entry in entries:
            try:
                self._commit([entry])
            except OSError:
                fail([entry], LogUnavailableError("disk_failed"))
            except (ValueError, TypeError) as error:
                fail([entry], error)

    def _commit(self, entries: list[Entry]) -> None:
        """Write and sync records as one; either all are durable or none is in the file.

        Raises:
            OSError: The disk refused; the file ends where it ended before.
            ValueError: A record has no JSON form; nothing was written.
        """
        if self._fd < 0:
            self._roll()
        seq, prev = self.durable
        lines, receipts = [], []
        for entry in entries:
            prev, raw = line(self.spool.writer, seq, prev, entry.body)
            lines.append(raw)
            receipts.append(Receipt(self.spool.writer, seq, prev))
            seq += 1
        content = b"".join(lines)
        try:
            written = 0
            while written < len(content):
                written += os.write(self._fd, content[written:])
            os.fdatasync(self._fd)
        except OSError:
            self._abandon()
            raise
        self._size += len(content)
        self._records_here += len(entries)
        self.durable = Head(seq, prev)
        settle(entries, receipts)

    def _abandon(self) -> None:
        """Take back what was not synced, and leave the file.

        After a failed sync nobody can say which of a file's pages are on disk, so the next record goes
        into a new one.
        """
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._size)
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._fd = -1
        if self._records_here:
            self.sealed(self._name)
            self._records_here = 0

    def _due(self) -> bool:
        if self._records_here >= self.limits.seal_records:
            return True
        return self._records_here > 0 and time.monotonic() - self._opened_at >= self.limits.seal_seconds

    def _roll(self) -> None:
        """Complete the segment and open the next."""
        self._finish_segment()
        self._name = segment_name(self.durable.seq)
        path = self.spool.place / (self._name + SEGMENT)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        # A segment that was given up before its first record has the same name; nothing in it counts.
        os.ftruncate(self._fd, 0)
        sync_folder(self.spool.place)
        self._size = self._records_here = 0
        self._opened_at = time.monotonic()

    def _finish_segment(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            if self._records_here:
                self.sealed(self._name)


def now() -> str:
    """Return the time as it stands in records: UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
