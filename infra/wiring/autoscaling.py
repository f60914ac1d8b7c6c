"""What adds nodes and takes them away, in a namespace of its own."""

import pulumi

from infra import naming
from infra.components.cluster_autoscaler import ClusterAutoscaler, ClusterAutoscalerArgs
from infra.components.eks_cluster import PodIdentity
from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.settings import Settings
from infra.wiring import cluster, gpu, images

NAMESPACE = "autoscaler"


def most_nodes(settings: Settings) -> int:
    """Return how many nodes all pools may have together."""
    wanted = settings.cluster
    gpus = sum(pool.max_nodes for pool in settings.gpu.pools.values())
    return wanted.system_nodes * cluster.SYSTEM_GROWTH + wanted.serving_nodes * cluster.SERVING_GROWTH + gpus


def build(settings: Settings, opts: pulumi.ResourceOptions, *, identity: PodIdentity) -> ClusterAutoscaler:
    """Build what adds and removes nodes, in a namespace of its own.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        identity: Its identity in AWS, which must stand before its pods start.
    """
    namespace = RestrictedNamespace(
        "autoscaler-namespace",
        RestrictedNamespaceArgs(
            namespace_name=NAMESPACE,
            pods=4,  # two, and both again while they are replaced
            cpu_cores=2,
            memory_gib=4,
        ),
        opts,
    )
    after = pulumi.ResourceOptions(depends_on=[namespace, identity])
    return ClusterAutoscaler(
        "cluster-autoscaler",
        ClusterAutoscalerArgs(
            namespace=NAMESPACE,
            cluster=naming.cluster(settings.environment),
            region=settings.aws.region,
            image=images.image(settings, settings.cluster.autoscaler()),
            most_nodes=most_nodes(settings),
            api_cidrs=[settings.network.cidr, settings.network.service_cidr],
            scraped_from=gpu.MONITORING,
        ),
        pulumi.ResourceOptions.merge(opts, after),
    )
