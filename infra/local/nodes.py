"""Nodes that are simulated: kwok keeps them ready and pretends that the pods on them run."""

import time
from typing import Any

from infra.local.control_plane.bootstrap import api
from infra.local.control_plane.kube_api import KubeApi
from infra.local.supervisor.layout import Site

SELECTOR = "plinth.dev/simulated=true"
"""Label of the nodes that kwok keeps. ``plinth-laptop``, the runner's node, does not carry it."""

LEASE_SECONDS = 40
"""Life of a node's lease, as a kubelet has it by default."""

READY_SECONDS = 30
"""Seconds until kwok has made all nodes ready; it takes about one."""

GPUS = 4
"""GPUs that each GPU node offers, as on a g5.12xlarge."""

GPU_POOL = "gpu-a10g"
"""Pool of the GPU nodes, as the local stack names it."""

_CAPACITY = {"cpu": "16", "memory": "64Gi", "ephemeral-storage": "100Gi", "pods": "110"}
_GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
"""As on EKS: only what tolerates it, and so asked for a GPU, is put there."""


def manifests() -> list[dict[str, Any]]:
    """Return the nodes: two for the system, two with GPUs."""
    names = [("system", 1), ("system", 2), ("gpu", 1), ("gpu", 2)]
    return [_node(kind, number) for kind, number in names]


def _node(kind: str, number: int) -> dict[str, Any]:
    name = f"{kind}-{number}"
    labels = {
        "plinth.dev/pool": GPU_POOL if kind == "gpu" else kind,
        "plinth.dev/simulated": "true",
        "eks.amazonaws.com/nodegroup": kind,  # EKS puts it on each node of a managed group
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": f"local-{'ab'[number - 1]}",
    }
    node: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
    }
    if kind == "gpu":
        labels["nvidia.com/gpu.present"] = "true"
        node["spec"]["taints"] = [_GPU_TAINT]
    return node


def capacity(node: dict[str, Any]) -> dict[str, Any]:
    """Return the status with which a node offers what it has."""
    offered = dict(_CAPACITY)
    if node["metadata"]["labels"]["plinth.dev/pool"] == GPU_POOL:
        offered["nvidia.com/gpu"] = str(GPUS)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node["metadata"]["name"]},
        "status": {"capacity": offered, "allocatable": offered},
    }


def settle(site: Site) -> None:
    """Make the nodes, or bring them back to what they should be, and wait until they are ready.

    Raises:
        KubeError: The API server refused something.
        OSError: It does not answer, or a node is not ready after ``READY_SECONDS``.
    """
    kube = api(site)
    for node in manifests():
        kube.apply(node)
    deadline = time.monotonic() + READY_SECONDS
    while (missing := _unready(kube)) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(missing)
        time.sleep(0.1)


def _unready(kube: KubeApi) -> str | None:
    """Return what a node still lacks, or None; put its capacity right on the way.

    kwok fills in a capacity of its own when it sees a new node, at about the time that ours is set,
    so one look is not enough.
    """
    for node in manifests():
        name = node["metadata"]["name"]
        status = kube.get(f"/api/v1/nodes/{name}").get("status", {})
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
        wanted = capacity(node)["status"]["allocatable"].items()
        if not wanted <= status.get("allocatable", {}).items():
            kube.apply(capacity(node), "status")
            return f"node {name} does not offer its capacity yet"
        if not ready:
            return f"node {name} is not ready yet"
    return None


def command(site: Site) -> list[str]:
    """Return the command of kwok."""
    stages = sorted(str(path) for path in site.tools["kwok-stages"].rglob("*.yaml"))
    return [
        str(site.tools["kwok"]),
        f"--kubeconfig={site.kube / 'nodes.kubeconfig'}",
        f"--manage-nodes-with-label-selector={SELECTOR}",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
        "--node-ip=127.0.0.1",
        f"--server-address=127.0.0.1:{site.ports['nodes']}",
        "--v=WARN",  # at INFO it writes a line for each heartbeat
        *(f"--config={stage}" for stage in stages),
    ]
