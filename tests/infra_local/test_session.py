"""The home of a platform, its lock, and what the supervisor is given; no control plane is started."""

import json
import shutil
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from infra.errors import Exit, PlatformError
from infra.local import session
from infra.local.control_plane import access, arguments, bootstrap
from infra.local.runner.sandbox import Record
from infra.local.session import homes, preparation
from infra.local.supervisor import layout
from infra.local.supervisor.layout import PORTS, Site
from infra.local.supervisor.status import PartStatus, Platform

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - the shape of shutil's own


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class FakeTools:
    """A toolchain whose programs exist and do nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in preparation.PROGRAMS:
            (folder / name).touch()
        for name in preparation.FILES:
            (folder / name).mkdir()

    def bin(self, name: str) -> Path:
        return self.folder / name

    def file(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture
def tools(tmp_path: Path, home: Path) -> FakeTools:
    assert not home.exists()
    (tmp_path / "tools").mkdir()
    return FakeTools(tmp_path / "tools")


def test_a_home_that_cannot_be_written_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(PlatformError, match="cannot be written: Not a directory") as refused:
        session.start()
    assert refused.value.code == Exit.PLATFORM
    assert "PLINTH_HOME" in (refused.value.fix or "")


def test_a_full_disk_is_said_before_anything_starts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 1 << 40, 100 << 20))
    with pytest.raises(PlatformError, match="100 MiB free, 512 MiB needed") as refused:
        session.start()
    assert refused.value.where == str(home)


def test_only_a_home_of_ours_is_purged(home: Path) -> None:
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(PlatformError, match="not made by Plinth"):
        session.stop(purge=True)
    (home / "local").mkdir()
    with pytest.raises(PlatformError, match="not made by Plinth"):
        session.stop(purge=True)
    assert (home / "thesis.txt").read_text() == "years of work"
    homes.make(home)
    session.stop(purge=True)
    assert not home.exists()


def test_a_purge_removes_what_pods_had_elsewhere(home: Path, tmp_path: Path) -> None:
    homes.make(home)
    elsewhere = tmp_path / "plinth-sockets"
    elsewhere.mkdir()
    pod = home / "local" / "pods" / "some-pod"
    pod.mkdir(parents=True)
    record = dict.fromkeys((field.name for field in fields(Record)), None) | {"temporary": str(elsewhere)}
    (pod / "state.json").write_text(json.dumps(record))
    session.stop(purge=True)
    assert not home.exists()
    assert not elsewhere.exists()


def test_stopping_what_is_down_is_no_mistake(home: Path) -> None:
    session.stop()
    session.stop(purge=True)
    homes.make(home)
    session.stop()
    assert session.current() is None
    with pytest.raises(PlatformError, match="is not up"):
        session.env()


def test_a_platform_of_older_code_is_found_out(home: Path, tmp_path: Path) -> None:
    homes.make(home)
    assert not session._outdated(home), "nothing was started yet"
    site = Site(home, dict.fromkeys(PORTS, 1), {"kube": tmp_path})
    path = site.save()
    assert not session._outdated(home)
    path.write_text(path.read_text().replace(layout.code(), "0" * 64))
    assert session._outdated(home)


def test_the_digest_of_the_code_follows_content_and_names_and_no_bytecode(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = layout.code(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert layout.code(tmp_path) == before
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    renamed = layout.code(tmp_path)
    (tmp_path / "b.py").write_text("2")
    assert len({before, renamed, layout.code(tmp_path)}) == 3


def test_a_tool_that_is_missing_is_named(tools: FakeTools) -> None:
    (tools.folder / "kwok").unlink()
    with pytest.raises(PlatformError, match="lacks kwok") as refused:
        session.start(tools=tools)
    assert refused.value.fix == "./plinth toolchain build"
    assert session.current() is None


def test_a_home_may_be_made_by_several_at_once(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for made in [pool.submit(homes.make, home) for _ in range(64)]:
            made.result()
    assert {path.name for path in (home / "local").iterdir()} == set()


def test_one_at_a_time(home: Path) -> None:
    homes.make(home)
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with homes.exclusive(home):
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.05)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_a_lock_that_was_purged_away_guards_nothing(home: Path) -> None:
    homes.make(home)
    order: list[str] = []
    entered = threading.Event()

    def purge() -> None:
        with homes.exclusive(home):
            entered.set()
            threading.Event().wait(0.3)
            order.append("purged")
            homes.remove(home)

    thread = threading.Thread(target=purge)
    thread.start()
    entered.wait()
    with homes.exclusive(home):
        order.append("entered")
        assert (home / "local" / "session.lock").exists()
    thread.join()
    assert order == ["purged", "entered"]


def test_what_the_supervisor_is_given(home: Path, tools: FakeTools) -> None:
    homes.make(home)
    site = preparation.prepare(home, tools)
    assert Site.load(home / "local" / "site.json") == site
    assert set(site.ports) == set(PORTS)
    for path in (home / "local").rglob("*"):
        holds_a_key = path.suffix in {".key", ".kubeconfig"} or path.name in {"kubeconfig", "encryption.json"}
        if holds_a_key:
            assert path.stat().st_mode & 0o777 == 0o600, path
    assert (home / "local").stat().st_mode & 0o777 == 0o700
    before = (home / "local" / "kubeconfig").read_text()
    preparation.prepare(home, tools)
    assert (home / "local" / "kubeconfig").read_text() == before


def test_a_lost_encryption_key_is_not_replaced_while_there_is_data(home: Path, tools: FakeTools) -> None:
    homes.make(home)
    site = preparation.prepare(home, tools)
    key = site.pki / "encryption.json"
    kept = key.read_text()
    (site.local / "etcd" / "member").mkdir(parents=True)
    for damage in ("", "{}", json.dumps({"resources": []}), kept.replace("secret", "other")):
        key.write_text(damage)
        with pytest.raises(PlatformError, match="lost or damaged"):
            access.prepare(site)
        assert key.read_text() == damage
    key.unlink()
    with pytest.raises(PlatformError, match="lost or damaged"):
        access.prepare(site)
    key.write_text(kept)
    access.prepare(site)
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("part", ["etcd", "apiserver", "controller_manager", "scheduler"])
def test_everything_listens_on_loopback_with_tls(home: Path, tools: FakeTools, part: str) -> None:
    homes.make(home)
    site = preparation.prepare(home, tools)
    line = " ".join(getattr(arguments, part)(site))
    assert "http://" not in line
    assert "0.0.0.0" not in line  # noqa: S104 - the address that must not appear
    assert "127.0.0.1" in line
    for word in line.split():
        name, _, value = word.partition("=")
        if name.endswith(("-file", "-cafile", "-certfile", "-keyfile")):
            assert Path(value).is_file(), word


def test_the_api_server_authenticates_authorizes_audits_and_encrypts(home: Path, tools: FakeTools) -> None:
    homes.make(home)
    line = arguments.apiserver(preparation.prepare(home, tools))
    assert "--anonymous-auth=false" in line
    assert "--authorization-mode=Node,RBAC" in line
    assert any(word.startswith("--audit-log-path=") for word in line)
    assert any(word.startswith("--encryption-provider-config=") for word in line)


def test_every_identity_of_a_part_has_a_role_and_nobody_else_is_an_administrator(
    home: Path, tools: FakeTools
) -> None:
    homes.make(home)
    applied = bootstrap.manifests(preparation.prepare(home, tools))
    roles = {m["metadata"]["name"]: m for m in applied if m["kind"] == "ClusterRole"}
    bound = {
        m["subjects"][0]["name"]: m["roleRef"]["name"] for m in applied if m["kind"] == "ClusterRoleBinding"
    }
    assert bound == {
        "plinth:admins": "cluster-admin",
        "plinth:nodes": "plinth:nodes",
        "plinth:runner": "plinth:runner",
        "plinth:gateway": "plinth:gateway",
        "plinth:monitor": "plinth:monitor",
        "plinth:rollout": "plinth:rollout",
    }
    for role in roles.values():
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule.get("resources", []) + rule.get("apiGroups", [])
    masters = [name for name, identity in access.IDENTITIES.items() if identity.group == "system:masters"]
    assert masters == ["bootstrap"]


def test_the_status_file_is_read_back_and_damage_is_no_platform(tmp_path: Path) -> None:
    path = tmp_path / "platform.json"
    assert Platform.load(path) is None
    written = Platform(pid=1, started=2.0, parts={"a": PartStatus(state="ready", pid=3, port=4)})
    written.save(path)
    assert Platform.load(path) == written
    assert written.ready
    assert set(json.loads(path.read_text())["parts"]["a"]) >= {
        "pid", "port", "state", "restarts", "since", "message", "log"
    }  # fmt: skip
    for damage in ("", "[]", "{}", '{"parts": {"a": {"colour": 1}}}', '{"parts": []}'):
        path.write_text(damage)
        assert Platform.load(path) is None


class Follow:
    """A platform whose status changes with each look of the start that waits for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *states: PartStatus) -> None:
        self.states = list(states)
        self.clock = 0.0
        monkeypatch.setattr(homes, "supervised", lambda _: True)
        monkeypatch.setattr(session, "_outdated", lambda _: False)
        monkeypatch.setattr(session, "_retry_failed", lambda _: None)
        monkeypatch.setattr(Platform, "load", lambda _: self.look())
        monkeypatch.setattr(session.time, "monotonic", lambda: self.clock)
        monkeypatch.setattr(session.time, "sleep", lambda _: None)

    def look(self) -> Platform:
        self.clock += session.READY_SECONDS * 0.9  # a long time passes between two looks
        return Platform(pid=1, started=0, parts={"aws": self.states.pop(0)})


