"""One part kept alive: started, probed, started again when it dies, given up when it keeps dying."""

import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future

import psutil

from infra.local.parts import Part
from infra.local.paths import repo_root
from infra.local.ports import holder, is_free
from infra.local.supervisor import processes
from infra.local.supervisor.layout import Site
from infra.local.supervisor.status import PartStatus, State, Working

PROBE_SECONDS = 0.15
"""Seconds between two probes of a part that starts: what a start can take too long at most."""
ALIVE_SECONDS = 5.0
"""Seconds between two probes of a part that is ready."""
HUNG_SECONDS = 60.0
"""A ready part that answers no probe for this long is killed and started again. A laptop that compiles
something starves a healthy part for seconds, not for a minute."""
START_SECONDS = 120.0
"""A part that is not ready after this long is started again. The slowest, the API server, takes 4 s on
two idle cores. For a part that tells how far it is, this long without getting further counts."""
CRASHES, CRASH_WINDOW = 5, 120.0
"""A part that dies this often within this many seconds is given up: it will not get better by itself."""
BACKOFF, BACKOFF_MAX = 0.4, 8.0
"""Seconds before the first restart, doubled with each crash in the window, and the longest pause."""
FULL_DISK = 64 << 20
"""Bytes; with less free space a dead part is blamed on the disk: etcd alone claims 64 MB at a time."""


class Keeper:
    """Drives one part. All methods are called by the supervisor's main thread.

    Args:
        part: What to keep alive.
        site: The platform: the part's ports and log, and the disk that is watched.
        executor: Runs probes, which may wait for an answer.
        ready: Tells whether a part of this name is ready.
    """

    def __init__(self, part: Part, site: Site, *, executor: Executor, ready: Callable[[str], bool]) -> None:
        self.part = part
        self._ports = [site.ports[name] for name in part.ports]
        self._home, self._log = site.home, site.log(part.name)
        port = self._ports[0] if self._ports else None
        self.status = PartStatus(log=str(self._log), port=port, since=processes.now())
        self._executor, self._dependency_ready = executor, ready
        self._process: subprocess.Popen[bytes] | None = None
        self._probe: Future[str | None] | None = None
        self._crashes: deque[float] = deque(maxlen=CRASHES)
        self._moved = self._next = self._answered = self._born = 0.0
        self._settled = False
        self._reason = ""
        """Why this class itself killed the process, if it did."""
        self._set("starting", "")

    def _set(self, state: State, message: str) -> None:
        if state != self.status.state:
            self.status.since = processes.now()
        self.status.state, self.status.message = state, message

    def tick(self) -> None:
        """Look at the part and do the next thing. Never waits."""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._ended(now, code)
            elif self._probe is None:
                if now >= self._next:
                    self._probe = self._executor.submit(self._ask, self._born, self._settled)
            elif self._probe.done():
                self._judge(now, self._probe)
        elif self.status.state != "failed" and now >= self._next:
            waiting = [name for name in self.part.after if not self._dependency_ready(name)]
            if waiting:
                self._set("starting", f"waits for {', '.join(waiting)}")
            else:
                self._start(now)

    def _ask(self, born: float, settled: bool) -> str | None:  # noqa: FBT001 - submitted to an executor
        """Probe, and settle once; runs in another thread."""
        try:
            missing = self.part.probe(born)
            if missing is None and not settled and self.part.settle is not None:
                self.part.settle()
        except ConnectionRefusedError:
            return "it does not listen yet"
        except Exception as error:  # noqa: BLE001 - whatever goes wrong there, the part is not ready
            return str(error) or type(error).__name__
        return missing

    def _judge(self, now: float, probe: "Future[str | None]") -> None:
        self._probe = None
        missing = probe.result()
        if missing is None:
            self._settled, self._answered = True, now
            self.status.stuck = self.status.fix = ""
            self._next = now + ALIVE_SECONDS
            self._set("ready", "")
            return
        if self._settled:
            self._next = now + 1.0
            silent = now - self._answered
            self.status.message = f"has not answered for {silent:.0f} s: {missing}"
            if silent > HUNG_SECONDS:
                self._kill(f"hung: no answer for {silent:.0f} s ({missing})")
            return
        self._next = now + PROBE_SECONDS
        self._set("starting", str(missing))  # what it says; a `Working` is for this loop only
        if isinstance(missing, Working) and missing.done > self.status.done:
            self.status.done, self._moved = missing.done, now
        if now - self._moved <= START_SECONDS:
            return
        if isinstance(missing, Working):
            self.status.stuck = f"it has stood still for {START_SECONDS:.0f} s: {missing}"
            self.status.fix = missing.fix
        self._kill(f"not ready after {START_SECONDS:.0f} s ({missing})")

    def _start(self, now: float) -> None:
        taken = [port for port in self._ports if not is_free(port)]
        if taken:
            self._crashed(now, f"port {taken[0]} is taken by {holder(taken[0])}")
            return
        self._born = processes.now()
        try:
            argv = self.part.command()
            self._process = processes.spawn(
                argv,
                env=self.part.env,
                cwd=repo_root(),
                log=self._log,
                death_signal=self.part.death_signal,
            )
        except Exception as error:  # noqa: BLE001 - one part's trouble must not end the others
            self._crashed(now, f"cannot be started: {error}")
            return
        self._moved, self._next, self._settled = now, now + PROBE_SECONDS, False
        self.status.done = 0
        self.status.pid = self._process.pid
        self.status.created = _created(self._process.pid)
        self._set("starting", "")

    def _kill(self, reason: str) -> None:
        if self._process is not None:
            self._reason = reason
            self._process.kill()

    def _ended(self, now: float, code: int) -> None:
        lines = processes.last_lines(self._log)
        reason = self._reason or processes.describe_exit(code)
        self._process, self._probe, self._reason = None, None, ""
        self.status.pid = self.status.created = None
        free = shutil.disk_usage(self._home).free
        if free < FULL_DISK:
            reason = f"the disk of {self._home} is full ({free >> 20} MiB free); it {reason}"
        self._crashed(now, reason, lines)

    def _crashed(self, now: float, reason: str, lines: list[str] | None = None) -> None:
        self._crashes.append(now)
        recent = [at for at in self._crashes if now - at < CRASH_WINDOW]
        if len(recent) >= CRASHES:
            tail = ("; last lines: " + " | ".join(lines)) if lines else ""
            self._set("failed", f"{reason}; given up after {len(recent)} failures{tail}")
            return
        self.status.restarts += 1
        pause = min(BACKOFF * 2 ** (len(recent) - 1), BACKOFF_MAX)
        self._next = now + pause
        self._set("backoff", f"{reason}; next try in {pause:.1f} s")

    def retry(self) -> None:
        """Try again after having given up."""
        if self.status.state == "failed":
            self._crashes.clear()
            self._next = 0.0
            self._set("starting", "")

    def stop(self) -> None:
        """End the process and wait for it, at most the part's grace and a few seconds."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(self.part.grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self.status.pid = self.status.created = None
        self._set("stopped", "")


def _created(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
