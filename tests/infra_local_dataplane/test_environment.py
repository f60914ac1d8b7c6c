"""A process gets what its pod says and nothing of the environment around the runner."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.runner.environment import (
    EnvironmentConfigError,
    base_environment,
    container_environment,
    expand,
    forced_environment,
    referenced,
)
from infra.local.runner.volumes import make_volumes, translate

OBJECTS = {
    ("configmaps", "limits"): {"latency": "200", "errors": "1"},
    ("secrets", "keys"): {"api": "s3cret"},
}


def lookup(resource: str, name: str) -> Mapping[str, Any] | None:
    return OBJECTS.get((resource, name))


def pod(*env: dict[str, Any], **container: Any) -> dict[str, Any]:
    app = {"name": "app", "env": list(env), **container}
    meta = {"name": "echo-1", "namespace": "serving", "uid": "u-1", "labels": {"app": "echo"}}
    return {"metadata": meta, "spec": {"containers": [app], "nodeName": "plinth-laptop"}}


def resolve(subject: dict[str, Any]) -> dict[str, str]:
    return container_environment(subject, lookup, pod_ip="10.244.0.7", host_ip="192.0.2.1")


def field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def test_values_fields_and_references_are_resolved():
    subject = pod(
        {"name": "PLAIN", "value": "one"},
        {"name": "BUILT", "value": "$(PLAIN)/$(UNKNOWN)/$$(PLAIN)"},
        {"name": "EMPTY"},
        field("POD", "metadata.name"),
        field("SPACE", "metadata.namespace"),
        field("UID", "metadata.uid"),
        field("IP", "status.podIP"),
        field("APP", "metadata.labels['app']"),
        {"name": "LATENCY", "valueFrom": {"configMapKeyRef": {"name": "limits", "key": "latency"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "no", "key": "x", "optional": True}}},
    )
    assert resolve(subject) == {
        "PLAIN": "one",
        "BUILT": "one/$(UNKNOWN)/$(PLAIN)",
        "EMPTY": "",
        "POD": "echo-1",
        "SPACE": "serving",
        "UID": "u-1",
        "IP": "10.244.0.7",
        "APP": "echo",
        "LATENCY": "200",
        "KEY": "s3cret",
    }


def test_whole_objects_come_first_and_single_variables_win():
    sources = [{"configMapRef": {"name": "limits"}, "prefix": "LIMIT_"}, {"secretRef": {"name": "keys"}}]
    subject = pod({"name": "api", "value": "own"}, envFrom=sources)
    assert resolve(subject) == {"LIMIT_latency": "200", "LIMIT_errors": "1", "api": "own"}


@pytest.mark.parametrize(
    "subject",
    [
        pod({"name": "X", "valueFrom": {"configMapKeyRef": {"name": "limits", "key": "none"}}}),
        pod({"name": "X", "valueFrom": {"secretKeyRef": {"name": "none", "key": "api"}}}),
        pod({"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}),
        pod(field("X", "spec.unknown")),
        pod(envFrom=[{"secretRef": {"name": "none"}}]),
    ],
)
def test_a_missing_source_stops_the_start_and_is_named(subject: dict[str, Any]):
    with pytest.raises(EnvironmentConfigError, match=r"X|none"):
        resolve(subject)


def test_a_secrets_value_never_stands_in_an_error():
    subject = pod({"name": "X", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "other"}}})
    with pytest.raises(EnvironmentConfigError) as caught:
        resolve(subject)
    assert "s3cret" not in str(caught.value)


def test_nothing_of_the_runners_environment_is_in_the_base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("AWS_ACCESS_KEY_ID", "HTTPS_PROXY", "GITHUB_TOKEN", "PYTHONPATH"):
        monkeypatch.setenv(name, "from-outside")
    result = base_environment(tmp_path, tmp_path / "t") | forced_environment(tmp_path)
    assert "from-outside" not in result.values()
    assert result["BENTOML_DO_NOT_TRACK"] == "True"
    assert result["BENTOML_HOME"] == str(tmp_path / "bentoml")


def test_what_must_be_fetched_is_what_the_pod_names():
    subject = pod(
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "one", "key": "k"}}},
        {"name": "B", "value": "plain"},
        envFrom=[{"secretRef": {"name": "two"}}],
    )
    subject["spec"]["volumes"] = [
        {"name": "v", "secret": {"secretName": "three"}},
        {"name": "w", "configMap": {"name": "four"}},
        {"name": "x", "emptyDir": {}},
    ]
    assert referenced(subject) == {
        ("configmaps", "one"),
        ("secrets", "two"),
        ("secrets", "three"),
        ("configmaps", "four"),
    }


@given(st.text(alphabet="$()AB ", max_size=12))
def test_expanding_without_variables_only_joins_double_dollars(text: str):
    assert expand(text, {}).count("A") == text.count("A")
    assert len(expand(text, {})) <= len(text)
    if "$$" not in text:
        assert expand(text, {}) == text


def test_volumes_become_folders_and_mount_paths_lead_to_them(tmp_path: Path):
    mounts = [
        {"name": "state", "mountPath": "/var/lib/app"},
        {"name": "deep", "mountPath": "/var/lib/app/deep", "subPath": "part"},
        {"name": "secret", "mountPath": "/etc/keys/"},
    ]
    subject = pod(volumeMounts=mounts)
    subject["spec"]["volumes"] = [
        {"name": "state", "emptyDir": {}},
        {"name": "deep", "emptyDir": {}},
        {"name": "secret", "secret": {"secretName": "keys", "items": [{"key": "api", "path": "in/key"}]}},
    ]
    make_volumes(subject, lookup, tmp_path)
    file = tmp_path / "secret" / "in" / "key"
    assert file.read_text() == "s3cret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").is_dir()
    assert translate("/var/lib/app", subject, tmp_path) == f"{tmp_path}/state"
    assert translate("/var/lib/app/log", subject, tmp_path) == f"{tmp_path}/state/log"
    assert translate("/var/lib/app/deep/x", subject, tmp_path) == f"{tmp_path}/deep/part/x"
    assert translate("/etc/keys/in/key", subject, tmp_path) == f"{tmp_path}/secret/in/key"
    assert translate("/var/lib/apple", subject, tmp_path) == "/var/lib/apple"


def test_a_volume_of_a_missing_secret_stops_the_start(tmp_path: Path):
    subject = pod()
    subject["spec"]["volumes"] = [{"name": "v", "secret": {"secretName": "none"}}]
    with pytest.raises(EnvironmentConfigError, match="none"):
        make_volumes(subject, lookup, tmp_path)
