"""A pack is a part of the controls: it says what the whole says of them, no more and no less."""

import copy
from datetime import UTC, date, datetime

import pytest
from fixture_stacks import load, resources
from pulumi_policy import ResourceValidationPolicy
from test_fronts import key_check_breaks  # noqa: F401 - a fixture
from test_pack_policies import _args as args_of

from policies.core import PolicyError, PolicySettings
from policies.core.settings import PACKS
from policies.judgement import judge
from policies.packs import pack_config, selected
from policies.procedure import all_controls
from policies.pulumi_pack import policies
from policies.waivers import Waiver


def _stack():
    """Return resources that violate controls of several packs."""
    stack = copy.deepcopy(load())
    return resources([entry for entry in stack if not entry["type"].startswith("aws:s3/bucketP")])


def _told(judgement):
    return {(finding.control, finding.urn, finding.verdict) for finding in judgement.findings}


def test_every_control_is_in_one_pack_and_every_pack_has_controls():
    each = {pack: PolicySettings(packs=(pack,)) for pack in PACKS}

    for control in all_controls():
        assert sum(selected(control.id, settings) for settings in each.values()) == 1
    for settings in each.values():
        assert any(selected(control.id, settings) for control in all_controls())


def test_the_configuration_is_for_each_policy_that_there_is():
    assert set(pack_config(PolicySettings())) == {policy.name for policy in policies()}


def test_the_packs_together_say_exactly_what_the_whole_says():
    whole = judge(_stack())
    parts = [judge(_stack(), PolicySettings(packs=(pack,))) for pack in PACKS]

    assert whole.blocking
    assert set.union(*map(_told, parts)) == _told(whole)
    assert sum(len(part.findings) for part in parts) == len(whole.findings)


def test_a_verdict_of_one_pack_says_that_it_is_not_the_whole():
    part = judge(resources(load()), PolicySettings(packs=("cost",)))

    assert part.answer == "passed"
    assert "Only by pack cost; the other packs were not asked." in part.as_text()
    assert part.as_json()["packs"] == ["cost"]
    assert "Only by pack" not in judge(resources(load())).as_text()


@pytest.mark.usefixtures("key_check_breaks")
def test_a_check_that_breaks_is_told_whatever_the_pack():
    assert judge(resources(load()), PolicySettings(packs=("cost",))).answer == "refused"


def test_a_waiver_of_another_pack_is_not_an_unused_one():
    waiver = Waiver(
        control="key-rotates",
        type="aws:kms/key:Key",
        name="artifacts-key",
        environments=["prod"],
        reason="the key is imported and cannot rotate",
        owner="ada",
        approved_by="grace",
        not_before=date(2026, 5, 1),
        expires=date(2026, 7, 1),
        at_most=1,
    )
    today = datetime(2026, 6, 1, tzinfo=UTC).date()

    cost = judge(resources(load()), PolicySettings(packs=("cost",)), [waiver], today=today)
    security = judge(resources(load()), PolicySettings(packs=("security",)), [waiver], today=today)

    assert cost.answer == "passed"
    assert "matches nothing that would block; remove it" in security.as_text()


def test_the_engine_s_pack_follows_the_setting_too():
    key = next(entry for entry in load() if entry["type"] == "aws:kms/key:Key")
    key = {**key, "props": {**key["props"], "enableKeyRotation": False}}

    def said(settings):
        found, config = [], pack_config(settings)
        for policy in policies([]):
            if isinstance(policy, ResourceValidationPolicy) and policy.name == "keys":
                policy.validate(args_of(key, config["keys"]), lambda text, _=None: found.append(text))
        return "".join(found)

    assert "[key-rotates, " in said(PolicySettings(packs=("security", "cost")))
    assert said(PolicySettings(packs=("cost",))) == ""


@pytest.mark.parametrize("packs", [[], ["safety"], ["security", "safety"]])
def test_a_pack_that_there_is_not_is_refused(packs):
    with pytest.raises(PolicyError, match="'packs' names no pack"):
        PolicySettings.parse({"packs": packs})


def test_packs_come_back_as_they_were_written():
    settings = PolicySettings(packs=("security", "cost"))

    assert PolicySettings.parse(settings.render()) == settings
