"""The journal: what was written is read back, what is torn is cut, nothing else is lost."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import PlatformError
from infra.local.aws_api.journal import Journal, Record, count


def record(body: bytes = b"body", path: str = "/") -> Record:
    return Record(
        method="PUT",
        host="https://s3.amazonaws.com",
        path=path,
        headers={"x-amz-meta-a": "ü"},
        body=body,
        at=1.5,
        keys=("pem",),
        status=200,
        digest=7,
    )


def filled(path: Path, count: int) -> int:
    journal = Journal(path, "moto x")
    assert list(journal.replay()) == []
    for number in range(count):
        journal.append(record(path=f"/{number}"))
    journal.close()
    return path.stat().st_size


def reopened(path: Path) -> tuple[Journal, list[str]]:
    journal = Journal(path, "moto x")
    return journal, [found.path for found in journal.replay()]


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "moto x")
    list(journal.replay())
    written = [record(b""), record(b"\x00" * 70_000), record(b"x", "/ü?a=b")]
    for one in written:
        journal.append(one)
    first_id = journal.id
    journal.close()
    again = Journal(tmp_path / "j", "moto y")
    assert list(again.replay()) == written
    assert (again.id, again.engine, again.cut_bytes) == (first_id, "moto x", 0)
    assert again.size == (tmp_path / "j").stat().st_size


def test_records_are_counted_without_taking_the_journal(tmp_path: Path) -> None:
    assert count(tmp_path / "none") == 0
    filled(tmp_path / "j", 7)
    held = Journal(tmp_path / "j", "moto x")
    assert count(tmp_path / "j") == 7
    held.close()


def test_the_journal_is_private(tmp_path: Path) -> None:
    filled(tmp_path / "j", 1)
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


@settings(max_examples=60, deadline=None)
@given(where=st.floats(min_value=0, max_value=1))
def test_a_file_cut_anywhere_keeps_every_whole_record(
    tmp_path_factory: pytest.TempPathFactory, where: float
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    ends = [filled(path, 0)]
    journal = Journal(path, "moto x")
    list(journal.replay())
    for number in range(3):
        journal.append(record(path=f"/{number}"))
        ends.append(journal.size)
    journal.close()
    cut = ends[0] + round(where * (ends[-1] - ends[0]))
    os.truncate(path, cut)
    again, paths = reopened(path)
    whole = sum(end <= cut for end in ends) - 1
    assert paths == [f"/{number}" for number in range(whole)]
    assert again.cut_bytes == cut - ends[whole]
    again.append(record(path="/new"))
    again.close()
    assert reopened(path)[1] == [*paths, "/new"]


def test_what_was_cut_is_kept_beside_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "j"
    size = filled(path, 2)
    with path.open("ab") as file:
        file.write(b"PLJ1 torn")
    journal, paths = reopened(path)
    assert paths == ["/0", "/1"]
    assert journal.cut_bytes == 9
    assert path.stat().st_size == size
    (aside,) = tmp_path.glob("j.cut-*")
    assert aside.read_bytes() == b"PLJ1 torn"


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "j"
    size = filled(path, 2)
    data = bytearray(path.read_bytes())
    data[size - 3] ^= 0x40
    path.write_bytes(data)
    journal, paths = reopened(path)
    assert paths == ["/0"]
    assert journal.cut_bytes > 0


def test_a_file_that_is_no_journal_is_put_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"something of the user's")
    journal, paths = reopened(path)
    assert paths == []
    journal.close()
    (aside,) = tmp_path.glob("j.cut-*")
    assert aside.read_bytes() == b"something of the user's"


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "moto x")
    with pytest.raises(PlatformError, match="Another process holds the journal"):
        Journal(tmp_path / "j", "moto x")
    journal.close()


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "j"
    size = filled(path, 1)
    journal, _ = reopened(path)
    real = os.pwrite
    calls = []

    def full(fd: int, data: memoryview, offset: int) -> int:
        calls.append(offset)
        if len(calls) == 1:
            return real(fd, data[:10], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        journal.append(record())
    monkeypatch.undo()
    assert path.stat().st_size == size
    journal.append(record(path="/after"))
    journal.close()
    assert reopened(path)[1] == ["/0", "/after"]
