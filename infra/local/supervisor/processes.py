"""Starting processes so that they cannot be orphaned, and telling our own from everybody else's.

Each process of a platform carries the platform's identity in its environment, and so do the processes
that it starts. Only what carries it is ever ended: a process number alone proves nothing, because
numbers are used again.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from infra.local.runner.environment import SANDBOX_VARIABLE
from infra.local.supervisor.layout import instance

MARKER = "PLINTH_INSTANCE"
"""Environment variable that holds the platform's identity in each of its parts."""
SUPERVISOR_MARKER = "PLINTH_SUPERVISOR"
"""The same for the supervisor, so that it is not mistaken for a leftover part."""
MAX_LOG = 8 << 20
"""Bytes above which a log is put aside (as ``.1``) when its part starts: days of normal running."""

_PR_SET_PDEATHSIG = 1  # from Linux' sys/prctl.h
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent(parent: int, number: int) -> Callable[[], None]:
    """Return what a child runs before its program: the kernel signals it when its parent dies."""

    def prepare() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return prepare


def rotate(log: Path) -> None:
    """Put a log aside when it is larger than ``MAX_LOG``; what was put aside before is dropped."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > MAX_LOG:
        log.replace(log.with_suffix(".log.1"))


def spawn(
    argv: list[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    death_signal: int = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output appended to ``log``.

    Must be called by the main thread: Linux ties the child's life to the thread that started it.

    Args:
        argv: Program and arguments.
        env: The whole environment.
        cwd: Working folder.
        log: Its output; put aside first when it is larger than ``MAX_LOG``.
        death_signal: What the child gets when the parent dies.
    """
    rotate(log)
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            # One prctl call and no Python locks: safe after a fork of a process with threads.
            preexec_fn=_die_with_parent(os.getpid(), death_signal),  # noqa: PLW1509
        )


def ours(home: Path, marker: str = MARKER, identity: str | None = None) -> list[psutil.Process]:
    """Return the running processes that belong to the platform in ``home``, other than this very one.

    Args:
        home: The platform's home.
        marker: ``MARKER`` for the parts and what they started, ``SUPERVISOR_MARKER`` for the supervisor.
        identity: The platform's identity, when the home that holds it may be gone.
    """
    identity = identity or instance(home)
    sandboxes = f"{home / 'local'}{os.sep}"
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid():
                continue
            env = process.environ()
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or somebody else's
        # The runner's services get none of its environment; they carry their sandbox's path instead.
        served = marker == MARKER and env.get(SANDBOX_VARIABLE, "").startswith(sandboxes)
        if env.get(marker) == identity or served:
            found.append(process)
    return found


def end(processes: Iterable[psutil.Process], grace: float) -> None:
    """End processes: SIGTERM, then SIGKILL for those still there after ``grace`` seconds.

    psutil compares a process's start time before it signals, so a number that was taken over by
    another process in between is left alone.
    """
    chosen = list(processes)
    for process in chosen:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(chosen, timeout=grace)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.Error, ProcessLookupError):  # it has ended already
        process.send_signal(number)


def sweep(home: Path, identity: str | None = None, grace: float = 3.0) -> list[str]:
    """End whatever an earlier, killed supervisor left behind; return what it was, for the log."""
    left = ours(home, identity=identity)
    names = []
    for process in left:
        try:
            names.append(f"{process.name()} (pid {process.pid})")
        except psutil.Error:
            continue
    if left:
        end(left, grace)
    return names


def last_lines(log: Path, count: int = 8, limit: int = 1 << 14) -> list[str]:
    """Return the last lines of a log, read from its last ``limit`` bytes."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - limit))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip()[:300] for line in text.splitlines() if line.strip()][-count:]


def describe_exit(code: int) -> str:
    """Return how a process ended, in words."""
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with exit code {code}"


def now() -> float:
    """Return seconds since the epoch, for what people read; intervals use ``time.monotonic``."""
    return time.time()
