"""An append-only file of the requests that changed the AWS state.

One record is a fixed head (magic, two lengths, CRC-32), a JSON part and the raw body. Lengths and
checksum make a torn tail visible: a process that is killed while it appends leaves a record that
does not add up, and opening the journal cuts it off (and keeps what was cut beside the journal).

There is no compaction, and this is why. moto's state can only be reached by its requests, and each draws its
identifiers from a seed that follows from its place; a record could carry that seed, but little could go:
buckets keep versions, so a later object supersedes none, and a table's items are written once each for the
most part. What is refused is recorded too, because moto may have done a part before it refused; what provably
does nothing (a queue asked in vain) comes three times a minute from a service, beside tens a second of what
decisions write. So what keeps starts short is a cheap record (``./plinth bench journal``), and what makes a
long one bearable is that it says how far it is (:mod:`infra.local.aws_api.replaying`). ``./plinth doctor``
says when a journal has grown large; ``./plinth down --purge`` begins a new one.
"""

import fcntl
import json
import os
import struct
import time
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import PlatformError

FORMAT = 1
_MAGIC = b"PLJ1"
_HEAD = struct.Struct(">4sIII")  # magic, bytes of JSON, bytes of body, CRC-32 of both


@dataclass(frozen=True, kw_only=True)
class Record:
    """One request that may have changed the state, and what was answered."""

    method: str
    host: str
    """Scheme and host, such as ``https://s3.eu-central-1.amazonaws.com``."""
    path: str
    """Path and query as they were sent."""
    headers: dict[str, str]
    body: bytes
    at: float
    """Seconds since the epoch at which the request was handled; replay uses the same clock."""
    keys: tuple[str, ...]
    """Private keys (PEM) that handling it made: OpenSSL cannot be seeded, so they are kept."""
    status: int
    digest: int
    """CRC-32 of the answer's body; a replay that differs is counted."""

    def encode(self) -> bytes:
        """Return the record as it stands in the file."""
        meta = {k: v for k, v in self.__dict__.items() if k != "body"}
        return _frame(meta, self.body)


def _frame(meta: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps(meta, separators=(",", ":")).encode()
    return _HEAD.pack(_MAGIC, len(text), len(body), zlib.crc32(body, zlib.crc32(text))) + text + body


def count(path: Path) -> int:
    """Return how many records a journal has, from their heads alone; its process may hold and extend it."""
    records, place = 0, 0
    try:
        with path.open("rb") as file:
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                magic, meta_size, body_size, _ = _HEAD.unpack(head)
                place += _HEAD.size + meta_size + body_size
                if magic != _MAGIC:
                    break
                records += 1
                file.seek(place)
    except OSError:
        return 0
    return max(0, records - 1)  # the first frame says what the file is


class Journal:
    """The journal of one clone, held by one process at a time.

    Args:
        path: The file; it is made (mode 0600) when it is absent.
        engine: What interprets the records, such as ``moto 5.2.5``; it is written into a new journal.

    Raises:
        PlatformError: Another process holds the journal, or it is not a journal.
    """

    def __init__(self, path: Path, engine: str) -> None:
        self.path = path
        self.records = 0
        self.cut_bytes = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise PlatformError(
                "Another process holds the journal of the local AWS API.",
                where=str(path),
                fix="./plinth down, then ./plinth up",
            ) from error
        head = self._read_frame(0)
        if head is None:
            self._begin(engine)
            head = self._read_frame(0)
        if head is None or "journal" not in head[0]:
            raise PlatformError("This file is not a journal of the local AWS API.", where=str(path))
        meta, _, self._first = head
        if meta.get("format") != FORMAT:
            raise PlatformError(
                f"The journal has format {meta.get('format')}; this version of Plinth reads format {FORMAT}.",
                where=str(path),
                fix="./plinth down --purge, then ./plinth up, makes a new one (the local AWS state is lost)",
            )
        self.id = str(meta["journal"])
        self.engine = str(meta["engine"])
        self.created = float(meta["created"])
        self._end = self._first
        self.found_bytes = os.fstat(self._fd).st_size

    def _begin(self, engine: str) -> None:
        """Write the first frame; whatever stood there was no whole journal and is put aside."""
        size = os.fstat(self._fd).st_size
        if size:
            self._put_aside(0, size)
        meta = {"journal": uuid.uuid4().hex, "format": FORMAT, "engine": engine, "created": time.time()}
        self._write(0, _frame(meta))

    def _read_frame(self, offset: int) -> tuple[dict[str, Any], bytes, int] | None:
        """Return the frame at ``offset`` and where the next one begins; None when it does not add up."""
        head = os.pread(self._fd, _HEAD.size, offset)
        if len(head) < _HEAD.size:
            return None
        magic, meta_size, body_size, checksum = _HEAD.unpack(head)
        start = offset + _HEAD.size
        if magic != _MAGIC or start + meta_size + body_size > os.fstat(self._fd).st_size:
            return None
        text = os.pread(self._fd, meta_size, start)
        body = os.pread(self._fd, body_size, start + meta_size) if body_size else b""
        if zlib.crc32(body, zlib.crc32(text)) != checksum:
            return None
        return json.loads(text), body, start + meta_size + body_size

    def replay(self) -> Iterator[Record]:
        """Yield every whole record, then cut off what follows the last one.

        ``cut_bytes`` tells afterwards how much was cut; the cut part stays beside the journal.
        """
        while (frame := self._read_frame(self._end)) is not None:
            meta, body, following = frame
            meta["keys"] = tuple(meta["keys"])
            yield Record(body=body, **meta)
            self.records += 1
            self._end = following
        size = os.fstat(self._fd).st_size
        if size > self._end:
            self.cut_bytes = size - self._end
            self._put_aside(self._end, self.cut_bytes)

    def _put_aside(self, offset: int, size: int) -> None:
        aside = self.path.with_name(f"{self.path.name}.cut-{time.time_ns()}")
        aside.touch(mode=0o600, exist_ok=False)
        aside.write_bytes(os.pread(self._fd, size, offset))
        os.ftruncate(self._fd, offset)

    def append(self, record: Record) -> None:
        """Add one record.

        The record is handed to the kernel, not forced to the disk: it survives the death of this
        process at any moment, which is what a laptop sees. After a power cut the last records may be
        torn; they are cut at the next start, and ``./plinth up`` makes what is missing again.

        Raises:
            OSError: The disk is full or broken; the journal is left as it was before.
        """
        self._end = self._write(self._end, record.encode())
        self.records += 1

    def _write(self, offset: int, data: bytes) -> int:
        view = memoryview(data)
        position = offset
        try:
            while view:
                written = os.pwrite(self._fd, view, position)
                view, position = view[written:], position + written
        except OSError:
            os.ftruncate(self._fd, offset)
            raise
        return position

    @property
    def size(self) -> int:
        """Bytes of the journal."""
        return self._end

    def close(self) -> None:
        """Give the journal up to another process."""
        os.close(self._fd)
