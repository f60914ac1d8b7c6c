"""Processes: ours are found and ended, nobody else's, and none outlives its parent."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.supervisor import processes
from infra.local.supervisor.layout import instance

pytestmark = pytest.mark.parts

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)",
]


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    made: list[subprocess.Popen[bytes]] = []

    def start(argv: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        made.append(
            subprocess.Popen(argv, env={"PATH": os.environ["PATH"], **env}, stdout=subprocess.DEVNULL)
        )
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()


def test_only_what_carries_the_identity_is_ended(
    home: Path, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    mine = started(SLEEP, {processes.MARKER: instance(home)})
    service = started(SLEEP, {"PLINTH_SANDBOX": str(home / "local" / "pods" / "p")})
    strangers = [
        started(SLEEP, {}),
        started(SLEEP, {processes.MARKER: "another"}),
        started(SLEEP, {processes.SUPERVISOR_MARKER: instance(home)}),
        started(SLEEP, {"PLINTH_SANDBOX": f"{home}-other/local/pods/p"}),
    ]
    assert until(lambda: {p.pid for p in processes.ours(home)} == {mine.pid, service.pid})
    assert len(processes.sweep(home)) == 2
    assert None not in {mine.poll(), service.poll()}
    assert [process.poll() for process in strangers] == [None] * 4
    assert [p.pid for p in processes.ours(home, processes.SUPERVISOR_MARKER)] == [strangers[2].pid]


def test_what_ignores_the_polite_signal_is_killed(
    home: Path, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = started(STUBBORN, {processes.MARKER: instance(home)})
    assert until(lambda: len(processes.ours(home)) == 1)
    time.sleep(0.3)  # until it ignores the signal
    processes.sweep(home, grace=0.2)
    assert process.poll() is not None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel signal exists on Linux only")
def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom infra.local.supervisor.processes import spawn\n"
        "child = spawn([sys.executable, '-c', 'import time; time.sleep(300)'], env={}, cwd=Path('/'),"
        " log=Path(sys.argv[1]))\n"
        "print(child.pid, flush=True)\ntime.sleep(300)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.stdout.close()
    parent.kill()
    parent.wait()
    assert until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_output_goes_to_the_log_and_a_large_log_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "part.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (processes.MAX_LOG + 1))
    done = processes.spawn(["/bin/sh", "-c", "echo out; echo err >&2"], env={}, cwd=tmp_path, log=log)
    done.wait()
    assert log.read_text() == "out\nerr\n"
    assert log.with_suffix(".log.1").stat().st_size == processes.MAX_LOG + 1


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert processes.last_lines(log) == []
    log.write_bytes(b"first\n" * 10_000 + b"\xff broken\n\nlast line" + b"x" * 500)
    lines = processes.last_lines(log, count=2)
    assert lines[0].endswith("broken")
    assert lines[1].startswith("last line")
    assert len(lines[1]) == 300


@pytest.mark.parametrize(
    ("code", "text"),
    [(-9, "was ended by SIGKILL"), (-250, "was ended by signal 250"), (3, "ended with exit code 3")],
)
def test_how_a_process_ended_is_said_in_words(code: int, text: str) -> None:
    assert processes.describe_exit(code) == text
