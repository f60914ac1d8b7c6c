"""A pod's processes are found again by whoever comes next, and none of them is lost."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.runner import MAX_PROCESSES, sandbox
from infra.local.runner.launch import NoRoomError, check_room
from infra.local.runner.loop import reap, remove_orphans
from infra.local.runner.pools import Addresses, Ports
from infra.local.runner.sandbox import Record, Sandbox, marked_processes, rotate, tail

pytestmark = pytest.mark.parts

# A server as BentoML is one: a master, and a worker in a session of its own that outlives it.
MASTER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("started", flush=True)
time.sleep(600)
"""


BOXES: list[Sandbox] = []
"""Those that a test has started; each is ended after it."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    while BOXES:
        box = BOXES.pop()
        box.kill_all()
        box.remove()


def started(home: Path, uid: str = "u-1", program: str = MASTER) -> Sandbox:
    box = Sandbox(home / "pods" / uid)
    BOXES.append(box)
    box.prepare(Record(namespace="n", pod="p", uid=uid, pod_ip="10.244.0.1", acknowledged_at=1))
    environment = {sandbox.SANDBOX_VARIABLE: str(box.folder), "PATH": "/usr/bin:/bin"}
    log = home / "logs" / f"{uid}.log"
    box.start([sys.executable, "-c", program], environment, log, port=30001)
    wait(lambda: "started" in tail(log))
    return box


def wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_that_outlives_its_master_is_ended_with_the_pod(home: Path):
    box = started(home)
    wait(lambda: len(marked_processes()[str(box.folder)]) == 2)
    assert box.record is not None
    psutil.Process(box.record.pid).kill()
    wait(lambda: not box.alive())
    assert box.exit_code() == 137
    assert len(marked_processes()[str(box.folder)]) == 1
    box.kill_all()
    assert str(box.folder) not in marked_processes()


def test_the_next_runner_adopts_a_process_and_not_a_stranger_of_its_number(home: Path):
    box = started(home)
    successor = Sandbox(box.folder)
    assert successor.alive()
    assert successor.record == box.record
    record = json.loads((box.folder / "state.json").read_text())
    for change in ({"pid": 1}, {"created": record["created"] - 3600}, {"pid": None}):
        (box.folder / "state.json").write_text(json.dumps(record | change))
        assert not Sandbox(box.folder).alive()


def test_an_adopted_process_is_asked_to_end_like_one_of_its_own(home: Path):
    box = started(home)
    successor = Sandbox(box.folder)
    successor.terminate()
    wait(lambda: not box.alive())
    assert not successor.alive()
    assert box.exit_code() == 143
    assert successor.exit_code() is None


def test_a_torn_record_counts_as_none(home: Path):
    folder = home / "pods" / "u-1"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text('{"namespace": "n"')
    assert Sandbox(folder).record is None
    assert not Sandbox(folder).alive()


def test_processes_of_pods_that_are_gone_are_ended_and_the_others_are_kept(home: Path):
    gone, kept = started(home, "u-gone"), started(home, "u-kept")
    temporary = gone.fresh_temporary()
    assert temporary.is_dir()
    assert remove_orphans(home, {"u-kept"}) == ["u-gone"]
    assert not gone.alive()
    assert not gone.folder.exists()
    assert not temporary.exists()
    assert kept.alive()


def test_reap_ends_this_homes_processes_only(home: Path):
    mine, others = started(home / "mine"), started(home / "others")
    temporary = mine.fresh_temporary()
    assert reap(home / "mine") == 1
    assert not mine.alive()
    assert not temporary.exists()
    assert others.alive()
    assert reap(home / "mine") == 0


def test_an_ended_process_gives_its_code(home: Path):
    box = started(home, program="import sys; print('started', flush=True); sys.exit(3)")
    wait(lambda: not box.alive())
    assert box.exit_code() == 3


def test_no_more_pods_than_the_machine_bears_get_a_process(home: Path, monkeypatch: pytest.MonkeyPatch):
    crowd = {f"/other/{number}": [] for number in range(MAX_PROCESSES)}
    monkeypatch.setattr("infra.local.runner.launch.marked_processes", lambda: crowd)
    with pytest.raises(NoRoomError, match=str(MAX_PROCESSES)):
        check_room(home)
    check_room(Path("/other/0"))  # a pod that has its place keeps it
    crowd.popitem()
    check_room(home)


def test_a_log_is_cut_at_its_cap_and_the_part_before_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sandbox, "_LOG_CAP_BYTES", 10)
    log = home / "p.log"
    rotate(log)  # absent: nothing to do
    with log.open("ab") as file:
        file.write(b"0123456789")
        file.flush()
        rotate(log)
        assert log.stat().st_size == 10
        file.write(b"A")
        file.flush()
        rotate(log)
        file.write(b"after")
        file.flush()
    assert log.read_text() == "after"
    assert (home / "p.log.1").read_text() == "0123456789A"


def test_the_secrets_in_a_sandbox_are_for_its_owner_only(home: Path):
    assert started(home).folder.stat().st_mode & 0o777 == 0o700


def test_addresses_are_unique_until_given_back():
    pool = Addresses()
    pool.hold(["10.244.0.1", ""])
    first, second = pool.take(), pool.take()
    assert len({first, second, "10.244.0.1"}) == 3
    pool.give_back(first)
    assert pool.take() == first


def test_a_port_rests_after_its_process_ended(monkeypatch: pytest.MonkeyPatch):
    pool = Ports()
    # The same number again and again: a port that is held or rests must be passed over.
    numbers = iter([30001, 30001, 30002, 30001, *range(30003, 30100)])
    monkeypatch.setattr("random.randint", lambda _first, _last: next(numbers))
    first = pool.take()
    second = pool.take()
    pool.rest(first)
    third = pool.take()
    assert len({first, second, third}) == 3


def test_the_command_line_refuses_a_second_runner_on_one_home(tmp_path: Path):
    import fcntl  # noqa: PLC0415 - used here only

    (tmp_path / "local").mkdir()
    with (tmp_path / "local" / "runner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-m", "infra.local.runner", "--reap", "--home", str(tmp_path)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 5
    assert "Traceback" not in answer.stderr
    assert "already works" in answer.stderr
