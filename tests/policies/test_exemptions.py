"""Exemptions: what the GPU platform needs passes, anything more or anybody else is judged as everywhere."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.local.paths import repo_root
from infra.ops import graph, planned
from infra.settings import Settings
from policies.catalog import catalog
from policies.core import PolicySettings, Resource, Verdict, normalise
from policies.core.resources import canonical
from policies.exemptions import exempted, exemptions
from policies.judge import evaluate

PLUGIN, EXPORTER, NAMESPACE = "gpu-system-gpu-mig-plugin", "gpu-system-exporter", "gpu-system-namespace"
EMERGENCY = "break-glass-role"
NAMED = {EMERGENCY, "credit-risk", "digit-reader"}


@pytest.fixture(scope="module")
def planned_resources() -> dict[str, Resource]:
    """Return what the program asks for with one pool of whole GPUs and one of MIG instances."""
    raw = json.loads(
        graph.stack_settings(repo_root() / "stacks" / "Pulumi.local.yaml").model_dump_json(
            exclude={"gpu", "cost"}
        )
    )
    pool = {"max_nodes": 1, "hours_per_month": 10}
    raw["gpu"] = {
        "pools": {
            "whole": {"instance_types": ["g5.12xlarge"], **pool},
            "mig": {"instance_types": ["p4d.24xlarge"], "mig_profile": "1g.5gb", **pool},
        }
    }
    settings = Settings.parse(raw, stack="local", environ={})
    return {resource.name: resource for resource in planned.resources(settings)}


def judged(resource: Resource) -> dict[str, Verdict]:
    found = evaluate([resource], PolicySettings(environment="local"))
    return {finding.control: finding.verdict for finding in found if finding.verdict.blocks}


def changed(resource: Resource, change: Callable[[dict[str, Any]], Any], **others: str) -> Resource:
    props = copy.deepcopy(thawed(resource.props))
    change(props)
    return replace(resource, props=normalise(props), **others)


def thawed(value: Any) -> Any:
    if hasattr(value, "items"):
        return {key: thawed(inner) for key, inner in value.items()}
    return [thawed(inner) for inner in value] if isinstance(value, tuple | list) else value


def test_every_row_is_of_a_control_and_of_one_object_that_the_program_makes(
    planned_resources: dict[str, Resource],
) -> None:
    known = {control.id for control in catalog().controls}
    for row in exemptions():
        covered = [name for name, resource in planned_resources.items() if row.covers(resource)]

        assert row.control in known
        assert len(row.why) > 40
        assert covered, row
        assert all(name in NAMED or name.startswith("gpu-system-") for name in covered)


def test_without_its_row_each_object_would_be_refused(planned_resources: dict[str, Resource]) -> None:
    wanted = {
        NAMESPACE: {"namespace-enforces-restricted"},
        EXPORTER: {"pod-avoids-host", "pod-runs-as-non-root", "pod-drops-capabilities"},
        PLUGIN: {"pod-avoids-host", "pod-runs-as-non-root", "pod-drops-capabilities"},
        "gpu-system-gpu-whole-plugin": {"pod-avoids-host", "pod-runs-as-non-root"},
    }
    for name, controls in wanted.items():
        resource = planned_resources[name]
        stranger = changed(resource, lambda props: props["metadata"].update(name="stranger"))

        assert controls <= set(judged(stranger)), name
        assert not controls & set(judged(resource)), name


def test_the_emergency_role_alone_may_mend_everything(planned_resources: dict[str, Resource]) -> None:
    resource = planned_resources[EMERGENCY]
    stranger = changed(resource, lambda props: props["metadata"].update(name="stranger"))

    assert set(judged(stranger)) == {"rbac-names-what-it-allows", "rbac-gives-no-master-key"}
    assert not judged(resource)


def pod(props: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = props["spec"]["template"]["spec"]
    return spec


def host(path: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda props: pod(props)["volumes"].append({"name": "more", "hostPath": path})


def context(**of: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda props: pod(props)["containers"][0]["securityContext"].update(of)


@pytest.mark.parametrize(
    ("name", "change", "control"),
    [
        (PLUGIN, host({"path": "/"}), "pod-avoids-host"),
        (PLUGIN, host({"path": "/var/lib/kubelet/pod-resources"}), "pod-avoids-host"),
        (PLUGIN, host({"type": "Directory"}), "pod-avoids-host"),
        (EXPORTER, host({"path": "/var/lib/kubelet/device-plugins"}), "pod-avoids-host"),
        (EXPORTER, lambda props: pod(props).update(hostPID=True), "pod-avoids-host"),
        (EXPORTER, lambda props: pod(props).update(hostNetwork=True), "pod-avoids-host"),
        (EXPORTER, context(privileged=True), "pod-is-unprivileged"),
        (EXPORTER, context(allowPrivilegeEscalation=True), "pod-cannot-escalate"),
        (EXPORTER, context(readOnlyRootFilesystem=False), "pod-root-is-read-only"),
        (EXPORTER, context(runAsUser=1000), "pod-runs-as-non-root"),
        (EXPORTER, context(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}), "pod-drops-capabilities"),
        (EXPORTER, context(capabilities={"add": ["SYS_ADMIN"]}), "pod-drops-capabilities"),
        (EXPORTER, lambda props: props["metadata"].update(namespace="serving"), "pod-avoids-host"),
        (EXPORTER, lambda props: props["metadata"].pop("namespace"), "pod-avoids-host"),
        (EXPORTER, lambda props: props["metadata"].update(name="dcgm-exporter-2"), "pod-avoids-host"),
        (
            NAMESPACE,
            lambda props: props["metadata"].update(name="gpu"),
            "namespace-enforces-restricted",
        ),
        (
            NAMESPACE,
            lambda props: props["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "none"}),
            "namespace-enforces-restricted",
        ),
    ],
)
def test_anything_more_is_refused(
    planned_resources: dict[str, Resource], name: str, change: Callable[[dict[str, Any]], Any], control: str
) -> None:
    assert control in judged(changed(planned_resources[name], change))


def test_a_deployment_of_the_same_name_is_not_exempted(planned_resources: dict[str, Resource]) -> None:
    other = replace(planned_resources[EXPORTER], type="kubernetes:apps/v1:Deployment")

    assert canonical(other.type) == "kubernetes:apps:Deployment"
    assert "pod-avoids-host" in judged(other)


def test_nobody_is_exempted_whose_name_is_not_known() -> None:
    hidden = Resource(urn="a", type="kubernetes:apps/v1:DaemonSet", props=normalise({"metadata": {}}))

    assert exempted("pod-avoids-host", hidden) == ()
    assert exempted("pod-avoids-host", None) == ()
