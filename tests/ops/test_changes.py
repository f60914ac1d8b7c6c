"""What a run of the engine found wrong is told at once and with the right exit code."""

import json
from typing import Any

import pytest

from infra.errors import Exit, PlinthError, RefusedError
from infra.ops import changes, events, verdicts
from infra.rehearsal import Rehearsal

URN = "urn:pulumi:local::plinth::aws:s3/bucket:Bucket::artifacts"


def violation(level: str) -> events.Violation:
    return events.Violation(policy="storage", level=level, urn=URN, message="not encrypted")


def test_a_mandatory_violation_refuses_and_names_resource_policy_and_message() -> None:
    run = events.Run(violations=[violation("mandatory"), violation("advisory")], exit_code=1)

    with pytest.raises(RefusedError) as caught:
        verdicts.judge(run, "local")

    assert "1 violation(s) of mandatory policies in stack 'local'" in str(caught.value)
    assert "artifacts: storage: not encrypted" in str(caught.value)
    assert caught.value.code == Exit.REFUSED


def test_violations_that_the_engine_did_not_come_to_are_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    known = "artifacts: Buckets encrypt. [storage-bucket-uses-kms, high]\n  fix: a"
    other = "key: Keys rotate. [key-rotates, medium]\n  fix: b"

    found = Rehearsal(asked=frozenset(), violations=(known, other))
    monkeypatch.setattr(verdicts.rehearsal, "rehearse", lambda _: found)
    told = events.Violation(policy="storage", level="mandatory", urn=URN, message=f"a title\n{known}")
    settings: Any = object()

    with pytest.raises(RefusedError) as caught:
        verdicts.judge(events.Run(violations=[told], exit_code=1), "local", settings)

    assert "1 more in the whole program:\n  - key: Keys rotate. [key-rotates" in str(caught.value)
    assert str(caught.value).count("storage-bucket-uses-kms") == 1


def test_advice_does_not_stop_a_run() -> None:
    verdicts.judge(events.Run(violations=[violation("advisory")], exit_code=0), "local")


def test_a_failed_run_lists_every_error() -> None:
    with pytest.raises(PlinthError) as caught:
        verdicts.judge(events.Run(errors=["a: one", "b: two"], exit_code=255), "local")

    assert "a: one" in str(caught.value)
    assert "b: two" in str(caught.value)
    assert caught.value.code == Exit.FAILED


def test_a_report_leaves_unchanged_resources_out() -> None:
    steps = [events.Step(operation=op, urn=URN, type="t") for op in ("same", "create")]

    report = changes.report(events.Run(steps=steps))

    assert report["changes"] == {"create": 1}
    assert [step["operation"] for step in report["steps"]] == ["create"]


def test_a_step_that_loses_data_needs_a_person_where_data_must_last() -> None:
    old: dict[str, Any] = {
        "resourcePreEvent": {"metadata": {"op": "delete", "urn": URN, "type": "aws:s3/bucket:Bucket"}}
    }
    old["resourcePreEvent"]["metadata"]["old"] = {"inputs": {"bucket": "a"}}
    run = events.read([json.dumps(old)])

    assert run.steps[0].old == {"bucket": "a"}
    verdicts.require_lossless(run, "local")
    with pytest.raises(RefusedError, match="artifacts: A change removes nothing that holds data") as caught:
        verdicts.require_lossless(run, "prod")
    assert "[change-keeps-stores]" in str(caught.value)
    assert "--accept-as" in str(caught.value)
