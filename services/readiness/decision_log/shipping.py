"""Seals complete segments and copies them to the store.

A checkpoint says which records a segment holds, their root and the end of the chain, and names the
checkpoint before by its digest. Once it lies in a locked bucket, nothing up to it can change or vanish
unseen, whoever owns the machine that wrote it.
"""

import contextlib
import logging
import threading
import time
from typing import Any

from services.readiness.decision_log import merkle
from services.readiness.decision_log.records import LogDamagedError, canonical
from services.readiness.decision_log.spool import CHECKPOINT, SEGMENT, SHIPPED, Spool
from services.readiness.decision_log.store import Store, StoreError
from services.readiness.decision_log.waiting import Trouble
from services.readiness.decision_log.writer import DecisionLog, now
from services.readiness.digests import bytes_digest
from services.readiness.metrics import LOG_UNSHIPPED, child

RETRY_SECONDS = 2.0
"""Pause after the store refused; the bound on what may wait is the log's own."""

logger = logging.getLogger("bentoml.service.decision_log")


def store_key(service: str, writer: str, name: str) -> str:
    """Return the name of an object in the store."""
    return f"{service}/{writer}/{name}"


def checkpoint(spool: Spool, name: str, previous: str | None) -> bytes:
    """Return the checkpoint of a complete segment.

    Raises:
        LogDamagedError: The segment cannot be read.
    """
    records = spool.records(name)
    if not records:
        raise LogDamagedError("the segment is empty")
    content = (spool.place / (name + SEGMENT)).read_bytes()
    value: dict[str, Any] = {
        "service": spool.service,
        "writer": spool.writer,
        "segment": name,
        "segment_digest": bytes_digest(content),
        "first": records[0].seq,
        "last": records[-1].seq,
        "first_at": records[0].body.get("at"),
        "last_at": records[-1].body.get("at"),
        "head": records[-1].hash,
        "merkle_root": merkle.root([record.hash for record in records]),
        "previous": previous,
        "sealed_at": now(),
    }
    return canonical(value) + b"\n"


class Shipper:
    """A thread that seals and copies; it never holds up an answer until the log's limit is reached.

    Args:
        log: The log whose segments to ship; its ``blocked`` and ``sealed`` are set here.
        store: Where to.
    """

    def __init__(self, log: DecisionLog, store: Store) -> None:
        """Start; what an earlier process left behind goes first."""
        self._log, self._store = log, store
        self._spool = log.spool
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._turn = threading.Lock()
        self._oldest_wait: float | None = None
        log.sealed = self._sealed
        log.blocked = self._blocked
        self._thread = threading.Thread(target=self._run, name="decision-shipper", daemon=True)
        self._thread.start()

    def _sealed(self, _: str) -> None:
        if self._oldest_wait is None:
            self._oldest_wait = time.monotonic()
        self._wake.set()

    def _blocked(self) -> Trouble | None:
        since = self._oldest_wait
        if since is not None and time.monotonic() - since > self._log.limits.unshipped_seconds:
            return "log_store_down"
        return None

    def waiting_seconds(self) -> float:
        """Return how long the oldest complete segment has waited for the store."""
        since = self._oldest_wait
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """Ship what is complete, once, and end. Call after the log was closed."""
        self._ending.set()
        self._wake.set()
        self._thread.join(self._log.limits.wait_seconds * 2)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._log.limits.seal_seconds)
            self._wake.clear()
            # Read before shipping: a segment that is completed meanwhile gets a round of its own.
            last = self._ending.is_set()
            while not self.ship():
                if self._ending.wait(RETRY_SECONDS):
                    return
            if last:
                return

    def ship(self) -> bool:
        """Copy every complete segment; return whether all are in the store now. Callers take turns."""
        with self._turn:
            done = self._ship_all()
        child(LOG_UNSHIPPED, self._spool.service).set(self.waiting_seconds())
        return done

    def _ship_all(self) -> bool:
        try:
            for name in list(self._spool.unshipped()):
                if name == self._log.open_segment():
                    continue
                self._ship_one(name)
        except (StoreError, OSError) as error:
            if self._oldest_wait is None:
                self._oldest_wait = time.monotonic()
            logger.warning("The decision log's store does not take a segment: %s", error)
            return False
        self._oldest_wait = None
        with contextlib.suppress(OSError):
            self._make_room()
        return True

    def _ship_one(self, name: str) -> None:
        path = self._spool.place / (name + CHECKPOINT)
        if not path.exists():
            try:
                content = checkpoint(self._spool, name, self._previous(name))
            except LogDamagedError:
                return  # an empty segment; a damaged one is named by the verification
            part = path.with_suffix(".part")
            part.write_bytes(content)
            part.rename(path)
        segment = (self._spool.place / (name + SEGMENT)).read_bytes()
        for ending, content in ((SEGMENT, segment), (CHECKPOINT, path.read_bytes())):
            self._store.put(store_key(self._spool.service, self._spool.writer, name + ending), content)
        (self._spool.place / (name + SHIPPED)).touch()

    def _previous(self, name: str) -> str | None:
        """Return the digest of the checkpoint before; None for the first of a chain."""
        earlier = sorted(path for path in self._spool.place.glob(f"*{CHECKPOINT}") if path.name < name)
        return bytes_digest(earlier[-1].read_bytes()) if earlier else None

    def _make_room(self) -> None:
        """Remove the oldest shipped segments beyond what is kept; their checkpoints stay."""
        segments = [self._spool.place / (name + SEGMENT) for name in self._spool.segments()]
        size = sum(path.stat().st_size for path in segments)
        for path in segments[:-1]:
            if size <= self._log.limits.kept_mib << 20:
                return
            if path.with_suffix(SHIPPED).exists():
                size -= path.stat().st_size
                path.unlink()
