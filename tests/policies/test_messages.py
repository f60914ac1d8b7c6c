"""A message names the place and never the value: policies see secrets as plain text."""

from typing import Any

from fixture_stacks import fixtures, leaves, load, put, resources, stack_names, with_stack

from policies.families.rights import MASTER_RESOURCES
from policies.judge import evaluate
from policies.report import render

MARK = "MARKED-SECRET-VALUE"
WORDS = {
    "AWS::S3::Object",
    "BucketOwnerEnforced",
    "Managed by Pulumi",
    "NET_BIND_SERVICE",
    "RuntimeDefault",
    "authenticator",
    "controllerManager",
    "eventCategory",
    "deployments/scale",
    *MASTER_RESOURCES,
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "resources.type",
}
"""Values that a control asks for, which its message therefore names."""


def _marked(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a resource whose every string, unknowns apart, says that it is a secret."""
    for path, value in leaves(entry["props"]):
        if isinstance(value, str) and value != "<unknown>":
            put(entry["props"], path, f"{MARK}-{path}")
    return entry


def test_no_value_reaches_a_message_when_everything_is_wrong():
    messages = []
    for name in stack_names():
        stack = [_marked(entry) for entry in load(name) if entry["props"]]
        messages += [text for text, _ in render(f for f in evaluate(resources(stack)) if f.verdict.blocks)]

    assert len(messages) > 35
    assert not [text for text in messages if MARK in text]


def test_no_value_reaches_a_message_of_any_fixture():
    for table in fixtures().values():
        for case in table["violating"]:
            stack = with_stack(case, table)
            blocking = [f for f in evaluate(resources(stack)) if f.verdict.blocks]
            values = {
                value
                for entry in stack
                for path, value in leaves(entry.get("props", {}))
                if isinstance(value, str)
                and len(value) > 12
                and value not in entry["name"]
                and "name" not in path
            }
            allowed = WORDS
            for text, _ in render(blocking):
                assert not [value for value in values - allowed if value in text], text


def test_every_message_names_resource_control_and_fix():
    for control, table in fixtures().items():
        blocking = [
            f for f in evaluate(resources(with_stack(table["violating"][0], table))) if f.verdict.blocks
        ]
        text = "\n".join(message for message, _ in render(blocking))

        assert f"[{control}, " in text
        assert "  fix:   " in text
        assert all(finding.name in text for finding in blocking)
