"""The folder of one clone's platform: fit to hold it, locked while it changes, removed as a whole."""

import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.errors import BusyError, PlatformError
from infra.local.runner.sandbox import Sandbox
from infra.local.supervisor.layout import lock_path

NEEDED_MIB = 512
"""MiB that must be free to start: etcd claims 128 at once, logs and journal grow by tens a day."""
LOCK_SECONDS = 120.0
"""Seconds to wait for another start or stop. A start holds the lock while it prepares (under a second),
a stop until everything has ended (a minute at most)."""
POLL = 0.1
"""Seconds between two looks at a lock or at the status file."""
MARK = ".plinth-home"
"""File that says that a folder was made by this program and may be removed as a whole."""


def make(root: Path) -> None:
    """Make the home with its mark, and check that it can hold a platform.

    Raises:
        PlatformError: It cannot be written, or its disk is too full.
    """
    try:
        (root / "local").mkdir(parents=True, exist_ok=True)
        (root / "local").chmod(0o700)
        if not (root / MARK).exists():
            (root / MARK).write_text("Made by Plinth; `./plinth down --purge` removes this folder.\n")
        with tempfile.TemporaryFile(dir=root / "local") as probe:
            probe.write(b"x")
    except OSError as error:
        raise PlatformError(
            f"The folder of the local platform cannot be written: {error.strerror}.",
            where=str(root),
            fix="make it writable, or set PLINTH_HOME to a folder that is",
        ) from error
    free = shutil.disk_usage(root).free >> 20
    if free < NEEDED_MIB:
        raise PlatformError(
            f"The disk is too full for the local platform: {free} MiB free, {NEEDED_MIB} MiB needed.",
            where=str(root),
            fix="free some space, or set PLINTH_HOME to a folder on another disk",
        )


def remove(root: Path) -> None:
    """Remove a home as a whole.

    Raises:
        PlatformError: This program did not make it (``PLINTH_HOME`` may point anywhere).
    """
    if not root.exists():
        return
    if not (root / MARK).exists():
        raise PlatformError(
            "This folder was not made by Plinth, so it is not removed.",
            where=str(root),
            fix="check PLINTH_HOME; remove the folder yourself if it is the right one",
        )
    pods = root / "local" / "pods"
    for folder in pods.iterdir() if pods.is_dir() else ():
        Sandbox(folder).remove()  # a pod has a folder under the system's temporary one as well
    # Out of the way at once: who waits for the lock makes a new home, and must not lose it to this removal.
    gone = root.with_name(f".{root.name.lstrip('.')}-removed-{secrets.token_hex(4)}")
    try:
        root.rename(gone)
    except OSError:  # a mount point stays where it is
        gone = root
    shutil.rmtree(gone)


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold the lock that lets one start or stop change the platform at a time.

    Raises:
        BusyError: Somebody else does not let go of it.
    """
    path = root / "local" / "session.lock"
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # A purge removes the file while it holds the lock: a lock on the removed one guards nothing.
            if _try_lock(fd) and path.exists() and path.stat().st_ino == os.fstat(fd).st_ino:
                yield
                return
        finally:
            os.close(fd)
        if time.monotonic() > deadline:
            raise BusyError(
                "Another command has been starting or stopping the local platform for too long.",
                where=str(path.parent),
                fix="wait for it or end it, then try again",
            )
        time.sleep(POLL)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def supervised(root: Path) -> bool:
    """Tell whether a supervisor holds its lock."""
    try:
        fd = os.open(lock_path(root), os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(fd)
    finally:
        os.close(fd)
