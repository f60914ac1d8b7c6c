"""A new service works as it stands: scaffolded into a copy, it passes its own tests and the lint."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.lifecycle import scaffold
from services.readiness.errors import ServiceError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "name", ["", "A", "a_b", "1a", "-a", "a-", "a--b", "readiness", "class", "a" * 33, "../x", "a b"]
)
def test_what_cannot_be_a_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be the name"):
        scaffold.write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_exists_is_not_touched() -> None:
    with pytest.raises(ServiceError, match="There is a service 'credit-risk' already"):
        scaffold.write("credit-risk")


def test_no_placeholder_is_left_and_every_file_is_python_or_text(tmp_path: Path) -> None:
    for path in scaffold.write("spam-filter", tmp_path):
        text = path.read_text()
        assert not any(word in text for word in ("__NAME__", "__MODULE__", "__CLASS__"))
        if path.suffix == ".py":
            compile(text, str(path), "exec")
    service = (tmp_path / "services" / "spam_filter" / "service.py").read_text()
    assert "class SpamFilter:" in service
    assert len(service.splitlines()) <= 150


@pytest.mark.serving
def test_a_new_service_passes_its_own_tests_and_lint(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    # The copy's packages come before those of this clone.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PLINTH_HOME": str(tmp_path / "home")}

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("infra.ops", "new-service", "spam-filter")
    run("infra.ops", "contract", "check", "spam-filter")
    run("ruff", "check", "services", "tests/services/spam_filter")
    run("ruff", "format", "--check", "services", "tests/services/spam_filter")
    run("pytest", "-q", "-p", "no:cacheprovider", "tests/services/spam_filter")
    run("infra.ops", "train", "spam-filter")
