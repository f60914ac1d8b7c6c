"""Roles of what runs: the cluster, its nodes, and each workload by EKS Pod Identity. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.iam.roles import READ_KEY, SWITCHES, USE_KEY
from infra.iam.scope import Scope
from infra.iam.service_roles import pod_identity_trust, service_trust
from infra.iam.statements import Statement, document

CLUSTER_POLICIES = ("AmazonEKSClusterPolicy",)
"""What EKS itself needs to run a control plane (EKS user guide, cluster role)."""
NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""What a node needs to join and to pull. The CNI is a workload with a role of its own."""

WRITE_ENCRYPTED = ("kms:Decrypt", "kms:GenerateDataKey")
"""What a caller of a queue, a topic or a table needs of the key with which it encrypts."""


@dataclass(frozen=True, kw_only=True)
class WorkloadRole:
    """The role of a workload: its service account's pods, and no other pod, are it.

    Args:
        name: End of the role's name.
        description: What the workload does with AWS.
        namespace: Namespace of the service account.
        service_account: Its name.
        managed_policies: Names of AWS's own policies.
        statements: What else it may do.
    """

    name: str
    description: str
    namespace: str
    service_account: str
    managed_policies: Sequence[str] = ()
    statements: Sequence[Statement] = ()

    def policy(self) -> str | None:
        """Return its own policy document, or None when it has none."""
        return document(*self.statements) if self.statements else None


def cluster_trust(scope: Scope) -> str:
    """Return the trust of the control plane's role."""
    return service_trust("eks.amazonaws.com", account_id=scope.account_id)


def node_trust(scope: Scope) -> str:
    """Return the trust of the nodes' role; EC2 does not say for whom its instances start."""
    return service_trust("ec2.amazonaws.com", account_id=scope.account_id, source_account=False)


def workload_trust(scope: Scope) -> str:
    """Return the trust of every workload's role."""
    return pod_identity_trust(account_id=scope.account_id, cluster_arn=scope.cluster_arn)


def system_workloads() -> list[WorkloadRole]:
    """Return the workloads that EKS's own add-ons are."""
    return [
        WorkloadRole(
            name="vpc-cni",
            description="Gives pods their addresses.",
            namespace="kube-system",
            service_account="aws-node",
            managed_policies=["AmazonEKS_CNI_Policy"],
        ),
        WorkloadRole(
            name="ebs-csi",
            description="Makes and attaches volumes.",
            namespace="kube-system",
            service_account="ebs-csi-controller-sa",
            managed_policies=["service-role/AmazonEBSCSIDriverPolicy"],
        ),
    ]


def autoscaler(scope: Scope) -> WorkloadRole:
    """Return the role of the Cluster Autoscaler: see all groups, size those of this cluster's pools.

    It cannot change how large a group may become, nor from what template its nodes are made.
    """
    return WorkloadRole(
        name="cluster-autoscaler",
        description="Adds nodes when pods wait for one, and takes away idle ones.",
        namespace="autoscaler",
        service_account="cluster-autoscaler",
        statements=[
            Statement(
                # None of these knows a narrower resource (service authorisation reference).
                sid="SeeGroupsAndTypes",
                actions=[
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeScalingActivities",
                    "autoscaling:DescribeTags",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                ],
                resources=["*"],
            ),
            Statement(
                sid="SeeNodeGroups", actions=["eks:DescribeNodegroup"], resources=[scope.node_groups("*")]
            ),
            Statement(
                sid="SizeOwnGroups",
                actions=["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                resources=[scope.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/eks-*")],
                conditions={
                    "StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{scope.cluster}": ["owned"]}
                },
            ),
        ],
    )


def model_service(scope: Scope, service: str, *, queue: bool = False) -> WorkloadRole:
    """Return the role of a model service: its model in, its decisions out, features of one subject.

    Args:
        scope: The environment.
        service: Name of the service.
        queue: Whether it also takes requests from its queue.
    """
    return WorkloadRole(
        name=f"serve-{service}",
        description=f"Reads the model of {service} and features, writes its decisions.",
        namespace="serving",
        service_account=service,
        statements=[
            Statement(
                sid="ReadOwnModel",
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=[f"{scope.bucket('artifacts')}/models/{service}/*"],
            ),
            Statement(
                # PutObject alone: what is written stays unreadable to the writer, and Object Lock keeps it.
                sid="WriteOwnDecisions",
                actions=["s3:PutObject"],
                resources=[f"{scope.bucket('decisions')}/{service}/*"],
            ),
            Statement(
                sid="ReadFeatures",
                actions=["dynamodb:GetItem", "dynamodb:Query"],
                resources=scope.table("features"),
            ),
            Statement(
                # Its own switch and no other item. One request names one key, so "any" means "this one".
                sid="ReadOwnStopSwitch",
                actions=["dynamodb:GetItem"],
                resources=scope.table("registry")[:1],
                conditions={"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": [f"{SWITCHES}{service}"]}},
            ),
            Statement(
                sid="DecryptModelsAndFeatures",
                actions=READ_KEY,
                resources=[scope.keys],
                conditions=scope.key_aliases("artifacts", "features", "registry"),
            ),
            Statement(
                sid="EncryptDecisions",
                actions=["kms:GenerateDataKey"],
                resources=[scope.keys],
                conditions=scope.key_aliases("decisions"),
            ),
            Statement(
                # PutItem alone: a service asks for reviews and can neither read nor answer them.
                sid="AskForReviews",
                actions=["dynamodb:PutItem"],
                resources=scope.table("reviews"),
            ),
            Statement(
                # What people found, to see whether the model still holds: its own settled cases only.
                sid="ReadOwnSettledReviews",
                actions=["dynamodb:Query"],
                resources=[f"{scope.table('reviews')[0]}/index/by-settling"],
                conditions={"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": [service]}},
            ),
            Statement(
                sid="EncryptReviews",
                actions=WRITE_ENCRYPTED,
                resources=[scope.keys],
                conditions=scope.key_aliases("reviews"),
            ),
            *(_queue(scope, service) if queue else []),
        ],
    )


