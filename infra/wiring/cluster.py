"""The cluster, its nodes and GPU pools, and the identities of what runs there."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra import naming
from infra.components.cluster_duties import ClusterDutyRoles, ClusterDutyRolesArgs
from infra.components.duties import Duty, ServiceRole, ServiceRoleArgs
from infra.components.eks_cluster import (
    Access,
    EksCluster,
    EksClusterArgs,
    PodIdentity,
    PodIdentityArgs,
)
from infra.components.encryption_key import EncryptionKey
from infra.components.network import Network
from infra.components.node_pool import NodePool, NodePoolArgs
from infra.iam import cluster_rules, workload_roles
from infra.settings import Settings
from infra.settings_foundation import PoolSettings
from infra.wiring import foundation, gpu

SYSTEM_DISK_GIB = 50
"""Volume of a system node in GiB: the images of a dozen add-ons and their logs."""
SYSTEM_GROWTH = 2
"""Most system nodes, as a multiple of the fewest: while they are replaced, all of them once over."""
SERVING_DISK_GIB = 100
"""Volume of a node of services in GiB: images of 1 to 2 GiB, two releases of each while they roll."""
SERVING_GROWTH = 3
"""Most nodes of services, as a multiple of the fewest."""


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What runs things, in one environment."""

    cluster: EksCluster
    node_role: ServiceRole
    pools: Mapping[str, NodePool]


def build(
    settings: Settings,
    opts: pulumi.ResourceOptions,
    *,
    network: Network,
    keys: Mapping[str, EncryptionKey],
    duties: Mapping[str, Duty],
    groups: Mapping[str, tuple[str, ...]],
) -> Compute:
    """Build the cluster and its pools.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        network: Where it stands.
        keys: Keys of Kubernetes secrets, volumes and logs.
        duties: Roles that may enter.
        groups: Duty to the Kubernetes groups that it is in, once inside; a duty without any stays outside.
    """
    wanted, scope = settings.cluster, foundation.scope(settings)
    control = ServiceRole(
        "cluster-role",
        ServiceRoleArgs(
            role_name=naming.role(settings.environment, "cluster"),
            description="Runs the Kubernetes control plane.",
            trust=workload_roles.cluster_trust(scope),
            managed_policies=workload_roles.CLUSTER_POLICIES,
        ),
        opts,
    )
    node_role = ServiceRole(
        "node-role",
        ServiceRoleArgs(
            role_name=naming.role(settings.environment, "node"),
            description="Joins nodes to the cluster and pulls images.",
            trust=workload_roles.node_trust(scope),
            managed_policies=workload_roles.NODE_POLICIES,
        ),
        opts,
    )
    cluster = EksCluster(
        "cluster",
        EksClusterArgs(
            cluster_name=naming.cluster(settings.environment),
            version=wanted.version,
            role_arn=control.arn,
            subnet_ids=network.private_subnet_ids,
            service_cidr=settings.network.service_cidr,
            public_cidrs=wanted.public_cidrs,
            secrets_key_arn=keys["cluster"].arn,
            log_key_arn=keys["logs"].arn,
            log_days=wanted.log_days,
            deletion_protection=wanted.deletion_protection,
            access={
                duty: Access(principal_arn=duties[duty].arn, groups=names)
                for duty, names in groups.items()
                if duty in duties
            },
            addons=wanted.addons,
        ),
        opts,
    )

    def pool(name: str, wish: PoolSettings, *, has_gpu: bool) -> NodePool:
        return NodePool(
            f"{name}-pool",
            NodePoolArgs(
                pool=name,
                physical_name=f"{naming.cluster(settings.environment)}-{name}",
                cluster=cluster.name,
                version=wanted.version,
                role_arn=node_role.arn,
                subnet_ids=network.private_subnet_ids,
                instance_types=wish.instance_types,
                image_family="AL2023_x86_64_NVIDIA" if has_gpu else "AL2023_x86_64_STANDARD",
                capacity=wish.capacity,
                min_nodes=wish.min_nodes,
                max_nodes=wish.max_nodes,
                disk_gib=wish.disk_gib,
                disk_key_arn=keys["volumes"].arn,
                labels=gpu.labels(wish) if has_gpu else {},
                taints=[gpu.TAINT] if has_gpu else [],
                offers=gpu.offers(wish) if has_gpu else {},
                setup=gpu.setup(wish) if has_gpu else "",
            ),
            opts,
        )

    system = PoolSettings(
        instance_types=wanted.system_instance_types,
        min_nodes=wanted.system_nodes,
        max_nodes=wanted.system_nodes * SYSTEM_GROWTH,
        disk_gib=SYSTEM_DISK_GIB,
    )
    serving = PoolSettings(
        instance_types=wanted.serving_instance_types,
        min_nodes=wanted.serving_nodes,
        max_nodes=wanted.serving_nodes * SERVING_GROWTH,
        disk_gib=SERVING_DISK_GIB,
    )
    pools = {
        "serving": pool("serving", serving, has_gpu=False),
        "system": pool("system", system, has_gpu=False),
    }
    for name, wish in sorted(settings.gpu.pools.items()):
        pools[gpu.label(name)] = pool(gpu.label(name), wish, has_gpu=True)
    return Compute(cluster=cluster, node_role=node_role, pools=pools)


def duties(
    opts: pulumi.ResourceOptions, *, namespaces: Mapping[str, pulumi.Input[str]]
) -> dict[str, ClusterDutyRoles]:
    """Build what each duty may do inside the cluster; return it by group.

    Args:
        opts: Options with the providers.
        namespaces: The namespaces in which services run, in the program and in the cluster.
    """
    return {
        duty.group: ClusterDutyRoles(
            duty.group.removeprefix(f"{naming.PROJECT}-"),
            ClusterDutyRolesArgs(duty=duty, namespaces=namespaces),
            opts,
        )
        for duty in cluster_rules.duties()
    }


def workloads(
    settings: Settings, opts: pulumi.ResourceOptions, *, cluster: EksCluster
) -> dict[str, PodIdentity]:
    """Build a role for each workload and give it to the workload's pods: services, add-ons, GPU training."""
    scope = foundation.scope(settings)
    roles = [
        workload_roles.model_service(scope, service, queue=wanted.queue)
        for service, wanted in sorted(settings.services.items())
    ]
    roles += [
        *workload_roles.system_workloads(),
        workload_roles.autoscaler(scope),
        *workload_roles.monitoring(
            scope,
            keeps_samples=bool(settings.monitoring.remote_write_url),
            operations=bool(settings.monitoring.operations_image),
        ),
    ]
    if settings.gpu.pools:
        roles.append(workload_roles.gpu_training(scope))
    built = {}
    for role in roles:
        made = ServiceRole(
            f"{role.name}-role",
            ServiceRoleArgs(
                role_name=naming.role(settings.environment, role.name),
                description=role.description,
                trust=workload_roles.workload_trust(scope),
                managed_policies=role.managed_policies,
                policy=role.policy(),
            ),
            opts,
        )
        built[role.name] = PodIdentity(
            f"{role.name}-identity",
            PodIdentityArgs(
                cluster=cluster.name,
                namespace=role.namespace,
                service_account=role.service_account,
                role_arn=made.arn,
            ),
            opts,
        )
    return built
