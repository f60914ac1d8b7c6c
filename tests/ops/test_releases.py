"""What is packed again, and what is not."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.ops import releases

MADE = {"model_digest": "sha256:" + "1" * 64}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a clone with one service that was packed once."""
    for name, text in {
        "requirements.lock": "numpy==1",
        "services/one/packaging.py": "1",
        "out/bento/model": "m",
        "out/package.json": json.dumps(MADE),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(releases, "repo_root", lambda: tmp_path)
    monkeypatch.setenv("PLINTH_CACHE", str(tmp_path / "cache"))

    def packed(*_: Any, **__: Any) -> Any:
        return subprocess.CompletedProcess([], 0, stdout=json.dumps(MADE), stderr="")

    monkeypatch.setattr(releases.subprocess, "run", packed)
    releases._package("one", "one", tmp_path / "out", releases._sources())
    return tmp_path


def test_what_did_not_change_is_not_packed_again(tree: Path) -> None:
    (tree / "services" / "one" / "__pycache__").mkdir()
    (tree / "services" / "one" / "__pycache__" / "packaging.pyc").write_text("compiled")
    assert releases._packed(tree / "out", releases._sources()) == MADE


@pytest.mark.parametrize(
    "changed",
    ["requirements.lock", "services/one/packaging.py", "services/shared.py", "out/bento/model"],
)
def test_any_change_of_code_libraries_or_result_is_packed_again(tree: Path, changed: str) -> None:
    (tree / changed).write_text("changed")
    assert releases._packed(tree / "out", releases._sources()) is None


@pytest.mark.parametrize("lost", ["out/package.json", f"out/{releases.RECORD}", "out/bento/model"])
def test_what_is_incomplete_is_packed_again(tree: Path, lost: str) -> None:
    (tree / lost).unlink()
    assert releases._packed(tree / "out", releases._sources()) is None


def test_a_record_that_cannot_be_read_counts_as_none(tree: Path) -> None:
    (tree / "out" / releases.RECORD).write_text("{")
    assert releases._packed(tree / "out", releases._sources()) is None


def test_another_clone_takes_over_what_was_packed_from_the_same(tree: Path) -> None:
    other = tree / "home" / "one"
    taken = releases._taken_over("one", other, releases._sources())

    assert taken is not None
    assert taken["model_digest"] == MADE["model_digest"]
    assert taken["bento"] == str(other / "bento"), "its own copy"
    assert (other / "bento" / "model").read_text() == "m"
    assert releases._packed(other, releases._sources()) == taken


@pytest.mark.parametrize("changed", ["requirements.lock", "services/one/packaging.py"])
def test_what_was_packed_from_something_else_is_not_taken_over(tree: Path, changed: str) -> None:
    (tree / changed).write_text("changed")
    assert releases._taken_over("one", tree / "other", releases._sources()) is None


@pytest.mark.parametrize("damaged", ["bento/model", releases.RECORD, "package.json"])
def test_what_was_damaged_in_the_cache_is_packed_anew_and_mended(tree: Path, damaged: str) -> None:
    kept = releases._shared("one", releases._sources())
    (kept / damaged).write_text("{")
    assert releases._taken_over("one", tree / "other", releases._sources()) is None

    releases._package("one", "one", tree / "out", releases._sources())
    assert releases._taken_over("one", tree / "other", releases._sources()) is not None


def test_the_cache_keeps_the_latest_and_does_not_grow(tree: Path) -> None:
    for number in range(releases.MOST_SHARED + 3):
        (tree / "requirements.lock").write_text(f"numpy=={number}")
        releases._package("one", "one", tree / "out", releases._sources())

    kept = releases._shared("one", releases._sources())
    assert kept.is_dir()
    assert len(list(kept.parent.iterdir())) == releases.MOST_SHARED


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(tree: Path) -> None:
    (tree / "cache" / "packed").rename(tree / "cache" / "away")
    (tree / "cache" / "packed").write_text("a file")

    assert releases._package("one", "one", tree / "out", releases._sources()) == MADE
    assert releases._taken_over("one", tree / "other", releases._sources()) is None
