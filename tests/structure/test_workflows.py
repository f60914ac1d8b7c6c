"""Workflows ask for the least, and what a pull request's code runs in holds nothing worth taking."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from infra.local.paths import repo_root
from infra.ops.cli import app

WORKFLOWS = sorted((repo_root() / ".github" / "workflows").glob("*.yaml"))


def read(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def triggers(document: dict[Any, Any]) -> set[str]:
    found = document[True]  # YAML 1.1 reads the key `on` as true
    return {found} if isinstance(found, str) else set(found)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_is_granted_to_a_whole_workflow(path: Path) -> None:
    document = read(path)

    assert document["permissions"] == {}
    assert all("permissions" in job and "timeout-minutes" in job for job in document["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_digest(path: Path) -> None:
    uses = re.findall(r"(?<![a-z])uses:\s*(\S+)(.*)", path.read_text(encoding="utf-8"))

    assert all(re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action) for action, _ in uses)
    assert all(re.match(r"\s+# v\d", note) for _, note in uses)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_runs_a_change_can_write_nothing_and_reads_no_secret(path: Path) -> None:
    document = read(path)
    if "pull_request" not in triggers(document):
        return
    for job in document["jobs"].values():
        assert set(job["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}
    assert "{{ secrets" not in path.read_text(encoding="utf-8")
    assert "github.token" not in path.read_text(encoding="utf-8")


def test_no_workflow_runs_a_change_with_the_rights_of_the_repository() -> None:
    for path in WORKFLOWS:
        document = read(path)
        assert "pull_request_target" not in triggers(document)
        if "workflow_run" in triggers(document):
            for step in (step for job in document["jobs"].values() for step in job["steps"]):
                assert "ref" not in step.get("with", {}), f"{path.name} must check out the default branch"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_value_of_a_change_reaches_a_shell_as_text(path: Path) -> None:
    runs = [
        step["run"] for job in read(path)["jobs"].values() for step in job.get("steps", []) if "run" in step
    ]

    assert [run for run in runs if "${{" in run] == []


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, repo_root() / ".gitlab-ci.yml"], ids=lambda path: path.stem or path.name
)
def test_the_commands_of_the_steps_exist_with_their_options(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    calls = re.findall(r"\./plinth ([^\n|)&]+)", text)
    root = typer.main.get_command(app)
    for call in calls:
        words = shlex.split(call.replace('"$@"', "").split(" #")[0])
        command: Any = root
        while words and hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, call


def test_the_preview_drops_the_role_before_the_code_of_the_change_runs() -> None:
    steps = read(repo_root() / ".github" / "workflows" / "preview.yaml")["jobs"]["preview"]["steps"]
    (step,) = [step for step in steps if "./plinth preview" in step.get("run", "")]

    assert all(
        step["env"][f"AWS_{name}"] == "" for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    )
