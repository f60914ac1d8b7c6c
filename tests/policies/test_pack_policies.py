"""The policies called as the SDK calls them, with its own proxies."""

import pytest
from fixture_stacks import edited, fixtures, load, raw_props, urn
from pulumi_policy import PolicyCustomTimeouts, PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.policy import _NotApplicableError
from pulumi_policy.proxy import unknown_checking_proxy

from policies.core import PolicySettings, values
from policies.families import FAMILIES
from policies.packs import pack_config
from policies.pulumi_pack import policies

REFERENCE = load()
_FAMILIES = (*(family.name for family in FAMILIES), "advice")


def _args(entry, config=None, props=None):
    options = PolicyResourceOptions(
        protect=entry.get("protect", False),
        ignore_changes=[],
        delete_before_replace=None,
        aliases=[],
        custom_timeouts=PolicyCustomTimeouts(0, 0, 0),
        additional_secret_outputs=[],
    )
    props = unknown_checking_proxy(raw_props(entry)) if props is None else props
    return ResourceValidationArgs(entry["type"], props, urn(entry), entry["name"], options, None, config)


def _reports(pack, entry, props=None):
    """Ask every policy once, as one round of the engine does."""
    found = []
    for policy in pack:
        if policy.name in _FAMILIES:
            try:
                policy.validate(
                    _args(entry, props=props),
                    lambda message, _=None, name=policy.name: found.append((name, message)),
                )
            except _NotApplicableError:
                continue
    return found


def test_an_unknown_value_does_not_hide_another_violation():
    entry = edited(
        REFERENCE,
        {
            "set": {
                "artifacts-key": {
                    "policy": "<unknown>",
                    "enableKeyRotation": False,
                    "deletionWindowInDays": 7.0,
                }
            }
        },
    )[0]

    messages = "\n".join(message for _, message in _reports(policies(), entry))

    assert "policy is not known yet" in messages
    assert "enableKeyRotation must be true" in messages
    assert "deletionWindowInDays must be 30" in messages


def test_controls_that_wait_for_one_value_are_reported_together():
    entry = next(e for e in REFERENCE if e["name"] == "scorer")
    entry = edited([entry], {"set": {"scorer": {"spec": "<unknown>"}}})[0]

    reports = _reports(policies(), entry)

    assert len(reports) == 1
    assert "14 controls cannot be decided: spec is not known yet" in reports[0][1]


def test_a_message_says_which_resource_which_control_why_and_how_to_fix_it():
    case = next(c for c in fixtures()["key-rotates"]["violating"] if c["name"] == "off")

    ((policy, message),) = _reports(policies(), edited(REFERENCE, case)[0])

    assert policy == "keys"
    assert message == (
        "artifacts-key: Keys rotate at least yearly. [key-rotates, medium]\n"
        "  found: enableKeyRotation must be true\n"
        "  why:   Rotation bounds how much data one piece of key material protects.\n"
        "  fix:   Set enable_key_rotation to true, and rotation_period_in_days to 365 or less where it is "
        "given."
    )


@pytest.mark.parametrize("entry", REFERENCE, ids=[entry["name"] for entry in REFERENCE])
def test_a_resource_is_taken_apart_once_for_all_policies(entry, monkeypatch):
    reads: dict[tuple[int, str], int] = {}
    original = values._read

    def counted(container, key, error):
        if type(container).__module__ == "pulumi_policy.proxy":
            reads[id(container), key] = reads.get((id(container), key), 0) + 1
        return original(container, key, error)

    monkeypatch.setattr(values, "_read", counted)

    _reports(policies(), entry, unknown_checking_proxy(raw_props(entry)))

    assert reads
    assert set(reads.values()) == {1}


def test_a_second_round_reads_the_resource_again():
    pack = policies()
    good = REFERENCE[0]
    bad = edited(REFERENCE, {"set": {good["name"]: {"enableKeyRotation": False}}})[0]

    assert _reports(pack, good) == []
    assert len(_reports(pack, bad)) == 1
    assert _reports(pack, good) == []


def test_the_configuration_reaches_every_policy():
    config = pack_config(PolicySettings(environment="dev", accounts=("123456789012",)))

    assert set(config) == {policy.name for policy in policies()}
    assert all(PolicySettings.parse(value).environment == "dev" for value in config.values())
