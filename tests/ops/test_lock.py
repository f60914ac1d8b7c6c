"""Two changes at once: the second one is told who holds the environment."""

from pathlib import Path

import pytest

from infra.errors import BusyError, Exit, PlatformError
from infra.ops import lock


def test_the_second_run_is_refused_and_told_which_one_holds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path))

    with lock.exclusive("up"), pytest.raises(BusyError) as caught, lock.exclusive("down"):
        pass

    assert "./plinth up" in str(caught.value)
    assert caught.value.code == Exit.BUSY


def test_the_lock_ends_with_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path))

    with lock.exclusive("up"):
        pass
    with lock.exclusive("down"):
        pass


def test_a_home_that_is_no_folder_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "file"))

    with pytest.raises(PlatformError, match="PLINTH_HOME"), lock.exclusive("up"):
        pass
