"""The change gate: each rule stops a step that loses or opens something, and lets an innocent one be."""

import json
from typing import Any

import pytest

from policies import changes, proof
from policies.changes import RULES, Step, judge

BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
CLUSTER = "aws:eks/cluster:Cluster"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


def _policy(*actions: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": list(actions), "Resource": "arn:aws:s3:::a/*", **more}
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def _cidr(*networks: str) -> dict[str, Any]:
    return {"vpcConfig": {"publicAccessCidrs": list(networks)}}


STOPPED = [
    ("change-keeps-stores", "delete", BUCKET, {"bucket": "a"}, {}),
    ("change-keeps-stores", "replace", "aws:dynamodb/table:Table", {"name": "a"}, {"name": "b"}),
    ("change-keeps-stores", "delete", "aws:s3/bucketV2:BucketV2", {"bucket": "a"}, {}),
    ("change-keeps-encryption", "delete", ENCRYPTION, {"bucket": "a"}, {}),
    (
        "change-keeps-encryption",
        "update",
        "aws:sns/topic:Topic",
        {"kmsMasterKeyId": "alias/a"},
        {"name": "t"},
    ),
    ("change-keeps-encryption", "update", "aws:kms/key:Key", {"enableKeyRotation": True}, {}),
    ("change-keeps-retention", "update", GROUP, {"retentionInDays": 400}, {"retentionInDays": 30}),
    ("change-keeps-retention", "update", GROUP, {"retentionInDays": 0}, {"retentionInDays": 3653}),
    (
        "change-opens-no-network",
        "update",
        CLUSTER,
        _cidr("203.0.113.0/24"),
        _cidr("203.0.113.0/24", "0.0.0.0/0"),
    ),
    ("change-opens-no-network", "update", CLUSTER, _cidr("8.8.8.0/24"), _cidr("8.8.0.0/16")),
    (
        "change-opens-no-network",
        "create",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {},
        {"cidrIpv6": "::/0"},
    ),
    (
        "change-widens-no-access",
        "update",
        ROLE_POLICY,
        _policy("s3:GetObject"),
        _policy("s3:GetObject", "s3:*"),
    ),
    (
        "change-widens-no-access",
        "update",
        ROLE_POLICY,
        _policy("s3:GetObject", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        _policy("s3:GetObject"),
    ),
    (
        "change-widens-no-access",
        "update",
        ROLE_POLICY,
        _policy("s3:*", effect="Deny"),
        _policy("s3:Get*", effect="Deny"),
    ),
]
LET_BE = [
    ("create", BUCKET, {}, {"bucket": "a"}),
    ("update", BUCKET, {"bucket": "a", "tags": {"a": "1"}}, {"bucket": "a", "tags": {"a": "2"}}),
    ("delete", "kubernetes:apps/v1:Deployment", {"spec": {}}, {}),
    ("update", ENCRYPTION, {"rules": [{"bucketKeyEnabled": True}]}, {"rules": [{"bucketKeyEnabled": True}]}),
    ("update", "aws:sns/topic:Topic", {"kmsMasterKeyId": "alias/a"}, {"kmsMasterKeyId": "alias/b"}),
    ("update", GROUP, {"retentionInDays": 30}, {"retentionInDays": 400}),
    ("update", CLUSTER, _cidr("8.8.0.0/16"), _cidr("8.8.8.0/24")),
    ("update", CLUSTER, _cidr("8.8.0.0/16"), _cidr("8.8.0.0/16", "10.0.0.0/8")),
    ("update", ROLE_POLICY, _policy("s3:GetObject", "s3:PutObject"), _policy("s3:GetObject")),
    ("update", ROLE_POLICY, _policy("s3:Get*", effect="Deny"), _policy("s3:Get*", effect="Deny")),
    ("create", ROLE_POLICY, {}, _policy("s3:*")),
]


def _step(operation: str, kind: str, old: dict[str, Any], new: dict[str, Any]) -> Step:
    return Step(operation=operation, urn=f"urn:pulumi:prod::plinth::{kind}::x", type=kind, old=old, new=new)


@pytest.mark.parametrize(("control", "operation", "kind", "old", "new"), STOPPED)
def test_a_step_that_loses_or_opens_something_is_stopped(control, operation, kind, old, new):
    findings = judge([_step(operation, kind, old, new)], "prod")

    assert [finding.control for finding in findings] == [control]
    assert not findings[0].internal


@pytest.mark.parametrize(("operation", "kind", "old", "new"), LET_BE)
def test_an_innocent_step_is_let_be(operation, kind, old, new):
    assert judge([_step(operation, kind, old, new)], "prod") == []


def test_every_rule_has_a_step_that_it_stops():
    assert {row[0] for row in STOPPED} == {rule.control for rule in RULES}


def test_the_gate_only_stops_where_data_must_last():
    step = _step("delete", BUCKET, {"bucket": "a"}, {})

    assert judge([step], "local") == judge([step], "dev") == []
    assert len(judge([step], "staging")) == 1


def test_a_rule_that_breaks_stops_and_names_itself(monkeypatch):
    def breaks(*_: object) -> list[str]:
        raise ZeroDivisionError("secret-value")

    monkeypatch.setattr(changes, "RULES", (changes.Rule("change-keeps-stores", breaks),))

    (finding,) = judge([_step("update", BUCKET, {"bucket": "a"}, {"bucket": "b"})], "prod")

    assert finding.internal
    assert "ZeroDivisionError" in finding.message
    assert "secret-value" not in finding.message


@pytest.mark.parametrize("row", STOPPED, ids=[row[0] for row in STOPPED])
def test_no_value_of_a_step_reaches_a_message(row):
    (finding,) = judge([_step(*row[1:])], "prod")
    values = {
        value
        for tree in row[3:]
        for _, value in proof.helpers().leaves(tree)
        if isinstance(value, str) and len(value) > 5
    }

    assert not [value for value in values if value in finding.message]
