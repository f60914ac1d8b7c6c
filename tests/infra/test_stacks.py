"""The five stacks: each file is valid, and its resources are those of its golden graph."""

import functools
from typing import Any

import pytest

from infra.errors import SettingsError
from infra.local.paths import repo_root
from infra.ops import graph
from infra.settings import ENVIRONMENTS, Settings

STACKS = repo_root() / "stacks"


def test_every_environment_has_a_stack_file() -> None:
    assert {p.name for p in STACKS.glob("Pulumi.*.yaml")} == {f"Pulumi.{e}.yaml" for e in ENVIRONMENTS}


@functools.cache
def asked_for(stack: str) -> graph.Recorder:
    """Return what the program asks for; building it takes seconds."""
    return graph.resources(graph.stack_settings(STACKS / f"Pulumi.{stack}.yaml"))


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_the_graph_of_a_stack_is_the_golden_one(stack: str) -> None:
    golden = repo_root() / "tests" / "golden" / f"{stack}.json"

    assert graph.render(asked_for(stack)).splitlines() == golden.read_text(encoding="utf-8").splitlines(), (
        "the resources of this stack changed; when that is meant: ./plinth docs, and look at the difference"
    )


def test_only_the_laptop_s_stacks_are_emulated_and_no_two_networks_overlap() -> None:
    found = {e: Settings.from_file(STACKS / f"Pulumi.{e}.yaml", environ={}) for e in ENVIRONMENTS}

    assert [e for e, s in found.items() if s.aws.emulated] == ["local", "local-dr"]
    assert found["local-dr"].network == found["local"].network  # it takes the other one's place
    cidrs = [s.network.cidr for e, s in found.items() if e != "local-dr"]
    assert len(set(cidrs)) == len(cidrs)


PRODUCTION: dict[str, Any] = {
    "owner": "ml-platform",
    "cost_centre": "4711",
    "aws": {"account_id": "777788889999", "region": "eu-central-1"},
    "gateway": {"domain": "ml.example.com"},
    "recovery": {"region": "eu-west-1"},
    "cost": {"alert_addresses": ["a@example.com"]},
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"owner": "Nobody"}, 'plinth:owner: "Nobody" is not allowed: production needs a team'),
        ({"cost": {}}, "plinth:cost.alert_addresses: [] is not allowed: production needs somebody"),
        ({"cost": {"alert_addresses": ["a at b"]}}, "plinth:cost.alert_addresses.0"),
        ({"recovery": {}}, 'plinth:recovery.region: "" is not allowed: production needs copies'),
        ({"recovery": {"region": "eu-central-1"}}, "is the stack's own; a lost region takes both"),
        ({"recovery": {"region": "xx-nowhere-9"}}, 'plinth:recovery.region: "xx-nowhere-9"'),
        ({"storage": {"record_lock_days": 182}}, "plinth:storage.record_lock_days: 182 is not allowed"),
        ({"audit": {"posture": False}}, "plinth:audit.posture: false is not allowed"),
        ({"audit": {"log_days": 90}}, "plinth:audit.log_days: 90 is not allowed"),
    ],
)
def test_production_is_refused_with_key_value_and_reason(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.parse({**PRODUCTION, **changed}, stack="prod", environ={})

    assert told in str(caught.value)


def test_all_of_production_s_mistakes_are_told_at_once() -> None:
    wrong = {**PRODUCTION, "owner": "you", "cost": {"stop_percent": 50}, "recovery": {}}

    with pytest.raises(SettingsError, match="4 mistakes"):
        Settings.parse(wrong, stack="prod", environ={})


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("owner", {"owner": "nobody"}, "production needs a team that answers for it"),
    ("network", {"network": {"cidr": "10.40.0.0/16", "apart_from": ["10.40.128.0/17"]}}, "overlap"),
    ("network", {"network": {"cidr": "10.40.0.0/24", "private_prefix": 25}}, "10.40.0.0/24"),
    ("aws.region", {"aws": {**PRODUCTION["aws"], "region": "xx-nowhere-9"}}, "xx-nowhere-9"),
    ("cluster.system_instance_types", {"cluster": {"system_instance_types": ["m99.huge"]}}, "families are"),
    ("gpu.pools.big", {"gpu": {"pools": {"big": {"instance_types": ["q7.large"]}}}}, "not a known GPU type"),
    (
        "gpu.pools.big",
        {"gpu": {"pools": {"big": {"instance_types": ["g5.48xlarge"], "max_nodes": 50}}}},
        "budget",
    ),
    ("cost.alert_addresses", {"cost": {}}, "production needs somebody who is told"),
    ("recovery.region", {"recovery": {"region": "mars"}}, '"mars" is not allowed'),
    ("services", {"services": {"x" * 33: {}}}, "2 to 32 lower-case letters"),
]
"""Each kind of bad input that a stack file can hold: part of the key, the change, part of what is said."""


