"""A preview that does not come about says so once, and leaves a report that no check takes for a good one."""

import json
from pathlib import Path
from typing import Any

import pytest
from forge_stand_in import COMMIT, standing_in
from typer.testing import CliRunner

from infra.errors import BusyError, Exit, PlinthError, RefusedError, StateError
from infra.local import toolchain
from infra.ops import lock, reports
from infra.ops.cli import app
from infra.preview import data
from infra.preview.report import Report

GOOD = Path(__file__).parents[1] / "preview" / "expected" / "storage-tags-only.json"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the good report of another day."""
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    made = tmp_path / "report"
    made.mkdir()
    (made / "report.json").write_bytes(GOOD.read_bytes())
    return made


def preview(folder: Path, *words: str) -> Any:
    return CliRunner(env={"NO_COLOR": "1"}).invoke(app, ["preview", "--report", str(folder), *words])


def report(folder: Path) -> Report:
    return data.read((folder / "report.json").read_text(encoding="utf-8"))


def refused(folder: Path, done: Any, kind: type[PlinthError], said: str) -> None:
    assert isinstance(done.exception, kind), done.output
    assert said in done.exception.what
    made = report(folder)
    assert made.errors == (done.exception.what,)
    assert made.refusals
    assert made.entries == ()
    assert "Nothing to change" not in (folder / "report.md").read_text(encoding="utf-8")


def test_an_unknown_stack(folder: Path) -> None:
    refused(folder, preview(folder, "--stack", "nowhere"), PlinthError, "There is no stack 'nowhere'")


def test_a_base_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    done = preview(folder, "--stack", "dev", "--emulate", "--base", str(tmp_path / "none.json"))

    refused(folder, done, StateError, "There is no base to compare with")


def test_the_base_of_another_stack(folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    base.write_text('{"checkpoint": {"stack": "organization/plinth/prod"}}', encoding="utf-8")

    done = preview(folder, "--stack", "dev", "--emulate", "--base", str(base))

    refused(folder, done, StateError, "The base is of stack 'prod', not 'dev'")


def test_a_stack_that_another_run_holds(folder: Path) -> None:
    with lock.exclusive("up --stack local"):
        done = preview(folder)

    refused(folder, done, BusyError, "up --stack local")


def test_an_engine_that_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ensure(**_: Any) -> None:
        raise PlinthError("The engine cannot be had.", fix="./plinth toolchain build", code=Exit.PLATFORM)

    monkeypatch.setattr(toolchain, "ensure", ensure)

    refused(folder, preview(folder), PlinthError, "The engine cannot be had")


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_the_check_of_a_preview_that_did_not_come_about_fails_with_its_reason(
    folder: Path, kind: str
) -> None:
    reports.write(reports.failed("local", StateError("The state is locked.", fix="Wait.")), folder)
    with standing_in() as (api, seen):
        options = ["--stack", "local", "--commit", COMMIT, "--repository", "o/r", "--api", api, "--pull", "7"]
        done = CliRunner(env={"PLINTH_FORGE_TOKEN": "made-up"}).invoke(
            app, ["ci", "comment", "--report", str(folder / "report.json"), "--forge", kind, *options]
        )

    assert done.exit_code == Exit.REFUSED
    assert "The state is locked." in seen.comments[0]["body"]
    assert seen.statuses[0]["state"] in ("failure", "failed")


def test_what_a_gate_says_afterwards_stands_in_every_form(tmp_path: Path) -> None:
    error = RefusedError("The change gate stops 1 step(s).", where="policies", fix="Take it on.")
    made = reports.stopped(data.read(GOOD.read_text(encoding="utf-8")), error)
    reports.write(made, tmp_path)

    for name in ("report.txt", "report.md", "report.html", "report.json"):
        assert "The change gate stops 1 step(s)." in (tmp_path / name).read_text(encoding="utf-8"), name
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["accepted"] is True
    assert data.read((tmp_path / "report.json").read_text(encoding="utf-8")).notes == made.notes


def test_no_secret_in_why_a_preview_failed() -> None:
    made = reports.failed("local", StateError("cannot open postgres://risk:hunter2@db/risk", fix="x"))

    assert "hunter2" not in made.errors[0]
