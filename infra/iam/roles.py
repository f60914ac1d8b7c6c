"""Duties of people: what each may do, as data. Pure.

The GPU pool is gated here for the first time (the cluster's access entries and RBAC, and admission, follow):
only the operator may change its node groups, pass their role and use their launch templates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from infra.iam.scope import Scope
from infra.iam.statements import Statement, document

GPU = "gpu-"
"""Start of the name of each GPU pool's node group and launch template."""
READ_KEY = ("kms:Decrypt", "kms:DescribeKey")
SWITCHES = "stop#"
"""Start of the partitions of the registry's table that hold stop switches (readiness/stopping.py)."""
USE_KEY = (*READ_KEY, "kms:Encrypt", "kms:GenerateDataKey")

Trust = Literal["people", "people-with-mfa", "deploy", "preview"]


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role of the environment.

    Args:
        duty: End of its name.
        description: What its holder does.
        trust: Who may take it over.
        statements: What it may do.
    """

    duty: str
    description: str
    trust: Trust
    statements: Sequence[Statement]

    def policy(self) -> str:
        """Return what it may do as a policy document."""
        return document(*self.statements)


def people(scope: Scope) -> list[Role]:
    """Return the duties of people."""
    return [ml_engineer(scope), operator(scope), overseer(scope), auditor(scope), break_glass(scope)]


def ml_engineer(scope: Scope) -> Role:
    """Train and package: data in, models out. GPUs through the cluster's own gate, never through AWS."""
    return Role(
        duty="ml-engineer",
        description="Reads training data, writes features and model artifacts, works in the cluster.",
        trust="people",
        statements=[
            _objects("ReadTrainingData", scope, ("s3:GetObject", "s3:GetObjectVersion"), "data"),
            _objects("WriteModels", scope, ("s3:GetObject", "s3:PutObject"), "artifacts", "features"),
            _lists("ListOwnBuckets", scope, "data", "artifacts", "features"),
            Statement(
                sid="UseOwnKeys",
                actions=USE_KEY,
                resources=[scope.keys],
                conditions=scope.key_aliases("data", "artifacts", "features", "registry"),
            ),
            Statement(
                sid="RegisterModels",
                actions=["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
                resources=scope.table("registry"),
            ),
            Statement(
                # Whoever makes models does not decide whether they stay stopped.
                sid="NeverTurnStopSwitches",
                effect="Deny",
                actions=["dynamodb:PutItem"],
                resources=scope.table("registry"),
                conditions={"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": [f"{SWITCHES}*"]}},
            ),
            _enter_cluster(scope),
        ],
    )


def operator(scope: Scope) -> Role:
    """Keep it running: nodes, the GPU pool's size, what CloudWatch knows. No data."""
    gpu_templates = {"StringLike": {"aws:ResourceTag/plinth:pool": [f"{GPU}*"]}}
    return Role(
        duty="operator",
        description="Runs the cluster and its node pools; sees no data and changes no permissions.",
        trust="people",
        statements=[
            _enter_cluster(scope),
            Statement(
                sid="ChangeNodePools",
                actions=[
                    "eks:DescribeNodegroup",
                    "eks:UpdateNodegroupConfig",
                    "eks:UpdateNodegroupVersion",
                ],
                resources=[scope.node_groups("*")],
            ),
            Statement(
                sid="PassNodeRole",
                actions=["iam:PassRole"],
                resources=[scope.role("node")],
                conditions={"StringEquals": {"iam:PassedToService": ["eks.amazonaws.com"]}},
            ),
            Statement(
                sid="UseGpuLaunchTemplates",
                actions=["ec2:CreateLaunchTemplateVersion"],
                resources=[scope.arn("ec2", "launch-template/*")],
                conditions=gpu_templates,
            ),
            Statement(
                sid="ReadOwnLogs",
                actions=["logs:FilterLogEvents", "logs:GetLogEvents"],
                resources=[
                    scope.arn("logs", f"log-group:/plinth/{scope.environment}/*"),
                    scope.arn("logs", f"log-group:/aws/eks/{scope.cluster}/*"),
                ],
            ),
            Statement(
                sid="DecryptOwnLogs",
                actions=READ_KEY,
                resources=[scope.keys],
                conditions=scope.key_aliases("logs"),
            ),
            Statement(
                # None of these knows a resource (service authorization reference).
                sid="SeeState",
                actions=[
                    "cloudwatch:DescribeAlarms",
                    "cloudwatch:GetMetricData",
                    "ec2:DescribeInstances",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:DescribeLaunchTemplates",
                    "ec2:DescribeSubnets",
                    "logs:DescribeLogGroups",
                ],
                resources=["*"],
            ),
        ],
    )


