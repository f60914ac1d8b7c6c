"""Start, stop and look at the local platform: what the command line and the tests call."""

import json
import signal
import time
from pathlib import Path
from typing import Protocol

from infra.errors import PlatformError
from infra.local.paths import home
from infra.local.session import homes
from infra.local.session.preparation import TOOLCHAIN_PARTS, Tools, launch, prepare
from infra.local.supervisor import layout, processes
from infra.local.supervisor.status import PartStatus, Platform

__all__ = ["Platform", "Progress", "Tools", "current", "env", "start", "stop"]

READY_SECONDS = 240.0
"""Seconds until all parts must be ready, counted anew from each progress that a part tells of. Warm it takes
under ten on two cores; the limit is for a machine that compiles something at the same time."""
STOP_SECONDS = 60.0
"""Seconds until a supervisor that was told to stop must have gone: the sum of its parts' graces."""
RETRY_SECONDS = 5.0
"""Seconds until the supervisor has taken notice of a signal; it looks twenty times a second."""


class Progress(Protocol):
    """Told of each change while the platform starts."""

    def __call__(self, part: str, state: str, message: str) -> None:
        """``part`` is now in ``state``; ``message`` says why, or is empty."""


def _silent(part: str, state: str, message: str) -> None:
    del part, state, message


def start(
    progress: Progress = _silent, *, tools: Tools | None = None, parts: tuple[str, ...] | None = None
) -> Platform:
    """Bring the platform up, or find it up, and return when every part is ready.

    Parts that were given up are tried again. A platform of older code is started anew; it keeps its state.

    Args:
        progress: Told of each change.
        tools: Where the programs are; by default the toolchain, built when it is absent.
        parts: Only these parts, for tests.

    Raises:
        PlatformError: The machine is not fit, or a part does not become ready; names the part, its log
            and the last lines of it.
        BusyError: Another start or stop does not come to its end.
    """
    root = home()
    homes.make(root)
    with homes.exclusive(root):
        if homes.supervised(root) and not _outdated(root):
            _retry_failed(root)
        else:
            if homes.supervised(root):
                progress("platform", "restarting", "its code has changed since it was started")
                _end(root)
            homes.make(root)  # again: a purge may have removed it while this start waited
            launch(prepare(root, tools or _toolchain()), parts)
    return _wait(root, progress)


def current() -> Platform | None:
    """Return the platform as it is now, or None when none is up."""
    root = home()
    return Platform.load(_status(root)) if homes.supervised(root) else None


def ready(purpose: str) -> Platform:
    """Return the platform that is up.

    Args:
        purpose: What needs it, as the end of "nothing to": ``look at``.

    Raises:
        PlatformError: It is down, or a part of it is not ready.
    """
    platform = current()
    if platform is None or not platform.ready:
        raise PlatformError(
            f"The local platform is not up, so there is nothing to {purpose}.", fix="./plinth up"
        )
    return platform


def env() -> dict[str, str]:
    """Return the complete environment in which Pulumi and boto3 reach this platform and nothing else.

    Raises:
        PlatformError: The platform is not up.
    """
    return ready("reach").env()


def stop(*, purge: bool = False) -> None:
    """Stop the platform; a platform that is down stays down.

    Args:
        purge: Remove the whole home as well: state, logs, keys, everything of this clone.

    Raises:
        PlatformError: The home is not one that this program made (only with ``purge``), or a process
            cannot be ended.
        BusyError: Another start or stop does not come to its end.
    """
    root = home()
    if not (root / "local").is_dir():
        if purge:
            homes.remove(root)
        return
    with homes.exclusive(root):
        _end(root)
        if purge:
            homes.remove(root)


def _end(root: Path) -> None:
    """End the supervisor and every part; what they kept stays."""
    processes.end(processes.ours(root, processes.SUPERVISOR_MARKER), STOP_SECONDS)
    processes.sweep(root)
    if left := processes.ours(root):
        names = ", ".join(f"pid {process.pid}" for process in left)
        raise PlatformError(f"Processes of the local platform cannot be ended: {names}.")
    _status(root).unlink(missing_ok=True)


def _outdated(root: Path) -> bool:
    """Tell whether the platform that is up was started by other code than this, say before a `git pull`."""
    try:
        started = json.loads((root / "local" / "site.json").read_text("utf-8")).get("code")
    except (OSError, ValueError):
        return False  # it is being started, or purged, by somebody else; the lock decides
    return bool(started != layout.code())


def _status(root: Path) -> Path:
    return root / "local" / "platform.json"


def _toolchain() -> Tools:
    from infra.local import toolchain  # noqa: PLC0415 - not needed when tools are given

    found: Tools = toolchain.ensure(TOOLCHAIN_PARTS)
    return found


def _retry_failed(root: Path) -> None:
    """Ask the supervisor to try the parts again that it gave up, and wait until it does."""
    deadline = time.monotonic() + RETRY_SECONDS
    asked = False
    while time.monotonic() < deadline:
        platform = Platform.load(_status(root))
        if platform is None or not platform.failed:
            return
        if not asked:
            for supervisor in processes.ours(root, processes.SUPERVISOR_MARKER):
                supervisor.send_signal(signal.SIGHUP)
            asked = True
        time.sleep(homes.POLL)


def _wait(root: Path, progress: Progress) -> Platform:
    """Follow the status file until every part is ready."""
    seen: dict[str, tuple[str, str]] = {}
    furthest: dict[str, int] = {}
    restarts: dict[str, int] = {}
    deadline = time.monotonic() + READY_SECONDS
    while True:
        alive = homes.supervised(root)  # looked at first: the file is removed before the lock is free
        platform = Platform.load(_status(root))
        if not alive or platform is None:
            log = root / "local" / "logs" / "supervisor.log"
            raise PlatformError(
                "The local platform was stopped, or its supervisor was killed, while it started.",
                where=str(log),
                fix="./plinth up",
            )
        for name, part in platform.parts.items():
            if seen.get(name) != (part.state, part.message):
                seen[name] = (part.state, part.message)
                progress(name, part.state, part.message)
            if part.done > furthest.get(name, 0):  # further than any try before
                furthest[name], deadline = part.done, time.monotonic() + READY_SECONDS
            if part.restarts > restarts.setdefault(name, part.restarts) and part.stuck:
                raise _stood_still(name, part)
        if platform.failed:
            raise _not_ready(platform.failed)
        if platform.ready:
            return platform
        if time.monotonic() > deadline:
            raise _not_ready({name: part for name, part in platform.parts.items() if part.state != "ready"})
        time.sleep(homes.POLL)


def _stood_still(name: str, part: PartStatus) -> PlatformError:
    return PlatformError(f"{name} does not get ready: {part.stuck}", where=part.log, fix=part.fix)


def _not_ready(parts: dict[str, PartStatus]) -> PlatformError:
    sentences = []
    for name, part in parts.items():
        sentences.append(f"{name} is {part.state}: {part.message}")
        sentences += [f"    {line}" for line in processes.last_lines(Path(part.log))]
    return PlatformError(
        "The local platform did not become ready.\n  " + "\n  ".join(sentences),
        where=", ".join(part.log for part in parts.values()),
        fix="put right what the log says, then ./plinth up tries again",
    )
