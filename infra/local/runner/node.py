"""The node ``plinth-laptop``: registered, labelled, and kept alive by its lease."""

import asyncio
import logging
import os
import platform
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from infra.local.runner import MAX_PROCESSES, NODE_NAME, UNPROVEN, UNPROVEN_ANNOTATION
from infra.local.runner.rest import FAILURES, STRATEGIC, Api, ApiError
from infra.local.runner.status import rfc3339

log = logging.getLogger(__name__)

HOST_IP = "192.0.2.1"
"""The node's address: from the block reserved for documentation, since the API refuses loopback in places
and nothing may ever be sent to it."""

_LEASE_SECONDS, _RENEW_SECONDS, _RETRY_SECONDS = 40, 10, 1
"""The kubelet's own lease and renewal; the node controller waits 40 s before it calls a node unknown."""

_STATUS_EVERY = 6
"""Node status is written at every sixth renewal (60 s): the lease is the heartbeat, this is the detail."""

_NODE, _LEASES = (
    f"/api/v1/nodes/{NODE_NAME}",
    "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
)
_NOT_FOUND, _CONFLICT = 404, 409


def node_object() -> dict[str, Any]:
    """Return the node as it is registered."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE_NAME,
            "labels": {
                "plinth.dev/pool": "serving",
                "kubernetes.io/hostname": NODE_NAME,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": _architecture(),
                # Spread constraints over zones need a zone on every node.
                "topology.kubernetes.io/zone": "local",
            },
            # kwok manages nodes with its own annotation only, which this one lacks.
            "annotations": {"plinth.dev/managed-by": "runner", UNPROVEN_ANNOTATION: "; ".join(UNPROVEN)},
        },
    }


def node_status(disk: Path, *, now: float, earlier: dict[str, Any]) -> dict[str, Any]:
    """Return the node's status: the machine's own cores and memory, and the runner's limit of pods.

    GPUs are never offered: a process without a container cannot be held to one.
    """
    capacity = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{psutil.virtual_memory().total // 1024}Ki",
        "pods": str(MAX_PROCESSES),
        "ephemeral-storage": f"{shutil.disk_usage(disk).total // 1024}Ki",
    }
    truths = {
        "Ready": ("True", "RunnerReady", "the runner posts ready status"),
        "MemoryPressure": ("False", "RunnerHasSufficientMemory", "not measured by the runner"),
        "DiskPressure": ("False", "RunnerHasNoDiskPressure", "not measured by the runner"),
        "PIDPressure": ("False", "RunnerHasSufficientPID", "not measured by the runner"),
    }
    known = {item["type"]: item for item in earlier.get("conditions") or []}
    conditions = []
    for kind, (status, reason, message) in truths.items():
        before = known.get(kind, {})
        since = before.get("lastTransitionTime") if before.get("status") == status else None
        conditions.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": rfc3339(now),
                "lastTransitionTime": since or rfc3339(now),
            }
        )
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [
            {"type": "InternalIP", "address": HOST_IP},
            {"type": "Hostname", "address": NODE_NAME},
        ],
        "conditions": conditions,
        "nodeInfo": {
            "operatingSystem": "linux",
            "architecture": _architecture(),
            "kubeletVersion": "plinth-runner",
        },
    }


async def keep_node(api: Api, disk: Path) -> None:
    """Register the node and renew its lease until cancelled; a node that was deleted is registered again."""
    said = ""
    turn = 0
    while True:
        try:
            if turn % _STATUS_EVERY == 0:
                await _register(api, disk)
            await _renew(api)
            turn, said = turn + 1, ""
            await asyncio.sleep(_RENEW_SECONDS)
        except FAILURES as error:
            if said != (said := f"{type(error).__name__}: {error}"):
                log.warning("node: %s; trying again", said)
            turn = 0
            await asyncio.sleep(_RETRY_SECONDS)


async def _register(api: Api, disk: Path) -> None:
    wanted = node_object()
    try:
        node = await api.patch(
            _NODE, {"metadata": {k: wanted["metadata"][k] for k in ("labels", "annotations")}}
        )
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        node = await api.create("/api/v1/nodes", wanted)
        log.info("node %s registered", NODE_NAME)
    status = node_status(disk, now=time.time(), earlier=node.get("status") or {})
    await api.patch(f"{_NODE}/status", {"status": status}, kind=STRATEGIC)


async def _renew(api: Api) -> None:
    spec = {
        "holderIdentity": NODE_NAME,
        "leaseDurationSeconds": _LEASE_SECONDS,
        "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    try:
        await api.patch(f"{_LEASES}/{NODE_NAME}", {"spec": spec})
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        await api.create(
            _LEASES,
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": NODE_NAME, "namespace": "kube-node-lease"},
                "spec": spec,
            },
        )


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
