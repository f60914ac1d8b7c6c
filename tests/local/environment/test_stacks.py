"""Stacks of AWS, previewed by the real engine: the resources of their golden graphs, nothing that blocks."""

import json

import pytest
from clones import Clone

from infra.errors import Exit
from infra.local.paths import repo_root

pytestmark = pytest.mark.local


@pytest.mark.parametrize("stack", ["dev", "staging", "prod", "prod-dr"])
def test_a_stack_of_aws_is_previewed_whole(apart: Clone, stack: str) -> None:
    told = apart.plinth("preview", "--stack", stack, "--emulate", "--json").ended(Exit.OK).json
    golden = json.loads((repo_root() / "tests" / "golden" / f"{stack}.json").read_text(encoding="utf-8"))
    made = {f"{step['type']} {step['name']}" for step in told["steps"]}

    assert set(told["changes"]) == {"create"}
    assert set(golden) <= made
    assert [row for row in told["violations"] if row["level"] == "mandatory"] == []
