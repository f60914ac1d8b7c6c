"""The keeper of one part: order, readiness, restarts, giving up, and what it says about each."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local.parts import Part
from infra.local.supervisor import keeper as module
from infra.local.supervisor.keeper import Keeper
from infra.local.supervisor.layout import Site
from infra.local.supervisor.status import Platform, Working

pytestmark = pytest.mark.parts


class Stage:
    """A site with one part whose behaviour the test decides."""

    def __init__(self, folder: Path, executor: ThreadPoolExecutor) -> None:
        self.site = Site(folder, {"p": 0}, {})
        self.executor = executor
        self.missing: str | None = None
        self.dependency = True
        self.code = "import time; time.sleep(300)"
        self.keepers: list[Keeper] = []

    def keeper(self, **settings: Any) -> Keeper:
        settings.setdefault("probe", lambda _: self.missing)
        settings.setdefault("command", lambda: [sys.executable, "-c", self.code])
        part = Part(name="part", title="a part", env={"PATH": os.environ["PATH"]}, **settings)
        self.keepers.append(Keeper(part, self.site, executor=self.executor, ready=lambda _: self.dependency))
        return self.keepers[-1]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(module, "BACKOFF", 0.01)
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.01)
    monkeypatch.setattr(module, "ALIVE_SECONDS", 0.01)
    with ThreadPoolExecutor(2) as executor:
        made = Stage(tmp_path, executor)
        yield made
        for keeper in made.keepers:
            keeper.stop()


def run_until(keeper: Keeper, condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, keeper.status
        keeper.tick()
        time.sleep(0.005)


def test_a_part_becomes_ready_when_its_probe_says_so(stage: Stage) -> None:
    stage.missing = "no answer yet"
    keeper = stage.keeper()
    run_until(keeper, lambda: keeper.status.message == "no answer yet")
    assert keeper.status.state == "starting"
    assert keeper.status.pid is not None
    assert keeper.status.created == psutil.Process(keeper.status.pid).create_time()
    stage.missing = None
    run_until(keeper, lambda: keeper.status.state == "ready")
    assert keeper.status.restarts == 0
    keeper.stop()
    assert keeper.status.pid is None
    assert f"{keeper.status.state}" == "stopped"


def test_a_part_waits_for_what_it_needs(stage: Stage) -> None:
    stage.dependency = False
    keeper = stage.keeper(after=("store",))
    keeper.tick()
    assert keeper.status.state == "starting"
    assert keeper.status.message == "waits for store"
    assert keeper.status.pid is None
    stage.dependency = True
    run_until(keeper, lambda: keeper.status.state == "ready")


def test_a_part_is_ready_only_after_it_has_settled(stage: Stage) -> None:
    calls: list[int] = []

    def settle() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise OSError("not settled")

    keeper = stage.keeper(settle=settle)
    run_until(keeper, lambda: keeper.status.message == "not settled")
    run_until(keeper, lambda: keeper.status.state == "ready")
    first = keeper.status.pid
    for _ in range(20):
        keeper.tick()
        time.sleep(0.005)
    assert len(calls) == 3  # once is enough for one life of the process
    psutil.Process(first).kill()
    run_until(keeper, lambda: keeper.status.restarts == 1)
    run_until(keeper, lambda: keeper.status.state == "ready")
    assert len(calls) == 4


def test_a_probe_learns_when_its_process_was_started(stage: Stage) -> None:
    told: list[float] = []
    keeper = stage.keeper(probe=told.append)
    before = time.time()
    run_until(keeper, lambda: keeper.status.state == "ready")
    first = keeper.status.created
    assert before <= told[0] <= time.time()
    assert first is not None
    psutil.Process(keeper.status.pid).kill()
    run_until(keeper, lambda: keeper.status.restarts == 1)
    run_until(keeper, lambda: keeper.status.state == "ready")
    assert told[-1] > told[0]


def test_a_killed_part_comes_back(stage: Stage) -> None:
    keeper = stage.keeper()
    run_until(keeper, lambda: keeper.status.state == "ready")
    before = keeper.status.pid
    psutil.Process(before).kill()
    run_until(keeper, lambda: keeper.status.state == "backoff")
    assert keeper.status.message.startswith("was ended by SIGKILL; next try in")
    run_until(keeper, lambda: keeper.status.state == "ready")
    assert keeper.status.pid != before
    assert keeper.status.restarts == 1


def test_a_part_that_keeps_dying_is_given_up_with_its_last_lines(stage: Stage) -> None:
    stage.code = "print('the reason is this'); raise SystemExit(3)"
    keeper = stage.keeper()
    run_until(keeper, lambda: keeper.status.state == "failed")
    assert "ended with exit code 3; given up after 5 failures" in keeper.status.message
    assert "the reason is this" in keeper.status.message
    keeper.tick()
    assert keeper.status.pid is None
    stage.code = "import time; time.sleep(300)"
    keeper.retry()
    run_until(keeper, lambda: keeper.status.state == "ready")


def test_crashes_long_ago_do_not_count(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CRASH_WINDOW", 0.0)
    stage.code = "raise SystemExit(3)"
    keeper = stage.keeper()
    run_until(keeper, lambda: keeper.status.restarts > module.CRASHES + 1)
    assert keeper.status.state != "failed"


def test_a_program_that_is_not_there_is_said(stage: Stage) -> None:
    keeper = stage.keeper(command=lambda: ["/nowhere/program"])
    run_until(keeper, lambda: keeper.status.state == "failed")
    assert "cannot be started" in keeper.status.message
    assert "/nowhere/program" in keeper.status.message


def test_a_stolen_port_is_named_with_its_thief(stage: Stage) -> None:
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen(1)
        port = thief.getsockname()[1]
        stage.site.ports["p"] = port
        keeper = stage.keeper(ports=("p",))
        keeper.tick()
        assert keeper.status.state == "backoff"
        assert f"port {port} is taken by" in keeper.status.message
        assert f"(pid {os.getpid()})" in keeper.status.message
    run_until(keeper, lambda: keeper.status.state == "ready")
    assert keeper.status.port == port


def test_a_full_disk_is_blamed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FULL_DISK", 1 << 62)
    stage.code = "raise SystemExit(1)"
    keeper = stage.keeper()
    run_until(keeper, lambda: keeper.status.state == "backoff")
    assert "the disk of" in keeper.status.message
    assert "is full" in keeper.status.message


def test_a_part_that_never_gets_ready_is_started_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.05)
    stage.missing = "deaf"
    keeper = stage.keeper()
    run_until(keeper, lambda: keeper.status.state == "backoff")
    assert keeper.status.message.startswith("not ready after 0 s (deaf)")


def test_a_part_that_gets_further_is_waited_for_and_one_that_stands_still_is_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 1.0)
    stage.missing = Working("1 % done", 1, "look there")
    keeper = stage.keeper()
    first = time.monotonic()
    run_until(keeper, lambda: keeper.status.message == "1 % done")
    pid = keeper.status.pid
    told = Platform(pid=1, started=0.0, parts={"part": keeper.status})
    told.save(tmp_path / "platform.json")
    assert Platform.load(tmp_path / "platform.json") == told
    for done in range(2, 12):  # together longer than the patience
        stage.missing = Working(f"{done} % done", done, "look there")
        end = time.monotonic() + 0.2
        run_until(keeper, lambda: time.monotonic() > end)  # noqa: B023 - called at once
    assert time.monotonic() - first > module.START_SECONDS
    assert (keeper.status.restarts, keeper.status.pid, keeper.status.done) == (0, pid, 11)

    run_until(keeper, lambda: keeper.status.state == "backoff")
    assert keeper.status.stuck == "it has stood still for 1 s: 11 % done"
    assert keeper.status.fix == "look there"
    stage.missing = None
    run_until(keeper, lambda: keeper.status.state == "ready")
    assert keeper.status.stuck == keeper.status.fix == ""


def test_a_part_that_stops_answering_is_started_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = stage.keeper()
    run_until(keeper, lambda: keeper.status.state == "ready")
    stage.missing = "deaf"
    monkeypatch.setattr(module, "HUNG_SECONDS", 0.05)
    run_until(keeper, lambda: keeper.status.state == "backoff")
    assert "hung: no answer" in keeper.status.message
    stage.missing = None
    run_until(keeper, lambda: keeper.status.state == "ready")


def test_stopping_kills_what_ignores_the_polite_signal(stage: Stage) -> None:
    stage.code = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(stage.site.home / 'up')!r}).touch(); time.sleep(300)"
    )
    keeper = stage.keeper(grace=0.1, probe=lambda _: None if (stage.site.home / "up").exists() else "not up")
    run_until(keeper, lambda: keeper.status.state == "ready")
    process = psutil.Process(keeper.status.pid)
    keeper.stop()
    assert not process.is_running()
