"""The Kubernetes control plane on AWS: private, encrypted, recorded, entered by access entries only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All logs that a control plane writes (EKS user guide)."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may enter the cluster, and as what.

    Args:
        principal_arn: Role of IAM that enters.
        groups: Kubernetes groups that it is then in; RBAC says what they may do.
        policy: Name of an EKS access policy that it has besides; None for none.
    """

    principal_arn: pulumi.Input[str]
    groups: Sequence[str] = ()
    policy: str | None = None


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """What the cluster needs to know.

    Args:
        cluster_name: Physical name.
        version: Kubernetes version.
        role_arn: Role of the control plane.
        subnet_ids: Private subnets in at least two zones.
        service_cidr: Addresses of Kubernetes services.
        public_cidrs: Networks from which the API can be reached; none: only from inside.
        secrets_key_arn: Key that encrypts Kubernetes secrets before they are stored.
        log_key_arn: Key that encrypts the control plane's logs.
        log_days: Days for which they are kept.
        deletion_protection: Whether EKS refuses to delete the cluster.
        access: Who may enter, by duty.
        addons: EKS add-on to its pinned version.
    """

    cluster_name: str
    version: str
    role_arn: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    service_cidr: str
    public_cidrs: Sequence[str]
    secrets_key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    log_days: int
    deletion_protection: bool
    access: Mapping[str, Access]
    addons: Mapping[str, str]


class EksCluster(pulumi.ComponentResource):
    """A control plane, its record, who may enter, and its add-ons."""

    name: pulumi.Output[str]
    """Name of the cluster; known when those who may enter can."""
    arn: pulumi.Output[str]
    """ARN of the cluster."""
    endpoint: pulumi.Output[str]
    """Address of its API."""
    log_group: pulumi.Output[str]
    """Log group of the control plane."""

    def __init__(self, name: str, args: EksClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the log group, the control plane, the entries and the add-ons."""
        super().__init__("plinth:cluster:EksCluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # EKS would make the group itself, without key and for ever; so it is there first.
        group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=f"/aws/eks/{args.cluster_name}/cluster",
            retention_in_days=args.log_days,
            kms_key_id=args.log_key_arn,
            tags={"plinth:data-class": "logs"},
            opts=child,
        )
        cluster = aws.eks.Cluster(
            name,
            name=args.cluster_name,
            version=args.version,
            role_arn=args.role_arn,
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=args.subnet_ids,
                endpoint_private_access=True,
                endpoint_public_access=bool(args.public_cidrs),
                public_access_cidrs=list(args.public_cidrs) or None,
            ),
            kubernetes_network_config=aws.eks.ClusterKubernetesNetworkConfigArgs(
                service_ipv4_cidr=args.service_cidr
            ),
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=args.secrets_key_arn),
                resources=["secrets"],
            ),
            enabled_cluster_log_types=list(LOG_TYPES),
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            # With a pinned CNI in the list below, EKS puts in none of its own choice.
            bootstrap_self_managed_addons="vpc-cni" not in args.addons,
            deletion_protection=args.deletion_protection,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[group]),
        )
        entries = [self._enter(name, duty, who, cluster) for duty, who in sorted(args.access.items())]
        for addon, version in sorted(args.addons.items()):
            aws.eks.Addon(
                f"{name}-{addon}",
                cluster_name=cluster.name,
                addon_name=addon,
                addon_version=version,
                resolve_conflicts_on_create="OVERWRITE",
                resolve_conflicts_on_update="PRESERVE",
                opts=child,
            )
        self.name = pulumi.Output.all(cluster.name, *(entry.urn for entry in entries)).apply(
            lambda known: str(known[0])
        )
        self.arn = cluster.arn
        self.endpoint = cluster.endpoint
        self.log_group = group.name
        self.register_outputs(
            {"name": self.name, "arn": self.arn, "endpoint": self.endpoint, "log_group": self.log_group}
        )

    def _enter(self, name: str, duty: str, who: Access, cluster: aws.eks.Cluster) -> pulumi.Resource:
        """Return the entry of one duty; with a policy, the policy's association."""
        entry = aws.eks.AccessEntry(
            f"{name}-{duty}",
            cluster_name=cluster.name,
            principal_arn=who.principal_arn,
            kubernetes_groups=list(who.groups),
            type="STANDARD",
            opts=pulumi.ResourceOptions(parent=self),
        )
        if who.policy is None:
            return entry
        return aws.eks.AccessPolicyAssociation(
            f"{name}-{duty}-policy",
            cluster_name=cluster.name,
            principal_arn=who.principal_arn,
            policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{who.policy}",
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[entry]),
        )


@dataclass(frozen=True, kw_only=True)
class PodIdentityArgs:
    """What a workload's identity needs to know.

    Args:
        cluster: Name of the cluster.
        namespace: Namespace of the service account.
        service_account: Service account whose pods get the role.
        role_arn: The role.
    """

    cluster: pulumi.Input[str]
    namespace: str
    service_account: str
    role_arn: pulumi.Input[str]


class PodIdentity(pulumi.ComponentResource):
    """Gives the pods of one service account a role, and no other pod."""

    association_id: pulumi.Output[str]
    """Identifier of the association."""

    def __init__(self, name: str, args: PodIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the association."""
        super().__init__("plinth:cluster:PodIdentity", name, None, opts)
        association = aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=args.role_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.association_id = association.association_id
        self.register_outputs({"association_id": self.association_id})
