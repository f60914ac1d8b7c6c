"""The command line answers bad input with one message and its exit code, never with a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from infra.errors import Exit
from infra.local.paths import repo_root
from infra.ops import logs, testing
from infra.ops.cli import app

pytestmark = pytest.mark.parts


def plinth(*arguments: str, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infra.ops", *arguments],
        cwd=repo_root(),
        env={**os.environ, "PLINTH_HOME": str(home), "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("upp",), Exit.USAGE, "Did you mean 'up'"),
        (("up", "--nonsense"), Exit.USAGE, "--nonsense"),
        (("logs",), Exit.USAGE, "part"),
        (("up", "--stack", "moon"), Exit.SETTINGS, "There is no stack 'moon'."),
        (("preview", "--stack", "../../etc/passwd"), Exit.SETTINGS, "There is no stack"),
        (("logs", "moon"), Exit.FAILED, "There is no log of 'moon'."),
        (("env",), Exit.PLATFORM, "The local platform is not up"),
        (("predict",), Exit.FAILED, "./plinth up"),
        (("test", "moon"), Exit.USAGE, "There is no tier 'moon'."),
        (("toolchain", "build", "--report", "moon"), Exit.USAGE, "There is no report 'moon'."),
        (("status",), Exit.FAILED, "the local platform is down"),
    ],
)
def test_bad_input_is_told_in_one_message(
    tmp_path: Path, arguments: tuple[str, ...], code: Exit, told: str
) -> None:
    done = plinth(*arguments, home=tmp_path)

    assert told in done.stdout + done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stdout + done.stderr


def test_status_of_nothing_is_data_too(tmp_path: Path) -> None:
    done = plinth("status", "--json", home=tmp_path)

    assert '"platform": "down"' in done.stdout
    assert done.returncode == Exit.FAILED


def test_down_of_nothing_is_fine_and_leaves_nothing(tmp_path: Path) -> None:
    done = plinth("down", "--purge", home=tmp_path / "home")

    assert done.returncode == Exit.OK
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", sorted(typer.main.get_command(app).commands))
def test_every_command_teaches(tmp_path: Path, name: str) -> None:
    done = plinth(name, "--help", home=tmp_path)

    assert done.returncode == Exit.OK
    assert "Usage: ./plinth" in done.stdout
    assert not (tmp_path / "local").exists()


def test_a_pod_log_is_found_by_its_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path))
    pods = tmp_path / "local" / "logs" / "pods"
    pods.mkdir(parents=True)
    (pods / "serving_credit-risk-7c7dc8f86b-x6hx9_serve.log").write_text(
        "one\ntwo\nthree\n", encoding="utf-8"
    )

    found = logs.find("credit-risk")

    assert logs.tail(found[-1], 2) == ["two", "three"]


def test_every_tier_says_what_it_proves() -> None:
    assert all(tier.proves and tier.commands for tier in testing.TIERS.values())
    assert set(testing.ALL) == set(testing.TIERS) - {"faults"}
