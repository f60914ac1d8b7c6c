"""What runs on GPU nodes, on the real API server and scheduler: it lands there, and nobody else with it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.components.gpu_gate import COST_LABEL, SERVICE_ACCOUNT
from infra.local.control_plane.kube_api import KubeError

pytestmark = pytest.mark.local
SPACE = "gpu-system"
APPS = ("dcgm-exporter", "nvidia-device-plugin-gpu-a10g")


def pods(cluster: Any, app: str) -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/{SPACE}/pods?labelSelector=app.kubernetes.io%2Fname%3D{app}"
    found: list[dict[str, Any]] = cluster.api.get(path)["items"]
    return found


@pytest.mark.parametrize("app", APPS)
def test_each_gpu_node_gets_one_and_no_other_node_any(gated: Any, app: str) -> None:
    def placed() -> list[str]:
        return sorted(pod["spec"].get("nodeName", "") for pod in pods(gated, app))

    gated.until(lambda: placed() == ["gpu-1", "gpu-2"])
    daemon = f"/apis/apps/v1/namespaces/{SPACE}/daemonsets/{app}"
    # kwok plays the pods ready; what a container would do is not shown here.
    gated.until(lambda: gated.api.get(daemon)["status"].get("numberReady") == 2)
    assert gated.api.get(daemon)["status"]["numberMisscheduled"] == 0


def changed(cluster: Any, change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Return a pod like the exporter's own, changed in one thing."""
    template = cluster.api.get(f"/apis/apps/v1/namespaces/{SPACE}/daemonsets/dcgm-exporter")["spec"][
        "template"
    ]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "other"},
        "spec": copy.deepcopy(template["spec"]),
    }
    change(pod["spec"])
    return pod


def container(**of: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda spec: spec["containers"][0].update(of)


def context(**of: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda spec: spec["containers"][0]["securityContext"].update(of)


def folder(path: str) -> Callable[[dict[str, Any]], Any]:
    return lambda spec: spec["volumes"].append({"name": "more", "hostPath": {"path": path}})


def without_account(spec: dict[str, Any]) -> None:
    for key in ("serviceAccountName", "serviceAccount"):  # the second is the old name of the first
        spec.pop(key, None)


OTHER_IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/plinth-local/dcgm-exporter@sha256:{'b' * 64}"


def test_a_pod_like_the_exporter_s_own_is_let_in(gated: Any) -> None:
    assert gated.create_pod(SPACE, changed(gated, lambda _: None), dry=True) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (container(image=OTHER_IMAGE), "by their digests"),
        (container(image="nvcr.io/nvidia/k8s/dcgm-exporter:latest"), "by their digests"),
        (
            lambda spec: spec.update(initContainers=[{"name": "first", "image": OTHER_IMAGE}]),
            "by their digests",
        ),
        (
            lambda spec: spec.update(serviceAccountName="default"),
            "run as nvidia-device-plugin or dcgm-exporter",
        ),
        (without_account, "run as nvidia-device-plugin or dcgm-exporter"),
        (folder("/"), "of the node nothing but"),
        (folder("/var/lib/kubelet"), "of the node nothing but"),
        (lambda spec: spec.update(hostNetwork=True), "are not shared"),
        (lambda spec: spec.update(hostPID=True), "are not shared"),
        (lambda spec: spec.update(hostIPC=True), "are not shared"),
        (context(privileged=True, allowPrivilegeEscalation=True), "privileged containers"),
        (context(capabilities={"add": ["SYS_MODULE"]}), "no capability but SYS_ADMIN"),
    ],
)
def test_anything_else_is_refused_in_the_privileged_namespace(
    gated: Any, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    refusal = gated.create_pod(SPACE, changed(gated, change), dry=True)

    assert refusal is not None
    assert said in refusal


def test_nothing_is_put_into_a_running_pod(gated: Any) -> None:
    gated.until(lambda: len(pods(gated, "dcgm-exporter")) == 2)
    name = pods(gated, "dcgm-exporter")[0]["metadata"]["name"]
    image = pods(gated, "dcgm-exporter")[0]["spec"]["containers"][0]["image"]
    patch = {"spec": {"ephemeralContainers": [{"name": "shell", "image": image}]}}

    with pytest.raises(KubeError, match="nothing may be put into a running pod"):
        gated.api.call(
            "PATCH",
            f"/api/v1/namespaces/{SPACE}/pods/{name}/ephemeralcontainers",
            json.dumps(patch).encode(),
            "application/strategic-merge-patch+json",
        )


@pytest.mark.parametrize("space", ["gpu", "serving"])
def test_elsewhere_the_same_pod_is_refused_by_pod_security(gated: Any, space: str) -> None:
    # Without its account, which those namespaces do not have, and which would be a reason of its own.
    refusal = gated.create_pod(space, changed(gated, without_account), dry=True)

    assert refusal is not None
    assert "violates PodSecurity" in refusal


def test_a_pod_that_asks_for_a_slice_waits_while_no_node_offers_slices(gated: Any) -> None:
    amounts = {"nvidia.com/gpu.shared": "1", "cpu": "1", "memory": "1Gi"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "sliced", "labels": {COST_LABEL: "4711"}},
        "spec": {
            "serviceAccountName": SERVICE_ACCOUNT,
            "automountServiceAccountToken": False,
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "main",
                    "image": f"example.invalid/training@sha256:{'a' * 64}",
                    "resources": {"requests": amounts, "limits": amounts},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }

    assert gated.create_pod("gpu", pod) is None

    def reason() -> str:
        conditions = gated.api.get("/api/v1/namespaces/gpu/pods/sliced")["status"].get("conditions", [])
        return " ".join(c.get("message", "") for c in conditions if c["type"] == "PodScheduled")

    gated.until(lambda: "Insufficient nvidia.com/gpu.shared" in reason())