def _queue(scope: Scope, service: str) -> list[Statement]:
    """Return what answers a queue: requests out of it, answers and failures into theirs."""
    return [
        Statement(
            sid="TakeOwnRequests",
            actions=[
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
            ],
            resources=[scope.queue(service, "requests")],
        ),
        Statement(
            sid="GiveAnswers",
            actions=["sqs:GetQueueUrl", "sqs:SendMessage"],
            resources=[scope.queue(service, "answers"), scope.queue(service, "failed")],
        ),
        Statement(
            sid="UseKeyOfRequests",
            actions=WRITE_ENCRYPTED,
            resources=[scope.keys],
            conditions=scope.key_aliases("requests"),
        ),
    ]


def gpu_training(scope: Scope) -> WorkloadRole:
    """Return the role of training on GPUs: data in, models out."""
    return WorkloadRole(
        name="gpu-training",
        description="Trains on GPUs: reads data and features, writes models.",
        namespace="gpu",
        service_account="gpu-workload",
        statements=[
            Statement(
                sid="ReadTrainingData",
                actions=["s3:GetObject"],
                resources=scope.objects("data", "features"),
            ),
            Statement(
                sid="WriteModels",
                actions=["s3:PutObject"],
                resources=[f"{scope.bucket('artifacts')}/models/*"],
            ),
            Statement(
                sid="UseKeys",
                actions=USE_KEY,
                resources=[scope.keys],
                conditions=scope.key_aliases("data", "features", "artifacts"),
            ),
        ],
    )


def monitoring(scope: Scope, *, keeps_samples: bool, operations: bool) -> list[WorkloadRole]:
    """Return the roles of what watches: tell people, keep samples, read how things stand. None reads data.

    Args:
        scope: Where they hold.
        keeps_samples: Whether samples go to a long-term store.
        operations: Whether the operations exporter runs in the cluster.
    """
    return [
        _alertmanager(scope),
        *([_prometheus(scope)] if keeps_samples else []),
        *([_operations(scope)] if operations else []),
    ]


def _alertmanager(scope: Scope) -> WorkloadRole:
    topics = [scope.arn("sns", f"{scope.prefix}-{name}") for name in ("alerts", "watchdog")]
    return WorkloadRole(
        name="alertmanager",
        description="Tells people of alerts.",
        namespace="monitoring",
        service_account="alertmanager",
        statements=[
            Statement(sid="TellPeople", actions=["sns:Publish"], resources=topics),
            Statement(
                sid="EncryptMessages",
                actions=WRITE_ENCRYPTED,
                resources=[scope.keys],
                conditions=scope.key_aliases("alerts"),
            ),
        ],
    )


def _prometheus(scope: Scope) -> WorkloadRole:
    return WorkloadRole(
        name="prometheus",
        description="Sends samples to the long-term store.",
        namespace="monitoring",
        service_account="prometheus",
        statements=[
            Statement(
                sid="KeepSamples",
                actions=["aps:RemoteWrite"],
                resources=[scope.arn("aps", "workspace/*")],
            )
        ],
    )


def _operations(scope: Scope) -> WorkloadRole:
    return WorkloadRole(
        name="operations",
        description="Reads how backups, trail, budget and reviews stand, for their metrics.",
        namespace="monitoring",
        service_account="operations",
        statements=[
            Statement(
                sid="SeeBackups",
                actions=["backup:DescribeBackupVault", "backup:ListRecoveryPointsByBackupVault"],
                resources=[scope.arn("backup", f"backup-vault:{scope.prefix}-*")],
            ),
            Statement(
                sid="SeeTrail",
                actions=["cloudtrail:GetTrailStatus"],
                resources=[scope.arn("cloudtrail", f"trail/{scope.prefix}-*")],
            ),
            Statement(
                sid="SeeBudget",
                actions=["budgets:ViewBudget"],
                resources=[scope.arn("budgets", f"budget/{scope.prefix}-*", region="")],
            ),
            Statement(
                # Query alone: how old the oldest case is, by the index; the table's key must open for it.
                sid="SeeReviewAges",
                actions=["dynamodb:Query"],
                resources=scope.table("reviews"),
            ),
            Statement(
                sid="DecryptReviews",
                actions=READ_KEY,
                resources=[scope.keys],
                conditions=scope.key_aliases("reviews"),
            ),
        ],
    )
