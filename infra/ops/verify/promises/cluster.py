"""Promises of the cluster and its nodes, as EKS and EC2 tell them."""

from collections.abc import Sequence

from infra.ops.verify.model import AtLeast, Document, Is, Nothing, Promise, Selector, Wants, has
from infra.settings import Settings
from infra.settings_foundation import PoolSettings

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All logs of a control plane."""
GPU = "nvidia.com/gpu"


def _cluster(_: Settings) -> Sequence[Selector]:
    return [{"cluster": "of the environment"}]


def _pools(settings: Settings) -> list[Selector]:
    return [{"pool": "serving"}, {"pool": "system"}, *_gpu_pools(settings)]


def _gpu_pools(settings: Settings) -> list[Selector]:
    return [{"pool": f"gpu-{name}"} for name in sorted(settings.gpu.pools)]


def _has_gpu_pools(settings: Settings) -> bool:
    return bool(settings.gpu.pools)


def _is_gpu(_: Settings, pool: Document) -> bool:
    return bool(pool["gpu"])


def _sized(settings: Settings, pool: Document) -> Wants:
    """Return that a GPU pool can shrink to its smallest size and grow no further than was paid for."""
    wish = settings.gpu.pools.get(str(pool["pool"]).removeprefix("gpu-")) or PoolSettings(
        instance_types=["none"]
    )
    return {"min": Is(wish.min_nodes), "max": Is(wish.max_nodes), "capacity": Is(wish.capacity)}


def _entries(settings: Settings, entry: Document) -> Wants:
    groups = {
        "auditor": ["plinth-auditors"],
        "break-glass": ["plinth-break-glass"],
        "ci-deploy": ["plinth-deployers"],
        "ml-engineer": [settings.gpu.group],
        "operator": ["plinth-operators"],
    }
    return {"groups": Is(groups.get(str(entry["duty"]), [])), "policies": Nothing()}


PROMISES: tuple[Promise, ...] = (
    Promise(
        id="cluster-endpoint-private",
        says="The Kubernetes API is reached from inside, from outside only by the networks of the settings",
        design="cluster",
        read="eks DescribeCluster",
        of="cluster",
        wants=lambda settings, _: {
            "private_endpoint": Is(value=True),
            "public_endpoint": Is(value=bool(settings.cluster.public_cidrs)),
            "public_cidrs": Is(sorted(settings.cluster.public_cidrs)),
            "open_to_all": Nothing(),
        },
        required=_cluster,
    ),
    Promise(
        id="cluster-secrets-in-an-envelope",
        says="Kubernetes secrets are encrypted with the cluster's own key before they are stored",
        design="cluster",
        read="eks DescribeCluster",
        of="cluster",
        wants=lambda _, __: {"sealed": has("secrets"), "key_class": Is("cluster")},
        required=_cluster,
    ),
    Promise(
        id="cluster-writes-all-logs",
        says="The control plane writes all five logs",
        design="cluster",
        read="eks DescribeCluster",
        of="cluster",
        wants=lambda _, __: {"logs": has(*LOGS)},
        required=_cluster,
    ),
    Promise(
        id="cluster-entered-by-entries-only",
        says="The cluster is entered by access entries and nothing else",
        design="identity",
        read="eks DescribeCluster",
        of="cluster",
        wants=lambda _, __: {"authentication": Is("API")},
        required=_cluster,
    ),
    Promise(
        id="cluster-version-and-addons-pinned",
        says="Version and add-ons are those of the settings, and the cluster is protected as they say",
        design="cluster",
        read="eks DescribeCluster, DescribeAddon",
        of="cluster",
        wants=lambda settings, _: {
            "version": Is(settings.cluster.version),
            "addons": Is(dict(settings.cluster.addons)),
            "protected": Is(settings.cluster.deletion_protection),
        },
        required=_cluster,
    ),
    Promise(
        id="logs-kept-and-encrypted",
        says="Each log group is encrypted with the key of the logs and keeps its events for a year at least",
        design="audit",
        read="logs DescribeLogGroups",
        of="log-group",
        wants=lambda settings, _: {
            "key_class": Is("logs"),
            "days": AtLeast(min(settings.cluster.log_days, settings.audit.log_days)),
        },
        required=lambda settings: [
            {"log": "control-plane"},
            {"log": "network-flow"},
            *([{"log": "audit-trail"}] if settings.aws.owns_account else []),
        ],
    ),
    Promise(
        id="duties-enter-as-their-groups",
        says="Each duty enters the cluster as its own group, without a policy of EKS beside it",
        design="identity",
        read="eks DescribeAccessEntry, ListAssociatedAccessPolicies",
        of="entry",
        wants=_entries,
        required=lambda settings: [
            {"duty": duty}
            for duty in (
                *("auditor", "break-glass", "ml-engineer", "operator"),
                *(("ci-deploy",) if settings.identity.repository else ()),
            )
        ],
    ),
    Promise(
        id="workloads-have-identities",
        says="Each service's pods get a role of their own by Pod Identity",
        design="identity",
        read="eks DescribePodIdentityAssociation",
        of="pod-identity",
        among=lambda _, identity: str(identity["workload"]).startswith("serving/"),
        wants=lambda settings, identity: {
            "role": Is(f"plinth-{settings.environment}-serve-{str(identity['workload']).split('/', 1)[1]}")
        },
        required=lambda settings: [
            {"workload": f"serving/{service}"} for service in sorted(settings.services)
        ],
        applies=lambda settings: bool(settings.services),
    ),
    Promise(
        id="nodes-keep-their-identity",
        says="Nodes answer for their identity to IMDSv2 only, and to nobody one hop away",
        design="gpu_pool",
        read="eks DescribeNodegroup; ec2 DescribeLaunchTemplateVersions",
        of="pool",
        wants=lambda _, __: {"template.tokens": Is("required"), "template.hops": Is(1)},
        required=_pools,
    ),
    Promise(
        id="node-volumes-encrypted",
        says="Every volume of a node is encrypted with the key of the volumes",
        design="gpu_pool",
        read="eks DescribeNodegroup; ec2 DescribeLaunchTemplateVersions",
        of="pool",
        wants=lambda _, __: {
            "template.disks": AtLeast(1),
            "template.plain_disks": Nothing(),
            "template.disk_key_classes": Is(["volumes"]),
        },
        required=_pools,
    ),
    Promise(
        id="nodes-without-public-address",
        says="No node has a public address or a door for SSH",
        design="gpu_pool",
        read="eks DescribeNodegroup; ec2 DescribeLaunchTemplateVersions",
        of="pool",
        wants=lambda _, __: {"template.public_addresses": Nothing(), "remote_access": Nothing()},
        required=_pools,
    ),
    Promise(
        id="node-costs-have-owners",
        says="Instances and volumes that Auto Scaling makes carry tags from the template",
        design="cost",
        read="ec2 DescribeLaunchTemplateVersions",
        of="pool",
        wants=lambda _, __: {"template.tagged": has("instance", "volume")},
        required=_pools,
    ),
    Promise(
        id="gpu-pool-scales-from-zero",
        says="A GPU pool shrinks to what the settings say, grows no further, and has their capacity type",
        design="gpu_pool",
        read="eks DescribeNodegroup",
        of="pool",
        among=_is_gpu,
        wants=_sized,
        required=_gpu_pools,
        applies=_has_gpu_pools,
    ),
    Promise(
        id="gpu-nodes-keep-others-away",
        says="GPU nodes are labelled, and tainted against every pod that asks for no GPU",
        design="gpu_pool",
        read="eks DescribeNodegroup",
        of="pool",
        among=_is_gpu,
        wants=lambda _, pool: {
            "labels": has(f"{GPU}.present=true", f"plinth.dev/pool={pool['pool']}"),
            "taints": has(f"{GPU}:NO_SCHEDULE"),
        },
        required=_gpu_pools,
        applies=_has_gpu_pools,
    ),
)
