"""A damaged state file is found and replaced by its newest good backup; nothing is thrown away."""

import json
import os
import socket
from pathlib import Path

import pytest

from infra.errors import StateError
from infra.ops import state
from infra.ops.events import Step

GOOD = {"version": 3, "checkpoint": {"stack": "s", "latest": {"resources": [{"urn": "a"}]}}}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path))
    state.state_file("local").parent.mkdir(parents=True)
    return tmp_path


def test_a_good_state_is_left_alone() -> None:
    state.state_file("local").write_text(json.dumps(GOOD), encoding="utf-8")

    assert state.repair("local") is None
    assert state.resource_count("local") == 1


def test_no_state_yet_is_nothing_to_repair() -> None:
    assert state.repair("local") is None
    assert state.resource_count("local") == 0


@pytest.mark.parametrize("damage", ["", "{", '{"checkpoint"', "[]", '{"version": 3}', "\0" * 20])
def test_a_damaged_state_is_restored_and_kept(damage: str) -> None:
    path = state.state_file("local")
    path.write_text(damage, encoding="utf-8")
    path.with_name("local.json.bak").write_text(json.dumps(GOOD), encoding="utf-8")

    used = state.repair("local")

    assert used == path.with_name("local.json.bak")
    assert state.resource_count("local") == 1
    assert [p.read_text(encoding="utf-8") for p in path.parent.glob("*.damaged-*")] == [damage]


def test_what_an_earlier_version_left_beside_the_state_goes_and_the_state_stays() -> None:
    path = state.state_file("local")
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    beside = path.with_name("local.json.attrs")
    beside.write_bytes(b"")

    assert state.repair("local") is None
    assert not beside.exists()
    assert state.resource_count("local") == 1


def test_the_newest_good_backup_wins_over_a_newer_damaged_one() -> None:
    path = state.state_file("local")
    path.write_text("{", encoding="utf-8")
    damaged_backup = path.with_name("local.json.bak")
    damaged_backup.write_text("{", encoding="utf-8")
    older = state.backend_dir() / ".pulumi" / "backups" / "plinth" / "local" / "local.1.json"
    older.parent.mkdir(parents=True)
    older.write_text(json.dumps(GOOD), encoding="utf-8")
    os.utime(older, (1, 1))

    assert state.repair("local") == older


def test_without_a_good_backup_the_damage_is_told() -> None:
    state.state_file("local").write_text("{", encoding="utf-8")

    with pytest.raises(StateError, match="no good backup"):
        state.repair("local")


def test_the_digest_follows_resources_and_not_time() -> None:
    path = state.state_file("local")
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    before = state.digest("local")

    stamped = json.loads(json.dumps(GOOD))
    stamped["checkpoint"]["latest"]["manifest"] = {"time": "later"}
    path.write_text(json.dumps(stamped), encoding="utf-8")
    assert state.digest("local") == before

    stamped["checkpoint"]["latest"]["resources"] = []
    path.write_text(json.dumps(stamped), encoding="utf-8")
    assert state.digest("local") != before


def test_a_resource_that_was_made_by_half_is_asked_about_before_the_next_change() -> None:
    half = json.loads(json.dumps(GOOD))
    rows = half["checkpoint"]["latest"]["resources"]
    rows.append({"urn": "log", "type": "t", "initErrors": ["setting the retention: ThrottlingException"]})
    rows.append({"urn": "whole", "type": "t"})
    state.state_file("local").write_text(json.dumps(half), encoding="utf-8")

    assert state.cut_off("local") == ["log"]
    assert state.begun("local") == []


def test_the_resources_whose_change_was_cut_off_are_named() -> None:
    assert state.cut_off("local") == []
    cut = json.loads(json.dumps(GOOD))
    steps = [
        {"type": kind, "resource": {"urn": urn, "type": "t", "provider": "p::id", "inputs": {"a": 1}}}
        for kind, urn in (("updating", "b"), ("creating", "a"))
    ]
    cut["checkpoint"]["latest"]["pending_operations"] = steps
    state.state_file("local").write_text(json.dumps(cut), encoding="utf-8")

    assert state.cut_off("local") == ["a", "b"]
    assert state.begun("local") == [
        Step(operation="create", urn="a", type="t", provider="p", inputs={"a": 1})
    ]


def test_only_locks_of_dead_engines_on_this_machine_are_removed() -> None:
    folder = state.backend_dir() / ".pulumi" / "locks" / "organization" / "plinth" / "local"
    folder.mkdir(parents=True)
    dead, alive, elsewhere = folder / "dead.json", folder / "alive.json", folder / "elsewhere.json"
    dead.write_text(json.dumps({"pid": 2**22 + 1, "hostname": socket.gethostname()}), encoding="utf-8")
    alive.write_text(json.dumps({"pid": os.getpid(), "hostname": socket.gethostname()}), encoding="utf-8")
    elsewhere.write_text(json.dumps({"pid": 2**22 + 1, "hostname": "another-machine"}), encoding="utf-8")

    assert state.clear_stale_locks("local") == 1
    assert sorted(p.name for p in folder.iterdir()) == ["alive.json", "elsewhere.json"]


def test_a_new_stack_is_an_empty_checkpoint_and_an_old_one_is_left_alone() -> None:
    state.ensure_stack("local")

    assert state.is_whole(state.state_file("local"))
    assert state.resource_count("local") == 0

    state.state_file("local").write_text(json.dumps(GOOD), encoding="utf-8")
    state.ensure_stack("local")
    assert state.resource_count("local") == 1
