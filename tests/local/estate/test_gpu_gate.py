"""The gate of the GPU pool on the real API server and scheduler: who gets in, is refused, stays away."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra.components.gpu_gate import COST_LABEL, SERVICE_ACCOUNT
from infra.local.nodes import GPU_POOL

pytestmark = pytest.mark.local

QUOTA = 6
"""As the fixture ``gated`` sets it."""
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
GOOD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "training", "labels": {COST_LABEL: "4711"}},
    "spec": {
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "tolerations": [TOLERATION],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "main",
                "image": f"example.invalid/training@sha256:{'a' * 64}",
                "resources": {
                    "requests": {"nvidia.com/gpu": "1", "cpu": "1", "memory": "1Gi"},
                    "limits": {"nvidia.com/gpu": "1", "cpu": "1", "memory": "1Gi"},
                },
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}


def changed(change: Callable[[dict[str, Any]], Any], name: str = "training") -> dict[str, Any]:
    pod = copy.deepcopy(GOOD)
    pod["metadata"]["name"] = name
    change(pod)
    return pod


def without_gpu(pod: dict[str, Any]) -> None:
    for amounts in pod["spec"]["containers"][0]["resources"].values():
        del amounts["nvidia.com/gpu"]


def test_an_allowed_gpu_pod_lands_on_a_gpu_node(gated: Any) -> None:
    assert gated.create_pod("gpu", GOOD) is None

    def node() -> str:
        return str(gated.api.get("/api/v1/namespaces/gpu/pods/training")["spec"].get("nodeName", ""))

    gated.until(lambda: node() != "")
    labels = gated.api.get(f"/api/v1/nodes/{node()}")["metadata"]["labels"]
    assert labels["plinth.dev/pool"] == GPU_POOL


def test_a_pod_without_a_gpu_stays_away_from_gpu_nodes(gated: Any) -> None:
    def plain(pod: dict[str, Any]) -> None:
        without_gpu(pod)
        del pod["spec"]["tolerations"], pod["spec"]["serviceAccountName"]

    for number in range(8):  # more than one, so that chance alone would put one onto a GPU node
        assert gated.create_pod("serving", changed(plain, f"plain-{number}")) is None

    def nodes() -> list[str]:
        pods = gated.api.get("/api/v1/namespaces/serving/pods")["items"]
        own = [pod for pod in pods if pod["metadata"]["name"].startswith("plain-")]
        return [pod["spec"].get("nodeName", "") for pod in own]

    gated.until(lambda: all(nodes()))
    assert len(nodes()) == 8
    assert not any(node.startswith("gpu-") for node in nodes())


def elsewhere(pod: dict[str, Any]) -> None:
    # The account of GPU work is missing there, which would be a reason of its own.
    pod["spec"]["serviceAccountName"] = "default"


def tolerates_only(pod: dict[str, Any]) -> None:
    elsewhere(pod)
    without_gpu(pod)


def tolerates_everything(pod: dict[str, Any]) -> None:
    tolerates_only(pod)
    pod["spec"]["tolerations"] = [{"operator": "Exists"}]


def asks_for_a_slice(pod: dict[str, Any]) -> None:
    elsewhere(pod)
    amounts = {"nvidia.com/mig-1g.5gb": "1", "cpu": "1", "memory": "1Gi"}
    pod["spec"]["containers"][0]["resources"] = {"limits": amounts, "requests": amounts}


def init_container_asks(pod: dict[str, Any]) -> None:
    elsewhere(pod)
    asking = copy.deepcopy(pod["spec"]["containers"][0]) | {"name": "first"}
    without_gpu(pod)
    pod["spec"]["initContainers"] = [asking]


HERE_ONLY, TOLERATES = "GPUs are for namespace gpu", "must not tolerate"
REFUSED: list[tuple[str, str, Callable[[dict[str, Any]], Any], str]] = [
    ("outside the namespace", "serving", elsewhere, HERE_ONLY),
    ("outside, by an init container", "serving", init_container_asks, HERE_ONLY),
    ("outside, by a MIG slice", "serving", asks_for_a_slice, HERE_ONLY),
    ("in the default namespace", "default", elsewhere, HERE_ONLY),
    ("in an exempt namespace", "kube-system", elsewhere, HERE_ONLY),
    ("no toleration", "gpu", lambda pod: pod["spec"].pop("tolerations"), "needs a toleration"),
    ("another service account", "gpu", elsewhere, "runs as service account"),
    ("no cost label", "gpu", lambda pod: pod["metadata"].pop("labels"), "needs the label"),
    (
        "an empty cost label",
        "gpu",
        lambda pod: pod["metadata"]["labels"].update({COST_LABEL: ""}),
        "needs the",
    ),
    ("tolerates without asking", "gpu", tolerates_only, TOLERATES),
    ("tolerates without asking, elsewhere", "serving", tolerates_only, TOLERATES),
    ("tolerates everything", "serving", tolerates_everything, TOLERATES),
]


@pytest.mark.parametrize(
    ("namespace", "change", "said"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_pod_is_refused_with_the_reason(
    gated: Any, namespace: str, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    refusal = gated.create_pod(namespace, changed(change, "refused"), dry=True)

    assert refusal is not None
    assert said in refusal


def test_the_namespace_has_no_more_gpus_than_its_quota(gated: Any) -> None:
    def greedy(pod: dict[str, Any]) -> None:
        for amounts in pod["spec"]["containers"][0]["resources"].values():
            amounts["nvidia.com/gpu"] = str(QUOTA + 1)

    # Quotas are not looked at in a dry run.
    assert "exceeded quota" in (gated.create_pod("gpu", changed(greedy, "greedy")) or "")


@pytest.mark.parametrize(
    ("group", "verb", "resource", "namespace", "expected"),
    [
        ("gpu-users", "create", "pods", "gpu", True),
        ("gpu-users", "create", "batch/jobs", "gpu", True),
        ("gpu-users", "get", "pods:log", "gpu", True),
        ("gpu-users", "create", "pods:exec", "gpu", False),
        ("gpu-users", "get", "secrets", "gpu", False),
        ("gpu-users", "create", "pods", "serving", False),
        ("gpu-users", "create", "pods", "kube-system", False),
        ("gpu-users", "update", "resourcequotas", "gpu", False),
        ("gpu-users", "delete", "resourcequotas", "gpu", False),
        ("gpu-users", "create", "serviceaccounts:token", "gpu", False),
        ("gpu-users", "create", "rolebindings", "gpu", False),
        ("plinth-operators", "create", "pods", "gpu", False),
        ("plinth-auditors", "create", "pods", "gpu", False),
        ("somebody", "create", "pods", "gpu", False),
    ],
)
def test_only_the_named_group_creates_in_the_gpu_namespace(
    gated: Any, group: str, verb: str, resource: str, namespace: str, *, expected: bool
) -> None:
    assert gated.may(group, verb, resource, namespace) is expected