def overseer(scope: Scope) -> Role:
    """Take a model out of service and bring it back: one item of one table, and its record. Nothing else."""
    return Role(
        duty="overseer",
        description="Stops and resumes models; sees no data and changes nothing else.",
        trust="people",
        statements=[
            Statement(
                sid="TurnStopSwitches",
                actions=["dynamodb:GetItem", "dynamodb:PutItem"],
                resources=scope.table("registry")[:1],
                conditions={"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": [f"{SWITCHES}*"]}},
            ),
            # PutObject alone, as a service has it: what is written cannot be read back or changed.
            _objects("RecordStops", scope, ("s3:PutObject",), "decisions"),
            Statement(
                sid="UseKeysOfBoth",
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[scope.keys],
                conditions=scope.key_aliases("registry", "decisions"),
            ),
        ],
    )


def auditor(scope: Scope) -> Role:
    """See what was done and decided, change nothing."""
    return Role(
        duty="auditor",
        description="Reads trails, decisions, configuration and permissions; changes nothing.",
        trust="people",
        statements=[
            _objects("ReadRecords", scope, ("s3:GetObject", "s3:GetObjectVersion"), "audit", "decisions"),
            _lists("ListRecords", scope, "audit", "decisions"),
            Statement(
                sid="DecryptRecords",
                actions=READ_KEY,
                resources=[scope.keys],
                conditions=scope.key_aliases("audit", "decisions", "logs"),
            ),
            Statement(
                sid="ReadLogs",
                actions=["logs:FilterLogEvents", "logs:GetLogEvents"],
                resources=[scope.arn("logs", "log-group:*")],
            ),
            Statement(
                # None of these knows a resource, or an auditor has to see all of them.
                sid="SeeConfigurationAndPermissions",
                actions=[
                    "access-analyzer:ListAnalyzers",
                    "cloudtrail:DescribeTrails",
                    "cloudtrail:GetTrailStatus",
                    "cloudtrail:LookupEvents",
                    "config:DescribeConfigurationRecorderStatus",
                    "config:SelectResourceConfig",
                    "eks:ListAccessEntries",
                    "guardduty:ListDetectors",
                    "iam:GetAccountAuthorizationDetails",
                    "iam:GetCredentialReport",
                    "iam:ListRoles",
                    "kms:ListKeys",
                    "s3:ListAllMyBuckets",
                    "securityhub:GetFindings",
                ],
                resources=["*"],
            ),
            Statement(
                sid="SeeRoles",
                actions=["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies"],
                resources=[scope.role("*")],
            ),
        ],
    )


def break_glass(scope: Scope) -> Role:
    """Repair what normal duties cannot, with a second factor, seen by everybody."""
    return Role(
        duty="break-glass",
        description="Repairs the environment in an emergency; each use raises an alert. Needs MFA.",
        trust="people-with-mfa",
        statements=[
            _enter_cluster(scope),
            Statement(
                sid="RepairCluster",
                actions=[
                    "eks:AssociateAccessPolicy",
                    "eks:CreateAccessEntry",
                    "eks:DeleteAccessEntry",
                    "eks:UpdateClusterConfig",
                    "eks:UpdateNodegroupConfig",
                ],
                resources=[
                    scope.cluster_arn,
                    scope.node_groups("*"),
                    scope.arn("eks", f"access-entry/{scope.cluster}/*"),
                ],
            ),
            Statement(
                sid="SaveKeys",
                actions=["kms:CancelKeyDeletion", "kms:DescribeKey", "kms:EnableKey", "kms:PutKeyPolicy"],
                resources=[scope.keys],
                conditions={"ForAnyValue:StringLike": {"kms:ResourceAliases": [f"alias/{scope.prefix}-*"]}},
            ),
            Statement(
                sid="RepairRoles",
                actions=["iam:GetRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"],
                resources=[scope.role("*")],
                conditions={"StringEquals": {"iam:PermissionsBoundary": [scope.boundary]}},
            ),
            Statement(
                sid="RepairBucketPolicies",
                actions=["s3:GetBucketPolicy", "s3:PutBucketPolicy"],
                resources=[f"arn:{scope.partition}:s3:::{scope.prefix}-*"],
            ),
            Statement(
                sid="NeverTouchRecords",
                effect="Deny",
                actions=["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketPolicy"],
                resources=[
                    arn
                    for data_class in ("audit", "decisions")
                    for arn in (scope.bucket(data_class), f"{scope.bucket(data_class)}/*")
                ],
            ),
        ],
    )


def _objects(sid: str, scope: Scope, actions: Sequence[str], *data_classes: str) -> Statement:
    return Statement(sid=sid, actions=actions, resources=scope.objects(*data_classes))


def _lists(sid: str, scope: Scope, *data_classes: str) -> Statement:
    return Statement(
        sid=sid,
        actions=["s3:ListBucket"],
        resources=[scope.bucket(data_class) for data_class in data_classes],
    )


def _enter_cluster(scope: Scope) -> Statement:
    """Return what opens the cluster's door; what is allowed inside is the business of RBAC."""
    return Statement(sid="EnterCluster", actions=["eks:DescribeCluster"], resources=[scope.cluster_arn])