def replaying(done: int, **more: Any) -> PartStatus:
    return PartStatus(state="starting", message=f"replays its journal: {done} %", done=done, **more)


def test_a_start_is_patient_as_long_as_a_part_gets_further(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.make(home)
    told: list[str] = []
    Follow(monkeypatch, *[replaying(done) for done in range(1, 9)], PartStatus(state="ready"))
    platform = session.start(lambda _part, _state, message: told.append(message))
    assert platform.ready
    assert told[0] == "replays its journal: 1 %"


def test_a_start_that_gets_no_further_ends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.make(home)
    # It is started again and again, and never gets beyond where it was: that is no progress.
    Follow(monkeypatch, replaying(5), *[replaying(done) for done in (1, 5) for _ in range(9)])
    with pytest.raises(PlatformError, match="did not become ready"):
        session.start()


def test_what_stood_still_is_named_with_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.make(home)
    stuck = "it has stood still for 120 s: replays its journal: 41 % of 12.3 MB (/home/local/aws/journal)"
    old = replaying(0, stuck="an earlier one", restarts=1)
    Follow(monkeypatch, old, replaying(41, restarts=1), replaying(0, stuck=stuck, fix="purge", restarts=2))
    with pytest.raises(PlatformError) as refused:
        session.start()
    assert "41 % of 12.3 MB (/home/local/aws/journal)" in str(refused.value)
    assert refused.value.fix == "purge"


def test_a_part_that_failed_makes_the_message(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.make(home)
    log = home / "local" / "logs" / "aws.log"
    log.parent.mkdir()
    log.write_text("first\nthe real reason\n")
    status = PartStatus(state="failed", message="ended with exit code 1; given up", log=str(log))
    Platform(pid=1, started=0, parts={"aws": status}).save(home / "local" / "platform.json")
    monkeypatch.setattr(homes, "supervised", lambda _: True)
    monkeypatch.setattr(session, "RETRY_SECONDS", 0.0)
    told: list[Any] = []
    with pytest.raises(PlatformError) as refused:
        session.start(lambda *change: told.append(change))
    text = str(refused.value)
    assert "aws is failed: ended with exit code 1" in text
    assert "the real reason" in text
    assert refused.value.where == str(log)
    assert told == [("aws", "failed", "ended with exit code 1; given up")]
