"""Risks that no recording shows, because the local platform lacks such a resource: made-up changes."""

from typing import Any

import pytest

from infra.preview.changes import Change, Operation
from infra.preview.levels import Level
from infra.preview.risk import is_world, risks


def change(
    kind: str, old: dict[str, Any], new: dict[str, Any], operation: Operation = Operation.UPDATE
) -> Change:
    return Change(
        urn=f"urn:pulumi:x::plinth::{kind}::thing", type=kind, operation=operation, old=old, new=new
    )


def told(one: Change) -> str:
    return "\n".join(f"{risk.level.word}: {risk.reason}" for risk in risks(one))


RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            change(
                "aws:iam/groupMembership:GroupMembership",
                {"users": ["a"], "group": "g"},
                {"users": ["a", "b"], "group": "g"},
            ),
            "high: user 'b' can now do everything that group 'g' may",
        ),
        (
            change(
                "aws:iam/userGroupMembership:UserGroupMembership",
                {"groups": [], "user": "u"},
                {"groups": ["g"], "user": "u"},
            ),
            "high: user 'u' can now do everything that group 'g' may",
        ),
        (
            change(
                "aws:eks/accessEntry:AccessEntry",
                {"kubernetesGroups": ["v"]},
                {"kubernetesGroups": ["v", "system:masters"]},
            ),
            "critical: thing can now do in the cluster what Kubernetes group 'system:masters' may",
        ),
        (
            change(
                "aws:iam/role:Role",
                {"managedPolicyArns": []},
                {"managedPolicyArns": ["arn:aws:iam::aws:policy/IAMFullAccess"]},
            ),
            "critical: 'thing' can now do everything that policy arn:aws:iam::aws:policy/IAMFullAccess",
        ),
        (
            change(
                f"{RBAC}ClusterRoleBinding",
                {"roleRef": {"name": "view"}, "subjects": [{"kind": "User", "name": "u"}]},
                {"roleRef": {"name": "cluster-admin"}, "subjects": [{"kind": "User", "name": "u"}]},
            ),
            "high: user 'u' can now do everything that 'cluster-admin' may",
        ),
        (
            change(
                f"{RBAC}ClusterRole",
                {"rules": [{"resources": ["pods"], "verbs": ["get"]}]},
                {"rules": [{"resources": ["secrets"], "verbs": ["get"]}]},
            ),
            "high: whoever has 'thing' can now get secrets in the whole cluster",
        ),
        (
            change(
                "kubernetes:core/v1:Service",
                {"spec": {"type": "ClusterIP"}},
                {"spec": {"type": "LoadBalancer"}},
            ),
            "high: the service gets a way in of its own (LoadBalancer)",
        ),
        (
            change("kubernetes:apps/v1:Deployment", {"spec": {"replicas": 3}}, {"spec": {"replicas": 0}}),
            "critical: no pod is left: the service is down",
        ),
        (
            change("aws:cloudtrail/trail:Trail", {"enableLogging": True}, {"enableLogging": False}),
            "critical: nothing is recorded",
        ),
        (
            change("aws:rds/instance:Instance", {"publiclyAccessible": False}, {"publiclyAccessible": True}),
            "critical: the database can be reached from the internet",
        ),
        (
            change("aws:rds/instance:Instance", {}, {}, Operation.DELETE),
            "critical: lost with it: the database; that cannot be undone",
        ),
        (
            change(
                "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
                {"rules": [{"id": "a", "expiration": {"days": 90}}]},
                {"rules": [{"id": "a", "expiration": {"days": 7}}]},
            ),
            "high: rules[a].expiration.days goes from 90 to 7: objects are deleted sooner",
        ),
        (
            change(
                "aws:iam/rolePolicy:RolePolicy", {"policy": ""}, {"policy": "not a document", "role": "r"}
            ),
            "high: policy is no policy document (it is no JSON)",
        ),
    ],
)
def test_a_change_is_told_as_what_it_means(one: Change, words: str) -> None:
    assert words in told(one)


@pytest.mark.parametrize(
    ("network", "wide"),
    [
        ("0.0.0.0/0", True),
        ("::/0", True),
        ("128.0.0.0/1", True),
        ("10.0.0.0/8", False),
        ("10.0.0.0/16", False),
        ("172.16.0.0/12", False),
        ("203.0.113.0/24", False),
        ("fc00::/7", False),
        ("not one", False),
    ],
)
def test_who_counts_as_everybody(network: str, wide: bool) -> None:  # noqa: FBT001 - a table
    assert is_world(network) is wide


def test_a_harmless_change_has_no_risk() -> None:
    assert risks(change("aws:s3/bucket:Bucket", {"tags": {"a": "1"}}, {"tags": {"a": "2"}})) == []
    assert (
        max((r.level for r in risks(change("aws:sns/topic:Topic", {}, {}, Operation.CREATE))), default=0)
        == Level.NONE
    )
