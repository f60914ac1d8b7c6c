"""Previews, state exports and manifests give the same resources, and nothing else passes for one."""

import json
from pathlib import Path

import pytest
from fixture_stacks import UNKNOWN_SENTINEL, load, raw_props, resources, urn

from policies.core import PolicyError, Verdict
from policies.core.loaders import from_export, from_file, from_manifests, from_preview
from policies.judge import evaluate

REFERENCE = load()


def _states():
    urns = {entry["name"]: urn(entry) for entry in REFERENCE}
    return [
        {
            "urn": urn(entry),
            "type": entry["type"],
            "inputs": raw_props(entry),
            "protect": entry.get("protect", False),
            "propertyDependencies": {
                key: [urns[name] for name in names] for key, names in entry.get("feeds", {}).items()
            },
        }
        for entry in REFERENCE
    ]


def test_a_preview_gives_the_resources_that_it_would_leave():
    gone = {"op": "delete", "oldState": {"urn": "urn:old", "type": "aws:s3/bucket:Bucket"}}
    text = json.dumps({"steps": [gone, *({"op": "create", "newState": state} for state in _states())]})

    assert from_preview(text) == resources(REFERENCE)


def test_a_state_export_gives_the_resources_that_are_there():
    leaving = {"urn": "urn:x", "type": "aws:s3/bucket:Bucket", "delete": True}
    read = {"urn": "urn:y", "type": "aws:s3/bucket:Bucket", "external": True}
    text = json.dumps({"version": 3, "deployment": {"resources": [leaving, read, *_states()]}})

    assert from_export(text) == resources(REFERENCE)


def test_secrets_of_a_state_are_set_and_unknown():
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    state = {
        "urn": "urn:a::k",
        "type": "aws:kms/key:Key",
        "protect": True,
        "inputs": {"enableKeyRotation": secret},
    }

    (resource,) = from_export(json.dumps({"version": 3, "deployment": {"resources": [state]}}))

    assert resource.at("enableKeyRotation").unknown


BESIDE = {"decisions-are-kept", "service-can-be-stopped", "workload-has-disruption-budget"}
"""Controls of a workload that other objects satisfy."""
MOST_OF_THEM = 13


def test_manifests_are_judged_like_the_resources_of_a_program():
    deployment = next(entry for entry in REFERENCE if entry["name"] == "scorer")
    props = raw_props(deployment) | {"apiVersion": "apps/v1", "kind": "Deployment"}
    text = json.dumps(props).replace(UNKNOWN_SENTINEL, "scorer")

    findings = evaluate(from_manifests(text, source="app.yaml"))

    # Alone, it lacks what stands beside it in the program; of itself nothing is wrong.
    assert {f.control for f in findings if f.verdict.blocks} == BESIDE
    assert sum(finding.verdict is Verdict.PASSED for finding in findings) > MOST_OF_THEM


def test_lists_are_taken_apart():
    text = """
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Namespace, metadata: {name: a}}
  - apiVersion: v1
    kind: ServiceAccountList
    items: [{metadata: {name: b, namespace: c}}]
"""

    found = from_manifests(text)

    assert [(item.kind, item.name) for item in found] == [
        ("kubernetes:core:Namespace", "a"),
        ("kubernetes:core:ServiceAccount", "c/b"),
    ]


@pytest.mark.parametrize(
    ("read", "text", "says"),
    [
        (from_preview, "{", "not valid JSON"),
        (from_preview, "[]", "not a JSON object"),
        (from_preview, "{}", "not a preview"),
        (from_preview, '{"steps": [{"newState": {"urn": "a"}}]}', "no URN or no type"),
        (from_export, "{}", "not a state export"),
        (from_export, '{"version": 99, "deployment": {}}', "version 99"),
        (from_manifests, "a: [", "not valid YAML"),
        (from_manifests, "", "no Kubernetes object"),
        (from_manifests, "a: 1", "no apiVersion and kind"),
        (from_manifests, "- a", "no apiVersion and kind"),
        (from_manifests, "apiVersion: v1\nkind: List\nitems: [text]", "no apiVersion and kind"),
    ],
)
def test_what_is_something_else_is_refused_with_one_clear_message(read, text, says):
    with pytest.raises(PolicyError, match=says) as caught:
        read(text)

    assert caught.value.fix


def test_a_file_is_read_by_what_it_is(tmp_path: Path):
    (tmp_path / "p.json").write_text(json.dumps({"steps": []}))
    (tmp_path / "e.json").write_text(json.dumps({"version": 3, "deployment": {"resources": _states()[:1]}}))
    (tmp_path / "m.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")

    assert from_file(tmp_path / "p.json") == []
    assert len(from_file(tmp_path / "e.json")) == 1
    assert [resource.name for resource in from_file(tmp_path / "m.yaml")] == ["a"]
    with pytest.raises(PolicyError, match="cannot be read"):
        from_file(tmp_path / "none.yaml")
