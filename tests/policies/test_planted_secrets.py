"""A secret that is planted where somebody may put one reaches no message."""

from typing import Any

from fixture_stacks import resources
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.core import PolicySettings
from policies.judge import evaluate
from policies.report import render


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
