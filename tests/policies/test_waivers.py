"""Waivers are narrow, owned and short, and are judged themselves."""

import contextlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from fixture_stacks import edited, fixtures, load, resources
from pulumi_policy import ResourceValidationPolicy, StackValidationArgs, StackValidationPolicy
from pulumi_policy.policy import _NotApplicableError
from test_pack_policies import _args as args_of

from policies.core import PolicyError, PolicySettings, Verdict
from policies.judgement import judge
from policies.procedure import WAIVER
from policies.pulumi_pack import policies
from policies.waivers import DEFAULT_FILE, Waiver, apply
from policies.waivers import load as load_waivers

TODAY = date(2026, 11, 21)
LATER = datetime.now(UTC).date() + timedelta(days=30)
GOOD = {
    "control": "key-rotates",
    "type": "aws:kms/key:Key",
    "name": "artifacts-key",
    "environments": ["prod"],
    "reason": "The partner's archive cannot follow a rotated key before their release in January.",
    "owner": "ml-platform",
    "approved_by": "security",
    "not_before": date(2026, 11, 1),
    "expires": date(2027, 1, 1),
}


def _violated():
    case = next(c for c in fixtures()["key-rotates"]["violating"] if c["name"] == "off")
    return resources(edited(load(), case))


def _judged(*, today=TODAY, whole=True, environment="prod", **changes):
    waiver = Waiver.model_validate(GOOD | changes)
    return judge(_violated(), PolicySettings(environment=environment), [waiver], today=today, whole=whole)


def test_a_waived_finding_is_let_be_and_still_shown():
    judgement = _judged()

    assert judgement.answer == "passed"
    assert [finding.control for finding in judgement.waived] == ["key-rotates"]
    assert "waived until 2027-01-01 by security, owner ml-platform: The partner's" in judgement.as_text()
    assert judgement.as_json()["waivers"][0]["expires"] == "2027-01-01"
    assert [row["verdict"] for row in judgement.as_json()["findings"]] == ["waived"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"expires": TODAY}, "expired on 2026-11-21"),
        ({"not_before": date(2026, 11, 22)}, "does not hold before 2026-11-22"),
        ({"name": "another-key"}, "matches nothing that would block"),
        ({"type": "aws:s3/bucket:Bucket"}, "matches nothing that would block"),
        ({"control": "storage-audit-bucket-is-immutable"}, "cannot be waived"),
    ],
)
def test_a_waiver_that_does_not_hold_is_a_violation_itself(changes, says):
    judgement = _judged(**changes)

    assert {finding.control for finding in judgement.blocking} == {"key-rotates", WAIVER}
    assert says in judgement.as_text()


def test_a_waiver_that_matches_too_much_is_a_violation():
    stack = _violated()
    twin = edited(load(), {"set": {"artifacts-key": {"enableKeyRotation": False}}})
    twin = [entry | {"name": "artifacts-key-two"} for entry in twin if entry["name"] == "artifacts-key"]

    judgement = judge(
        [*stack, *resources(twin)],
        waivers=[Waiver.model_validate(GOOD | {"name": "artifacts-*"})],
        today=TODAY,
    )

    assert WAIVER in {finding.control for finding in judgement.blocking}
    assert "matches 2 resources, and at_most is 1" in judgement.as_text()


def test_a_waiver_of_another_environment_says_nothing_here():
    assert {finding.control for finding in _judged(environments=["dev"]).blocking} == {"key-rotates"}


def test_an_unused_waiver_is_no_fault_where_only_a_part_is_seen():
    judgement = _judged(name="another-key", whole=False)

    assert {finding.control for finding in judgement.blocking} == {"key-rotates"}


def test_a_broken_check_cannot_be_waived():
    finding = replace(judge(_violated(), today=TODAY).blocking[0], internal=True)

    applied = apply([finding], [Waiver.model_validate(GOOD)], "prod", today=TODAY)

    assert applied.findings[0] == finding
    assert applied.findings[1].control == WAIVER


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"control": "key-rotate"}, "there is no such control"),
        ({"control": WAIVER}, "controls on the procedure cannot be waived"),
        ({"type": "*"}, "name one type token exactly"),
        ({"name": "*"}, "too broad"),
        ({"name": "a*"}, "too broad"),
        ({"environments": ["production"]}, "unknown: production"),
        ({"environments": []}, "at least 1 item"),
        ({"owner": "security"}, "somebody other than the owner"),
        ({"expires": date(2027, 3, 1)}, "1 to 90 days"),
        ({"at_most": 11}, "less than or equal to 10"),
        ({"reason": "because"}, "at least 20 characters"),
        ({"expiry": "never"}, "Extra inputs"),
        ({"expires": "soon"}, "valid date"),
    ],
)
def test_a_mistake_in_the_file_is_told_and_there_is_no_verdict(tmp_path: Path, changes, says):
    path = tmp_path / "waivers.yaml"
    path.write_text(yaml.safe_dump({"waivers": [GOOD | changes]}), encoding="utf-8")

    with pytest.raises(PolicyError, match=says) as caught:
        load_waivers(path)

    assert "waivers[0]" in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    "text", ["a: [", "", "[]", "waivers: {}", "waivers: [1]", "waiver: []", "x: &a [*a]"]
)
def test_a_file_that_is_no_list_of_waivers_is_refused(tmp_path: Path, text):
    (tmp_path / "w.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(PolicyError, match=r"waiver file is not"):
        load_waivers(tmp_path / "w.yaml")


def test_the_projects_own_file_is_sound():
    assert {waiver.control for waiver in load_waivers(DEFAULT_FILE)} == set()


def test_waived_is_between_passed_and_undecided():
    assert Verdict.PASSED < Verdict.WAIVED < Verdict.UNDECIDED
    assert not Verdict.WAIVED.blocks


def test_the_pack_lets_a_waived_finding_be_and_shows_it_as_advice():
    pack = {
        policy.name: policy
        for policy in policies(
            [Waiver.model_validate(GOOD | {"expires": LATER, "not_before": LATER - timedelta(days=60)})]
        )
    }
    said: dict[str, list[str]] = {name: [] for name in pack}
    case = next(c for c in fixtures()["key-rotates"]["violating"] if c["name"] == "off")
    for entry in edited(load(), case):
        for name, policy in pack.items():
            if isinstance(policy, ResourceValidationPolicy):
                with contextlib.suppress(_NotApplicableError):
                    policy.validate(args_of(entry), lambda text, _=None, name=name: said[name].append(text))
    for name, policy in pack.items():
        if isinstance(policy, StackValidationPolicy):
            stack = StackValidationArgs([], {}, None)
            policy.validate(stack, lambda text, _=None, name=name: said[name].append(text))

    assert said["keys"] == []
    assert said["relations"] == []
    assert [text[:24] for text in said["relations-advice"]] == ["WAIVED, artifacts-key: K"]
