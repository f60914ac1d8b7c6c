"""One change at a time for each clone."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from infra.errors import BusyError, PlatformError
from infra.local.paths import home


@contextmanager
def exclusive(command: str) -> Iterator[None]:
    """Hold the clone's lock, or refuse at once and say who holds it.

    The lock ends with the process, however it ends.

    Raises:
        BusyError: Another command that changes the environment is running.
        PlatformError: The folder for the lock cannot be written.
    """
    path = home() / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise PlatformError(
            f"The folder for state and logs cannot be written: {error.strerror}.",
            where=str(path.parent),
            fix="Make it writable, or choose another one with PLINTH_HOME.",
        ) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise BusyError(
                f"Another run is changing this environment: {_holder(handle.read())}.",
                where=str(path),
                fix="Wait until it has ended, then run the command again.",
            ) from None
        handle.truncate(0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "command": command, "started": started}, handle)
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)


def _holder(text: str) -> str:
    try:
        known = json.loads(text)
        return f"'./plinth {known['command']}', process {known['pid']}, since {known['started']}"
    except (ValueError, KeyError, TypeError):
        return "a run that has just started"
