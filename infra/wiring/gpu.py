"""GPUs in the cluster: what pools offer, the namespace of GPU work and its gate, what runs on GPU nodes."""

import pulumi

from infra import gpu_checks, mig_setup
from infra.components.gpu_gate import GpuGate, GpuGateArgs
from infra.components.gpu_system import (
    CAPABILITIES,
    EXPORTER,
    PLUGIN_ACCOUNT,
    PLUGIN_FOLDER,
    PODS_FOLDER,
    PRESENT,
    Division,
    GpuSystem,
    GpuSystemArgs,
)
from infra.components.gpu_system_gate import GpuSystemGate, GpuSystemGateArgs
from infra.components.node_pool import Taint
from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.gpu_instances import INSTANCES, MIG_PROFILES, offer
from infra.settings import Settings
from infra.settings_foundation import PoolSettings
from infra.wiring import images

TAINT = Taint(key="nvidia.com/gpu", value="present")
"""Keeps pods that did not ask for a GPU off the expensive nodes."""
NAMESPACE, SYSTEM_NAMESPACE = "gpu", "gpu-system"
CORES_PER_GPU, GIB_PER_GPU = 12, 48
"""Cores and memory for each GPU of the quota: what a g5.12xlarge has for each of its four."""
MONITORING = "monitoring"
"""Namespace from which the exporter's metrics are fetched."""


def label(pool: str) -> str:
    """Return the name of a GPU pool as its nodes carry it."""
    return f"gpu-{pool}"


def labels(pool: PoolSettings) -> dict[str, str]:
    """Return the labels of a pool's nodes.

    The second one tells the Cluster Autoscaler that a new node whose GPU is not yet offered is still
    starting; without it, it would start another.
    """
    model = INSTANCES[pool.instance_types[0]].model.lower().replace(" ", "-")
    return {**PRESENT, "k8s.amazonaws.com/accelerator": f"nvidia-{model}"}


def offers(pool: PoolSettings) -> dict[str, int]:
    """Return what a node of a pool offers; of several types the least, so that nobody waits in vain."""
    found = [
        offer(kind, time_slices=pool.time_slices, mig_profile=pool.mig_profile)
        for kind in pool.instance_types
    ]
    least = min(found, key=lambda one: one.units)
    return {least.resource: least.units}


def setup(pool: PoolSettings) -> str:
    """Return the script that prepares a pool's nodes; empty when there is nothing to prepare."""
    if not pool.mig_profile:
        return ""
    model = INSTANCES[pool.instance_types[0]].model
    return mig_setup.script(pool.mig_profile, MIG_PROFILES[model][pool.mig_profile])


def gate(settings: Settings, opts: pulumi.ResourceOptions) -> GpuGate:
    """Build the namespace of GPU work and the gate before it."""
    most = settings.gpu.quota
    namespace = RestrictedNamespace(
        "gpu-namespace",
        RestrictedNamespaceArgs(
            namespace_name=NAMESPACE,
            pods=max(most * 2, 4),  # as many again that finish or prepare, without a GPU
            cpu_cores=max(most * CORES_PER_GPU, CORES_PER_GPU),
            memory_gib=max(most * GIB_PER_GPU, GIB_PER_GPU),
        ),
        opts,
    )
    return GpuGate(
        "gpu-gate",
        GpuGateArgs(
            namespace=namespace.name,
            namespace_name=NAMESPACE,
            group=settings.gpu.group,
            quotas={name: min(most, units) for name, units in gpu_checks.offers(settings.gpu).items()},
        ),
        opts,
    )


def system(settings: Settings, opts: pulumi.ResourceOptions) -> GpuSystem:
    """Build what runs on GPU nodes, in the one namespace that is not restricted, and what narrows it."""
    nodes = sum(pool.max_nodes for pool in settings.gpu.pools.values())
    namespace = RestrictedNamespace(
        "gpu-system-namespace",
        RestrictedNamespaceArgs(
            namespace_name=SYSTEM_NAMESPACE,
            pods=nodes * 4,  # plugin and exporter, and both again while they are replaced
            cpu_cores=max(1, nodes),
            memory_gib=nodes * 4,
            # Loud on purpose: both DaemonSets need a directory of their node, which no lower level admits.
            level="privileged",
        ),
        opts,
    )
    plugin = images.image(settings, settings.gpu.device_plugin_image)
    exporter = images.image(settings, settings.gpu.exporter_image)
    narrowed = GpuSystemGate(
        "gpu-system-gate",
        GpuSystemGateArgs(
            namespace_name=SYSTEM_NAMESPACE,
            images=[plugin, exporter],
            accounts=[PLUGIN_ACCOUNT, EXPORTER],
            host_paths=[PLUGIN_FOLDER, PODS_FOLDER],
            capabilities=CAPABILITIES,
        ),
        opts,
    )
    return GpuSystem(
        "gpu-system",
        GpuSystemArgs(
            namespace_name=SYSTEM_NAMESPACE,
            pools={
                label(name): Division(time_slices=pool.time_slices, mig=bool(pool.mig_profile))
                for name, pool in settings.gpu.pools.items()
            },
            device_plugin_image=plugin,
            exporter_image=exporter,
            scraped_from=MONITORING,
        ),
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[namespace, narrowed])),
    )