@pytest.mark.parametrize(("key", "changed", "told"), WRONG)
def test_bad_input_is_refused_with_key_value_reason_and_fix(
    key: str, changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.parse({**PRODUCTION, **changed}, stack="prod", environ={})

    (line, *_) = [line for line in str(caught.value).splitlines() if f"plinth:{key}" in line]
    assert told in line
    assert "Correct the keys above" in str(caught.value)


def test_bad_input_of_every_kind_is_told_all_together() -> None:
    """What cannot be read at all does not hide what does not fit together."""
    wrong = dict(PRODUCTION)
    for _, changed, _ in WRONG:
        for section, value in changed.items():
            before = wrong.get(section)
            merged = {**before, **value} if isinstance(before, dict) else value
            wrong[section] = merged
    wrong["gpu"] = {
        "pools": {
            "big": {"instance_types": ["g5.48xlarge"], "max_nodes": 50},
            "odd": {"instance_types": ["q7.large"]},
        }
    }
    wrong["cost"] = {}
    wrong["aws"] = PRODUCTION["aws"]  # an unknown region alone leaves nothing to compare networks with

    with pytest.raises(SettingsError) as caught:
        Settings.parse(wrong, stack="prod", environ={})

    lines = [line.strip(" -").split(": ")[0] for line in str(caught.value).splitlines()[1:]]
    sections = {line.removeprefix("plinth:").split(".")[0] for line in lines if line.startswith("plinth:")}
    assert sections == {"owner", "network", "cluster", "gpu", "cost", "recovery", "services"}


def test_a_stack_that_is_not_production_may_do_with_less() -> None:
    settings = Settings.parse(
        {**PRODUCTION, "recovery": {}, "cost": {}, "audit": {"posture": False}}, stack="dev", environ={}
    )

    assert settings.recovery.region == ""


LIMITS = {
    "aws:athena/workgroup:Workgroup": 128,
    "aws:backup/plan:Plan": 50,
    "aws:backup/vault:Vault": 50,
    "aws:budgets/budget:Budget": 100,
    "aws:cfg/recorder:Recorder": 256,
    "aws:cloudtrail/trail:Trail": 128,
    "aws:dynamodb/table:Table": 255,
    "aws:eks/cluster:Cluster": 100,
    "aws:iam/policy:Policy": 128,
    "aws:iam/role:Role": 64,
    "aws:kms/alias:Alias": 256,
    "aws:s3/bucket:Bucket": 63,
    "aws:sns/topic:Topic": 256,
}
"""Characters that AWS takes for the name of each type (the services' own references)."""


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_names_are_within_the_limits_of_aws_and_given_once(stack: str) -> None:
    asked = asked_for(stack).asked
    named = [
        (kind, inputs.get("name") or inputs.get("bucket"), LIMITS[kind])
        for kind, _, inputs in asked
        if kind in LIMITS
    ]

    assert len(named) > 30
    assert [entry for entry in named if not entry[1] or len(entry[1]) > entry[2]] == []
    # The two regions of a stack may use a name twice; only roles, policies and buckets are global.
    globally = [(k, n) for k, n, _ in named if k.startswith(("aws:iam", "aws:s3"))]
    assert len(set(globally)) == len(globally)
