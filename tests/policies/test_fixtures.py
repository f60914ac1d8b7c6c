"""Every control passes what it should and refuses what it should, by itself and by no other."""

from typing import Any

import pytest
from fixture_stacks import fixtures, load, resources, stack_names, with_stack
from impossible import NEVER_ABSENT, NEVER_UNKNOWN

from policies.catalog import catalog
from policies.core import Finding, PolicySettings, Verdict
from policies.families import FAMILIES
from policies.judge import evaluate

FIXTURES = fixtures()
TODAY = "2026-06-01"  # a day on which the dates of the clean stacks are right


def _cases(kind: str) -> list[Any]:
    return [
        pytest.param(control, table, case, id=f"{control}: {case['name']}")
        for control, table in FIXTURES.items()
        for case in table[kind]
    ]


def _judge(table: dict[str, Any], case: dict[str, Any]) -> list[Finding]:
    settings = PolicySettings.parse({"today": TODAY, **case.get("settings", {})})
    return evaluate(resources(with_stack(case, table)), settings)


def test_the_clean_stacks_pass_every_control_with_nothing_undecided():
    findings = [
        finding
        for name in stack_names()
        for finding in evaluate(resources(load(name)), PolicySettings(today=TODAY))
    ]

    assert [finding for finding in findings if finding.verdict.blocks] == []
    assert {finding.control for finding in findings if finding.verdict is Verdict.PASSED} == {
        control.id for control in catalog().controls
    }


@pytest.mark.parametrize(("control", "table", "case"), _cases("clean"))
def test_clean(control, table, case):
    findings = _judge(table, case)

    assert [f"{finding.control}: {finding.message}" for finding in findings if finding.verdict.blocks] == []
    assert any(finding.control == control for finding in findings)


@pytest.mark.parametrize(("control", "table", "case"), _cases("violating"))
def test_violating(control, table, case):
    blocking = [finding for finding in _judge(table, case) if finding.verdict.blocks]
    expected = Verdict[case.get("verdict", "failed").upper()]

    assert {finding.control for finding in blocking} == {control, *case.get("also", ())}
    assert max(finding.verdict for finding in blocking if finding.control == control) is expected
    assert not any(finding.internal for finding in blocking)


def test_every_control_of_the_catalog_has_checks_and_every_check_a_control():
    checked = {check.control for family in FAMILIES for check in (*family.checks, *family.relations)}

    assert checked == {control.id for control in catalog().controls}


def test_every_control_names_the_family_that_checks_it():
    for family in FAMILIES:
        for check in (*family.checks, *family.relations):
            assert catalog()[check.control].family == family.name


@pytest.mark.parametrize("control", [control.id for control in catalog().controls])
def test_every_control_has_enough_fixtures(control):
    table = FIXTURES[control]
    kinds = {case.get("kind", "value") for case in table["violating"]}

    assert len(table["clean"]) >= 2
    assert len(table["violating"]) >= 3
    assert "unknown" in kinds or control in NEVER_UNKNOWN
    assert "absent" in kinds or control in NEVER_ABSENT


def test_no_fixture_is_of_a_control_that_does_not_exist():
    assert set(FIXTURES) == {control.id for control in catalog().controls}
