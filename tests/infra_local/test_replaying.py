"""How far a replay is: told beside the journal, not believed when it is old, gone at the end."""

import os
from pathlib import Path

import pytest

from infra.local.aws_api import replaying
from infra.local.aws_api.replaying import Replayed, Teller, read

FOUND = Replayed(records=7100, done=5_043_000, total=12_300_000)


def test_what_is_told_is_read_back(tmp_path: Path) -> None:
    Teller(tmp_path / "journal").tell(FOUND)
    assert read(tmp_path / "journal", 0) == FOUND
    assert str(FOUND) == "replays its journal: 41 % of 12.3 MB, 7,100 records so far"


def test_what_an_earlier_process_left_is_not_believed(tmp_path: Path) -> None:
    Teller(tmp_path / "journal").tell(FOUND)
    os.utime(replaying.beside(tmp_path / "journal"), (100, 100))
    assert read(tmp_path / "journal", 101) is None


def test_it_is_told_at_most_once_in_a_while_and_removed_at_the_end(tmp_path: Path) -> None:
    teller = Teller(tmp_path / "journal")
    teller.tell(FOUND)
    teller.tell(Replayed(records=7101, done=5_044_000, total=12_300_000))
    assert read(tmp_path / "journal", 0) == FOUND
    teller.end()
    assert read(tmp_path / "journal", 0) is None
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_does_not_end_a_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    Teller(tmp_path / "journal").tell(FOUND)
    assert read(tmp_path / "journal", 0) is None


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"records": 1}'])
def test_a_damaged_file_says_nothing(tmp_path: Path, damage: str) -> None:
    replaying.beside(tmp_path / "journal").write_text(damage)
    assert read(tmp_path / "journal", 0) is None
