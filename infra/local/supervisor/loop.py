"""The supervisor's life: take the lock, start the parts, keep them, stop them in reverse order."""

import fcntl
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

from infra.errors import Exit
from infra.local.parts import Part, catalogue, platform_of
from infra.local.supervisor import processes
from infra.local.supervisor.keeper import Keeper
from infra.local.supervisor.layout import Site, instance, lock_path

LOCK_SECONDS = 3.0
"""Seconds to try for the lock: whoever asks whether a supervisor runs holds it for an instant."""
TICK = 0.05
"""Seconds between two looks at the parts: short against a start (seconds), and next to no work."""


class Supervisor:
    """Keeps the parts of one site alive until it is told to stop.

    Args:
        site: The platform.
        lock: Descriptor of the lock file that this process holds.
        only: Names of the parts to run, for tests; None means all.
    """

    def __init__(self, site: Site, lock: int, only: tuple[str, ...] | None = None) -> None:
        self.site = site
        self._lock = lock
        self._identity = instance(site.home)
        self._stop = self._retry = False
        self._executor = ThreadPoolExecutor(max_workers=8, thread_name_prefix="probe")
        self.platform = platform_of(site)
        self.platform.started = processes.now()
        self.keepers = [self._keeper(p) for p in catalogue(site) if only is None or p.name in only]
        self.platform.parts = {keeper.part.name: keeper.status for keeper in self.keepers}
        self._written = ""
        self._said: set[str] = set()

    def _keeper(self, part: Part) -> Keeper:
        return Keeper(part, self.site, executor=self._executor, ready=self._is_ready)

    def _is_ready(self, name: str) -> bool:
        status = self.platform.parts.get(name)
        return status is None or status.state == "ready"

    def on_signal(self, number: int, _: FrameType | None) -> None:
        """Note what a signal asks for: SIGHUP tries failed parts again, the others stop."""
        if number == signal.SIGHUP:
            self._retry = True
        else:
            self._stop = True

    def run(self) -> None:
        """Keep the parts until a signal says stop, then stop them."""
        gone = False
        while not self._stop and not (gone := self._home_is_gone()):
            if self._retry:
                self._retry = False
                for keeper in self.keepers:
                    keeper.retry()
            for keeper in self.keepers:
                keeper.tick()
                if self._stop:
                    break
            self._write()
            time.sleep(TICK)
        _say("the home was removed: stopping" if gone else "stopping")
        for keeper in reversed(self.keepers):
            keeper.stop()
            if not gone:
                self._write()
        for left in processes.sweep(self.site.home, self._identity):
            _say(f"ended what a part had left: {left}")
        _say("stopped")

    def _home_is_gone(self) -> bool:
        """Tell whether somebody removed the home (``git clean``, ``rm``) under the running platform.

        Nobody could find and stop it any more, and the next start would put a second one beside it.
        """
        try:
            return lock_path(self.site.home).stat().st_ino != os.fstat(self._lock).st_ino
        except OSError:
            return True

    def _write(self) -> None:
        """Write the status file when something changed. A full disk must not end the supervisor."""
        seen = repr(self.platform.parts)
        if seen == self._written:
            return
        for name, status in self.platform.parts.items():
            if f"{name}: {status.state}" not in self._said:
                _say(f"{name}: {status.state} {status.message}".rstrip())
        self._said = {f"{name}: {status.state}" for name, status in self.platform.parts.items()}
        try:
            self.platform.save(self.site.status)
            self._written = seen
        except OSError as error:
            _say(f"cannot write {self.site.status}: {error.strerror}")


def _say(message: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {message}\n")
    sys.stderr.flush()


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def main(site_file: Path, only: tuple[str, ...] | None) -> int:
    """Run the supervisor; ends the process, or returns an exit code when another one holds the lock."""
    site = Site.load(site_file)
    lock = os.open(lock_path(site.home), os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while not _locked(lock):
        if time.monotonic() > deadline:
            _say("another supervisor runs already")
            return Exit.BUSY
        time.sleep(TICK)
    for left in processes.sweep(site.home):
        _say(f"ended what an earlier supervisor had left: {left}")
    supervisor = Supervisor(site, lock, only)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, supervisor.on_signal)
    supervisor.run()
    site.status.unlink(missing_ok=True)
    os._exit(0)  # a probe that still waits for an answer must not hold the end up
