"""Stacks of AWS are previewed by the real engine: the resources of their golden graphs, nothing that blocks.

Staging is left out: it has production's resources but one, and each preview takes a platform of its own.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from clones import Clone

from infra.errors import Exit
from infra.local.paths import repo_root

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def apart() -> Iterator[Clone]:
    """Return this working tree with a home in which only copies of other stacks live."""
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder:
        clone = Clone(repo_root(), Path(folder) / "home")
        try:
            yield clone
        finally:
            clone.plinth("down", "--purge").ended(Exit.OK)


@pytest.mark.parametrize("stack", ["dev", "prod", "prod-dr"])
def test_a_stack_of_aws_is_previewed_whole(apart: Clone, stack: str) -> None:
    told = apart.plinth("preview", "--stack", stack, "--emulate", "--json").ended(Exit.OK).json
    golden = json.loads((repo_root() / "tests" / "golden" / f"{stack}.json").read_text(encoding="utf-8"))
    made = {f"{step['type']} {step['name']}" for step in told["steps"]}

    assert set(told["changes"]) == {"create"}
    assert set(golden) <= made
    assert [row for row in told["violations"] if row["level"] == "mandatory"] == []
