"""The steps of the workflows as a runner runs them: the same lines, shell and variables."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.local.paths import repo_root

WORKFLOWS = repo_root() / ".github" / "workflows"


def read(workflow: str) -> Any:
    """Return a workflow."""
    return yaml.safe_load((WORKFLOWS / f"{workflow}.yaml").read_text(encoding="utf-8"))


def script(workflow: str, job: str, containing: str) -> str:
    """Return the one step of a job whose lines contain a text."""
    steps = [step for step in read(workflow)["jobs"][job]["steps"] if containing in step.get("run", "")]
    assert len(steps) == 1, f"{len(steps)} steps of {workflow}.{job} contain {containing!r}"
    return str(steps[0]["run"])


def gitlab(job: str) -> str:
    """Return the lines of a job of GitLab's pipeline."""
    document = yaml.safe_load((repo_root() / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    return "\n".join(document[job]["script"])


def run(
    lines: str, environ: Mapping[str, str], *, root: Path | None = None, pipefail: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run lines as a runner does: GitHub's default is ``bash -e``, GitLab's has ``pipefail`` as well."""
    options = ["-eo", "pipefail"] if pipefail else ["-e"]
    return subprocess.run(
        ["bash", *options, "-c", lines],
        cwd=root or repo_root(),
        env={**os.environ, "NO_COLOR": "1", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
