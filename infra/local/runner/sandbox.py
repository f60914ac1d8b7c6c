"""A pod's folder and processes on this machine, found again by whoever runs next.

Each process of a pod carries the folder's path in its environment. That finds workers too, which
BentoML starts in sessions of their own and which outlive a killed master while they hold its socket.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from infra.local.runner.environment import SANDBOX_VARIABLE

_CREATED_TOLERANCE_SECONDS = 5.0
"""A process's creation time is counted from the boot time, which moves when the clock is set."""

_LOG_CAP_BYTES = 10 * 1024 * 1024
"""A pod keeps one log of this size and the one before it; the kubelet's default is the same size."""

_LOG_TAIL_BYTES = 2048
"""What of the log's end is shown as a crash's reason, as the kubelet does."""

_KILL_ROUNDS, _KILL_PAUSE_SECONDS = 50, 0.1
"""A process may start another one while the first is killed, so this is done until none is left."""


@dataclass(kw_only=True)
class Record:
    """What must outlive the runner; times in seconds since the epoch."""

    namespace: str
    pod: str
    uid: str
    pod_ip: str
    acknowledged_at: float
    temporary: str = ""
    restarts: int = 0
    pid: int | None = None
    created: float | None = None
    port: int = 0
    started_at: float = 0
    last_state: dict[str, Any] | None = None


class Sandbox:
    """The folder ``home()/local/pods/<uid>`` and the processes that carry its name."""

    def __init__(self, folder: Path) -> None:
        """Read the record, if there is one; a torn one counts as none."""
        self.folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self.record: Record | None = None
        with contextlib.suppress(OSError, ValueError, TypeError):
            self.record = Record(**json.loads((folder / "state.json").read_text()))

    def prepare(self, record: Record) -> None:
        """Create the folders and keep the record."""
        for name in ("home", "bentoml", "work", "volumes"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # secrets may lie in its volumes
        self.record = record
        self.save()

    def fresh_temporary(self) -> Path:
        """Return an empty folder for the next process; what the one before left in its own is removed.

        It is not under :attr:`folder`, where paths would be too long for the unix sockets that BentoML makes.
        """
        self.drop_temporary()
        record = self._known()
        record.temporary = tempfile.mkdtemp(prefix="plinth-")
        self.save()
        return Path(record.temporary)

    def drop_temporary(self) -> None:
        """Remove the temporary folder of a process that has ended."""
        if self.record and self.record.temporary:
            shutil.rmtree(self.record.temporary, ignore_errors=True)
            self.record.temporary = ""
            self.save()

    def save(self) -> None:
        """Write the record so that a reader finds the old or the new one, never half of it."""
        if self.record is None:
            return
        draft = self.folder / ".state.json"
        draft.write_text(json.dumps(asdict(self.record), indent=1))
        draft.replace(self.folder / "state.json")

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, port: int
    ) -> None:
        """Start the process; its output goes straight to the log, since a pipe would end with the runner.

        Raises:
            OSError: The program cannot be started.
        """
        record = self._known()
        log.parent.mkdir(parents=True, exist_ok=True)
        record.pid, record.created, record.port, record.started_at = None, None, port, time.time()
        self.save()
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                arguments,
                env=dict(environment),
                cwd=self.folder / "work",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record.pid = self._child.pid
        record.created = psutil.Process(self._child.pid).create_time()
        self.save()

    def alive(self) -> bool:
        """Return whether the pod's main process runs."""
        if self._child is not None:
            return self._child.poll() is None
        return self._adopted() is not None

    def exit_code(self) -> int | None:
        """Return how the main process ended: its code or 128 + signal; ``None`` for an earlier runner's."""
        if self._child is None or self._child.returncode is None:
            return None
        code = self._child.returncode
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Ask the main process to end, as a container's first process is asked."""
        pid = self._known().pid
        if pid is not None and self.alive():
            os.kill(pid, signal.SIGTERM)

    def kill_all(self) -> None:
        """End every process of the pod now, as the end of a PID namespace would."""
        kill_marked(self.folder)
        if self._child is not None:
            self._child.wait()

    def remove(self) -> None:
        """Remove the folders; the log stays."""
        if self.record and self.record.temporary:
            shutil.rmtree(self.record.temporary, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _known(self) -> Record:
        assert self.record is not None, "prepare() comes first"
        return self.record

    def _adopted(self) -> psutil.Process | None:
        """Return the main process of an earlier runner, if it is still that very process."""
        record = self.record
        if record is None or record.pid is None or record.created is None:
            return None
        try:
            process = psutil.Process(record.pid)
            same_age = abs(process.create_time() - record.created) < _CREATED_TOLERANCE_SECONDS
            marked = process.environ().get(SANDBOX_VARIABLE) == str(self.folder)
            running = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if same_age and marked and running else None


def marked_processes() -> dict[str, list[psutil.Process]]:
    """Return all processes of pods on this machine by the path of their sandbox, over all homes."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            place = process.environ().get(SANDBOX_VARIABLE)
            if place and process.status() != psutil.STATUS_ZOMBIE:
                found.setdefault(place, []).append(process)
        except psutil.Error:
            continue  # another user's, or just gone
    return found


def kill_marked(folder: Path) -> int:
    """Kill all processes whose sandbox is ``folder``; return how many there were at first."""
    first: int | None = None
    for _ in range(_KILL_ROUNDS):
        processes = marked_processes().get(str(folder), [])
        first = len(processes) if first is None else first
        if not processes:
            break
        for process in processes:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(processes, timeout=_KILL_PAUSE_SECONDS)
    return first or 0


def rotate(log: Path) -> None:
    """Keep a log below its cap. The process holds the file open, so its content is copied and then cut."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_CAP_BYTES:
            shutil.copyfile(log, log.with_suffix(log.suffix + ".1"))
            os.truncate(log, 0)


def tail(log: Path) -> str:
    """Return the end of a log for a crash's message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
