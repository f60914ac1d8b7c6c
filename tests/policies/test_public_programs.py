"""Three small programs of the kind that tutorials show: the violations are those an expert would list."""

from typing import Any

import pytest
from fixture_stacks import resources
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.core import PolicySettings
from policies.judge import evaluate
from policies.report import render

TRUST = (
    '{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "eks.amazonaws.com"}}]}'
)
CLUSTER = [
    {"name": "role", "type": "aws:iam/role:Role", "props": {"assumeRolePolicy": TRUST}},
    {
        "name": "cluster",
        "type": "aws:eks/cluster:Cluster",
        "props": {"roleArn": "<unknown>", "vpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]}},
    },
]
BUCKET = [
    {"name": "site", "type": "aws:s3/bucket:Bucket", "props": {"acl": "public-read"}},
    {
        "name": "site-policy",
        "type": "aws:s3/bucketPolicy:BucketPolicy",
        "props": {
            "bucket": "<unknown>",
            "policy": '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", '
            '"Resource": "arn:aws:s3:::site/*"}]}',
        },
        "feeds": {"bucket": ["site"]},
    },
]
AGENT = [
    {
        "name": "agent",
        "type": "kubernetes:apps/v1:DaemonSet",
        "props": {
            "metadata": {"name": "agent"},
            "spec": {
                "template": {
                    "spec": {
                        "hostPID": True,
                        "containers": [
                            {"name": "a", "image": "agent:latest", "securityContext": {"privileged": True}}
                        ],
                        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
                    }
                }
            },
        },
    }
]
EXPERT = {
    "a cluster with defaults": (
        CLUSTER,
        {
            "cluster-door-is-shut",
            "cluster-logs-everything",
            "cluster-encrypts-secrets",
            "cluster-version-is-supported",
            "cluster-entry-is-by-role",
            "cluster-is-kept",
            "threats-are-watched",
        },
    ),
    "a public bucket": (
        BUCKET,
        {
            "storage-bucket-blocks-public-access",
            "storage-bucket-disables-acls",
            "storage-bucket-policy-is-narrow",
            "storage-bucket-requires-tls",
            "storage-bucket-uses-kms",
            "storage-bucket-keeps-versions",
            "storage-bucket-logs-access",
            "account-blocks-public-access",
            "data-has-a-class",
        },
    ),
    "a privileged agent on every node": (
        AGENT,
        {
            "pod-is-unprivileged",
            "pod-avoids-host",
            "pod-cannot-escalate",
            "pod-drops-capabilities",
            "pod-runs-as-non-root",
            "pod-image-is-pinned",
            "pod-states-resources",
            "pod-mounts-no-token",
            "default-namespace-is-unused",
        },
    ),
}


@pytest.mark.parametrize("name", EXPERT)
def test_a_program_of_a_tutorial_gets_what_an_expert_would_list(name: str) -> None:
    program, listed = EXPERT[name]
    found = {finding.control for finding in evaluate(resources(program)) if finding.verdict.blocks}

    assert listed - found == set()


@given(secret=st.text(alphabet="ABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=16, max_size=40))
@settings(max_examples=30, deadline=None)
def test_no_planted_secret_reaches_a_message(secret: str) -> None:
    stack: list[dict[str, Any]] = [
        {
            "name": "pod",
            "type": "kubernetes:core/v1:Pod",
            "props": {
                "metadata": {"name": "a", "annotations": {"note": secret}},
                "spec": {
                    "containers": [
                        {"name": "a", "image": secret, "env": [{"name": "DB_PASSWORD", "value": secret}]}
                    ]
                },
            },
        },
        {
            "name": "version",
            "type": "aws:secretsmanager/secretVersion:SecretVersion",
            "props": {"secretString": secret},
        },
        {"name": "object", "type": "kubernetes:core/v1:Secret", "props": {"stringData": {"a": secret}}},
        {
            "name": "box",
            "type": "aws:ec2/launchTemplate:LaunchTemplate",
            "props": {"userData": f"password={secret}"},
        },
        {"name": "role", "type": "aws:iam/role:Role", "props": {"assumeRolePolicy": secret}},
    ]
    messages = [
        text
        for text, _ in render(f for f in evaluate(resources(stack), PolicySettings()) if f.verdict.blocks)
    ]

    assert len(messages) > 10
    assert not [text for text in messages if secret in text]
