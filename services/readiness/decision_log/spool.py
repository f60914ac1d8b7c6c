"""The files of one writer's chain on this machine.

``<folder>/<service>/<writer>/<first seq>.jsonl`` are segments; beside a sealed one lies its
``.checkpoint.json``, and ``.shipped`` once the store has both. A writer's folder is locked while a process
writes there; a new process takes over a folder that nobody holds and goes on with its chain.
"""

import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from services.readiness.decision_log.records import LogDamagedError, Record, genesis, is_whole, parse

DIGITS = 12
"""Digits of a sequence number in file names: a writer of 1,000 a second needs 30 years to fill them."""

SEGMENT, CHECKPOINT, SHIPPED = ".jsonl", ".checkpoint.json", ".shipped"


class Head(NamedTuple):
    """The end of a chain: the next sequence number, and the hash that it follows."""

    seq: int
    hash: str


def segment_name(first: int) -> str:
    """Return the name, without ending, of the segment that starts with a sequence number."""
    return f"{first:0{DIGITS}d}"


def sync_folder(folder: Path) -> None:
    """Make names that were added to a folder survive a crash of the machine."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


TAIL_BYTES = 256 * 1024
"""Holds the last line of a segment for sure: a record is a few KiB, its input being limited."""


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read()


class Spool:
    """A writer's folder, held by this process alone.

    Args:
        folder: Where all spools of this machine lie.
        service: Name of the service.

    Raises:
        OSError: The folder cannot be used.
    """

    def __init__(self, folder: Path, service: str) -> None:
        """Take over a folder that nobody holds, or make a new one."""
        self.service = service
        self._parent = folder / service
        self._parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.dropped_bytes = 0
        self.damaged: list[str] = []
        self._lock = -1
        for place in sorted(path for path in self._parent.iterdir() if path.is_dir()):
            if self._take(place):
                return
        place = self._parent / f"{socket.gethostname()[:40].lower()}-{secrets.token_hex(4)}"
        place.mkdir(mode=0o700)
        sync_folder(self._parent)
        if not self._take(place):
            raise OSError(f"{place} was taken by another process")

    def _take(self, place: Path) -> bool:
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self.place, self.writer = place, place.name
        try:
            self.head = self._recover()
        except LogDamagedError:
            # Never build on a damaged chain: it stays as evidence, and the new chain names it.
            self.damaged.append(place.name)
            os.close(lock)
            return False
        self._lock = lock
        return True

    def _recover(self) -> Head:
        """Return the end of the chain; a last line that was cut off in the middle is removed."""
        names = self.segments()
        if not names:
            return Head(0, genesis(self.writer))
        path = self.place / (names[-1] + SEGMENT)
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            # Nobody was answered from it: an answer waits until its whole line is on disk.
            self.dropped_bytes = len(content) - whole
            with path.open("r+b") as file:
                file.truncate(whole)
                os.fsync(file.fileno())
        lines = content[:whole].splitlines()
        if not lines:
            path.unlink()
            return self._recover()
        last = parse(lines[-1])
        if not is_whole(self.writer, last):
            raise LogDamagedError("its last record is not whole")
        return Head(last.seq + 1, last.hash)

    def segments(self) -> list[str]:
        """Return the names, without ending, of the segments here, the oldest first."""
        return sorted(path.name.removesuffix(SEGMENT) for path in self.place.glob(f"*{SEGMENT}"))

    def records(self, name: str) -> list[Record]:
        """Return the records of a segment.

        Raises:
            LogDamagedError: A line is not a record.
        """
        return [parse(raw) for raw in (self.place / (name + SEGMENT)).read_bytes().splitlines()]

    def neighbours(self) -> dict[str, Head]:
        """Return the ends of the other chains here, as far as they can be read."""
        found = {}
        for place in sorted(path for path in self._parent.iterdir() if path.is_dir()):
            if place.name == self.writer:
                continue
            for path in sorted(place.glob(f"*{SEGMENT}"), reverse=True)[:1]:
                with contextlib.suppress(OSError, LogDamagedError, IndexError):
                    last = parse(_tail(path).splitlines()[-1])
                    found[place.name] = Head(last.seq, last.hash)
        return found

    def unshipped(self) -> Iterator[str]:
        """Yield the segments that the store does not have yet, the oldest first."""
        for name in self.segments():
            if not (self.place / (name + SHIPPED)).exists():
                yield name

    def release(self) -> None:
        """Let another process take the folder over."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
