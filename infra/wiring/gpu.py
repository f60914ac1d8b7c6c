"""GPUs in the cluster: what pools offer, the namespace of GPU work and its gate, what runs on GPU nodes."""

from collections.abc import Mapping

import pulumi

from infra import gpu_checks, mig_setup, naming
from infra.components.encryption_key import EncryptionKey
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
from infra.components.image_registry import ImageRegistry, ImageRegistryArgs
from infra.components.node_pool import Taint
from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.gpu_instances import INSTANCES, MIG_PROFILES, offer
from infra.settings import Settings
from infra.settings_foundation import PoolSettings

TAINT = Taint(key="nvidia.com/gpu", value="present")
"""Keeps pods that did not ask for a GPU off the expensive nodes."""
NAMESPACE, SYSTEM_NAMESPACE = "gpu", "gpu-system"
CORES_PER_GPU, GIB_PER_GPU = 12, 48
"""Cores and memory for each GPU of the quota: what a g5.12xlarge has for each of its four."""
MONITORING = "monitoring"
"""Namespace from which the exporter's metrics are fetched."""
_FOREIGN = "nvcr.io/"
"""Registry of NVIDIA, which nodes cannot reach: its images are copied into the stack's own registry."""


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


def image(settings: Settings, wanted: str) -> str:
    """Return where nodes pull an image from: the stack's copy of NVIDIA's, or the image as it is given."""
    if not wanted.startswith(_FOREIGN):
        return wanted
    name, _, digest = wanted.rsplit("/", 1)[-1].partition("@")
    aws = settings.aws
    copy = naming.repository(settings.environment, name, account_id=aws.account_id, region=aws.region)
    return f"{copy}@{digest}"


def copies(
    settings: Settings, opts: pulumi.ResourceOptions, *, key: EncryptionKey
) -> Mapping[str, ImageRegistry]:
    """Build a repository for the copy of each of NVIDIA's images."""
    wanted = (settings.gpu.device_plugin_image, settings.gpu.exporter_image)
    names = sorted({one.rsplit("/", 1)[-1].partition("@")[0] for one in wanted if one.startswith(_FOREIGN)})
    return {
        name: ImageRegistry(
            f"{name}-images",
            ImageRegistryArgs(
                repository_name=f"{naming.PROJECT}-{settings.environment}/{name}",
                key_arn=key.arn,
                account_id=settings.aws.account_id,
                keep_images=settings.registry.keep_images,
                untagged_days=settings.registry.untagged_days,
            ),
            opts,
        )
        for name in names
    }


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
    images = [
        image(settings, wanted) for wanted in (settings.gpu.device_plugin_image, settings.gpu.exporter_image)
    ]
    narrowed = GpuSystemGate(
        "gpu-system-gate",
        GpuSystemGateArgs(
            namespace_name=SYSTEM_NAMESPACE,
            images=images,
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
            device_plugin_image=images[0],
            exporter_image=images[1],
            scraped_from=MONITORING,
        ),
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[namespace, narrowed])),
    )
