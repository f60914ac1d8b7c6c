"""The launcher's own care: what it must never empty."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.errors import Exit
from infra.local.paths import repo_root

pytestmark = pytest.mark.parts


def test_a_virtual_environment_that_is_a_link_is_refused_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    clone, other = tmp_path / "clone", tmp_path / "other"
    clone.mkdir()
    other.mkdir()
    (other / "kept").write_text("somebody's", encoding="ascii")
    (clone / ".venv").symlink_to(other)
    for name in ("plinth", "requirements.lock"):
        shutil.copy2(repo_root() / name, clone)

    done = subprocess.run(
        [sys.executable, str(clone / "plinth"), "--help"],
        env={"PLINTH_CACHE": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == Exit.PLATFORM
    assert f"is a link to {other}" in done.stderr
    assert "rm .venv" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in other.iterdir()] == ["kept"]
