"""What the recordings are made of keeps today's catalog, so that a refusal in one is what its case did."""

import sys
from pathlib import Path

import pytest

from infra.ops import planned
from policies.core import PolicySettings
from policies.judgement import judge

sys.path.insert(0, str(Path(__file__).parent / "estate"))

import groups
from cases import BASES, RECORDED


@pytest.mark.parametrize("name", sorted(BASES))
def test_each_group_keeps_every_control(name: str) -> None:
    resources = planned.recorded(lambda: groups.build(BASES[name]), "local")

    judged = judge(
        resources, PolicySettings(environment="local", accounts=(groups.ACCOUNT,), owns_account=True)
    )

    assert len(resources) > 10
    assert [f"{f.control} {f.name}: {f.message}" for f in judged.blocking] == []


def test_every_case_is_recorded_and_nothing_else() -> None:
    """A case that was added or renamed: .venv/bin/python tests/preview/record.py CASE."""
    recorded = {path.stem for path in (Path(__file__).parent / "recorded").glob("*.jsonl")}

    assert recorded == set(RECORDED)


def test_the_cases_cover_what_a_reviewer_meets() -> None:
    wanted = {
        "storage-new-bucket", "storage-shorter-log-retention", "storage-replace-bucket",
        "storage-delete-bucket",
        "storage-rename-bucket", "identity-secret-changed", "identity-wildcard", "compute-gpu-pool-grows",
        "storage-key-without-rotation", "storage-waived-key-without-rotation", "identity-unknown-policy",
        "storage-program-fails", "storage-nothing", "cluster-new-model",
    }  # fmt: skip

    assert wanted <= set(RECORDED)
    assert len(RECORDED) >= 40
