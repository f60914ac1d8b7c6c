"""Ports stay the same while they can, move when they are taken, and the holder is named."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import PlatformError
from infra.local import ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield listener.getsockname()[1]


def test_ports_are_distinct_free_and_the_same_next_time(tmp_path: Path) -> None:
    names = [f"part-{number}" for number in range(20)]
    chosen, moved = ports.assign(tmp_path / "ports.json", names)
    assert len(set(chosen.values())) == 20
    assert all(ports.FIRST <= port <= ports.LAST and ports.is_free(port) for port in chosen.values())
    assert moved == []
    assert ports.assign(tmp_path / "ports.json", names) == (chosen, [])


def test_a_new_part_leaves_the_others_where_they_are(tmp_path: Path) -> None:
    before, _ = ports.assign(tmp_path / "ports.json", ["a", "b"])
    after, _ = ports.assign(tmp_path / "ports.json", ["z", "b", "a"])
    assert {name: after[name] for name in before} == before


def test_a_port_that_is_just_being_released_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    chosen, _ = ports.assign(path, ["a"])
    with socket.socket() as dying:
        dying.bind(("127.0.0.1", chosen["a"]))
        dying.listen(1)
        threading.Timer(0.3, dying.close).start()
        assert ports.assign(path, ["a"]) == (chosen, [])


def test_a_taken_port_moves_and_says_who_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RELEASE_SECONDS", 0.0)
    path = tmp_path / "ports.json"
    chosen, _ = ports.assign(path, ["a", "b"])
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", chosen["a"]))
        thief.listen(1)
        after, moved = ports.assign(path, ["a", "b"])
    assert after["b"] == chosen["b"]
    assert after["a"] != chosen["a"]
    assert len(moved) == 1
    assert f"port {chosen['a']} of a is taken by" in moved[0]
    assert f"(pid {os.getpid()}); it moves to {after['a']}" in moved[0]


@pytest.mark.parametrize(
    "content", ["", "[]", "not json", '{"a": "x"}', '{"a": 80}', '{"a": null}', '{"a": 1e9}']
)
def test_a_damaged_memory_is_no_obstacle(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ports.json"
    path.write_text(content)
    chosen, _ = ports.assign(path, ["a"])
    assert ports.FIRST <= chosen["a"] <= ports.LAST
    assert json.loads(path.read_text()) == chosen


def test_a_port_that_two_parts_remember_goes_to_one(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    path.write_text('{"a": 20123, "b": 20123}')
    chosen, _ = ports.assign(path, ["a", "b"])
    assert len(set(chosen.values())) == 2


def test_the_holder_is_named(taken: int) -> None:
    assert not ports.is_free(taken)
    assert ports.holder(taken).endswith(f"(pid {os.getpid()})")


def test_no_free_port_is_an_error_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(PlatformError, match="No free port") as refused:
        ports.assign(tmp_path / "ports.json", ["a"])
    assert refused.value.fix
