"""Every policy document that the program renders: no star on a star, nothing longer than AWS takes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.iam.evaluation import listed
from infra.settings import Settings

INLINE_LIMIT, MANAGED_LIMIT = 10_240, 6_144
"""Characters without white space of all inline policies of a role, and of a managed one (IAM quotas)."""
READS = ("Batch", "Describe", "Get", "List", "Lookup", "Select", "View")


@pytest.fixture
def record(settings: Settings, recorded: Callable[[Settings], Any]) -> Any:
    return recorded(settings)


def documents(value: Any) -> Iterator[dict[str, Any]]:
    """Give every policy document among a resource's inputs."""
    if isinstance(value, str) and value.startswith("{") and '"Statement"' in value:
        yield json.loads(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from documents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from documents(inner)


def test_no_statement_allows_a_wildcard_action_on_a_wildcard_resource(record: Any) -> None:
    looked_at = 0
    for resource in record.resources:
        for document in documents(resource.inputs):
            for statement in document["Statement"]:
                looked_at += 1
                if statement["Effect"] != "Allow" or "*" not in listed(statement.get("Resource", [])):
                    continue
                for action in listed(statement["Action"]):
                    service, _, name = action.partition(":")
                    assert name.strip("*"), f"{resource.name}: {action} on everything"
                    # In a key's policy the resource is that key; elsewhere a star may end what reads.
                    own_key = resource.type == "aws:kms/key:Key"
                    assert own_key or "*" not in name or name.startswith(READS), f"{resource.name}: {action}"
                    assert "*" not in service

    assert looked_at > 100


def test_no_policy_is_longer_than_aws_takes(record: Any) -> None:
    inline: dict[str, int] = {}
    for resource in record.resources:
        size = len("".join(str(resource.inputs.get("policy", "")).split()))
        if resource.type == "aws:iam/rolePolicy:RolePolicy":
            role = str(resource.inputs["role"])
            inline[role] = inline.get(role, 0) + size
        if resource.type == "aws:iam/policy:Policy":
            assert size <= MANAGED_LIMIT, resource.name

    # Names of other stacks are longer by two letters in each of about a hundred places.
    assert max(inline.values()) <= INLINE_LIMIT - 200
