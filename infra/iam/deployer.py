"""What CI's deployer may do: what a change calls, on what is this environment's, and no way up. Pure.

Derived from what the real engine and its providers send (``./plinth deployer`` compares). Three things stay
an administrator's, who makes the first ``up``: the boundary, the trust in CI's issuer, the deployer itself.
"""

from collections.abc import Sequence

from infra.iam.roles import Role
from infra.iam.scope import Scope
from infra.iam.statements import Statement

PEOPLE = ("auditor", "break-glass", "ml-engineer", "operator", "overseer")
PIPELINES = ("ci-*",)
AWS_POLICIES = (
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEKSClusterPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AWSBackupServiceRolePolicyForS3*",
    "service-role/AWSBackupServiceRolePolicyFor*",
    "service-role/AWS_ConfigRole",
    "service-role/AmazonEBSCSIDriverPolicy",
)
"""AWS's own policies that roles of the program attach, and so the only ones that the deployer may attach."""
_PASSED_TO = (
    "backup.amazonaws.com",
    "budgets.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "config.amazonaws.com",
    "eks.amazonaws.com",
    "pods.eks.amazonaws.com",
    "s3.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
WITHOUT_RESOURCE = (
    "ce:UpdateCostAllocationTagsStatus",
    "config:PutDeliveryChannel",
    "ec2:EnableEbsEncryptionByDefault",
    "guardduty:CreateDetector",
    "s3:PutAccountPublicAccessBlock",
)
"""Changes of what an account has once; none of these actions knows a resource."""


_NETWORK = (
    "AllocateAddress", "CreateFlowLogs", "CreateInternetGateway", "CreateLaunchTemplate",
    "CreateLaunchTemplateVersion", "CreateNatGateway", "CreateRoute", "CreateRouteTable",
    "CreateSecurityGroup", "CreateSubnet", "CreateVpc", "CreateVpcEndpoint",
)  # fmt: skip
"""What makes a part of a network, or of a node's template."""


def statements(scope: Scope, reads: Sequence[str]) -> list[Statement]:
    """Return what the deployer may do.

    Args:
        scope: The environment.
        reads: What a preview sees; a change looks at the same.
    """
    return [
        Statement(sid="SeeConfiguration", actions=list(reads), resources=["*"]),
        *_state(scope),
        *_roles(scope),
        *_network(scope),
        *_keys(scope),
        _things(scope),
        Statement(sid="SetUpAccount", actions=WITHOUT_RESOURCE, resources=["*"]),
    ]


def _state(scope: Scope) -> list[Statement]:
    return [
        Statement(
            sid="KeepState",
            actions=["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            resources=scope.objects("state"),
        ),
        Statement(
            sid="EncryptStateAndSecrets",
            actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
            resources=[scope.keys],
            conditions=scope.key_aliases("state"),
        ),
    ]


def _roles(scope: Scope) -> list[Statement]:
    """Make roles inside the boundary. Who may take a role over is decided once, when it is made."""
    bounded = {"iam:PermissionsBoundary": [scope.boundary]}
    aws_policies = [f"arn:{scope.partition}:iam::aws:policy/{name}" for name in AWS_POLICIES]
    own_policy = scope.arn("iam", f"policy/{scope.prefix}-budget-spent", region="")
    return [
        Statement(
            sid="SetUpRolesInsideTheBoundary",
            actions=["iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy"],
            resources=[scope.role("*")],
            conditions={"StringEquals": bounded},
        ),
        Statement(
            sid="AttachWhatTheProgramAttaches",
            actions=["iam:AttachRolePolicy"],
            resources=[scope.role("*")],
            conditions={"StringEquals": bounded, "ArnLike": {"iam:PolicyARN": aws_policies}},
        ),
        Statement(sid="TidyRoles", actions=["iam:DeleteRole", "iam:TagRole"], resources=[scope.role("*")]),
        Statement(
            sid="WriteTheBudgetsPolicy",
            actions=["iam:CreatePolicy", "iam:DeletePolicy", "iam:TagPolicy"],
            resources=[own_policy],
        ),
        Statement(
            sid="PassOwnRoles",
            actions=["iam:PassRole"],
            resources=[scope.role("*")],
            conditions={"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}},
        ),
        Statement(
            sid="NeitherTakeNorReplaceDuties",
            effect="Deny",
            actions=["iam:DeleteRole", "iam:PassRole", "iam:UpdateAssumeRolePolicy"],
            resources=[scope.role(duty) for duty in (*PEOPLE, *PIPELINES)],
        ),
        Statement(
            sid="NotRaiseOneself",
            effect="Deny",
            actions=[
                "iam:AttachRolePolicy",
                "iam:DetachRolePolicy",
                "iam:DeleteRolePolicy",
                "iam:PutRolePolicy",
            ],
            resources=[scope.role("ci-deploy")],
        ),
    ]


def _network(scope: Scope) -> list[Statement]:
    everything = [scope.arn("ec2", "*")]
    new = {"aws:RequestTag/plinth:environment": [scope.environment]}
    own = {"aws:ResourceTag/plinth:environment": [scope.environment]}
    return [
        Statement(
            sid="MakeOwnNetwork",
            actions=[f"ec2:{action}" for action in _NETWORK],
            resources=everything,
            conditions={"StringEquals": new},
        ),
        Statement(
            # While something is made; a tag given to what is there already would make that one's own.
            sid="TagNewNetwork",
            actions=["ec2:CreateTags"],
            resources=everything,
            conditions={"StringEquals": new, "Null": {"ec2:CreateAction": ["false"]}},
        ),
        Statement(
            # A new network comes with a security group that nobody could tag at its creation.
            sid="TagDefaultGroup",
            actions=["ec2:CreateTags"],
            resources=[scope.arn("ec2", "security-group/*")],
            conditions={
                "StringEquals": new,
                "Null": {"aws:ResourceTag/plinth:environment": ["true"]},
            },
        ),
        Statement(
            sid="ChangeOwnNetwork",
            actions=[
                *(f"ec2:{action}" for action in _NETWORK),
                *(f"ec2:{verb}*" for verb in ("Associate", "Authorize", "Delete", "Disassociate")),
                *(f"ec2:{verb}*" for verb in ("Modify", "Release", "Replace", "Revoke")),
            ],
            resources=everything,
            conditions={"StringEquals": own},
        ),
    ]


def _keys(scope: Scope) -> list[Statement]:
    keys = [scope.arn("kms", "key/*", region="*")]
    own = {"StringEquals": {"aws:ResourceTag/plinth:environment": [scope.environment]}}
    new = {"StringEquals": {"aws:RequestTag/plinth:environment": [scope.environment]}}
    return [
        Statement(sid="MakeKeys", actions=["kms:CreateKey"], resources=["*"], conditions=new),
        Statement(sid="TagNewKeys", actions=["kms:TagResource"], resources=keys, conditions=new),
        Statement(
            sid="NameKeys",
            actions=["kms:CreateAlias", "kms:UpdateAlias"],
            resources=[scope.arn("kms", f"alias/{scope.prefix}-*", region="*")],
        ),
        Statement(
            sid="ChangeOwnKeys",
            actions=["kms:CreateAlias", "kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:UpdateAlias"],
            resources=keys,
            conditions=own,
        ),
        Statement(
            sid="LendOwnKeysToServices",
            actions=["kms:CreateGrant"],
            resources=keys,
            conditions={**own, "Bool": {"kms:GrantIsForAWSResource": ["true"]}},
        ),
    ]


def _things(scope: Scope) -> Statement:
    """Return one statement about everything that has a name: no action of one service fits another's ARNs."""
    own, database = f"{scope.prefix}-*", scope.prefix.replace("-", "_")

    def of(service: str, *resources: str) -> list[str]:
        # In which regions is the boundary's business; an inline policy has 10,240 characters in all.
        return [scope.arn(service, one, region="*") for one in resources]

    table: dict[str, tuple[list[str], str]] = {
        "access-analyzer": (of("access-analyzer", f"analyzer/{own}"), "CreateAnalyzer TagResource"),
        "athena": (
            of("athena", f"workgroup/{own}"),
            "CreateNamedQuery CreateWorkGroup DeleteNamedQuery TagResource UpdateWorkGroup",
        ),
        "backup": (
            of("backup", f"backup-vault:{own}", "backup-plan:*", "restore-testing-plan:*"),
            (
                "CreateBackupPlan CreateBackupSelection CreateBackupVault CreateRestoreTestingPlan "
                "CreateRestoreTestingSelection PutBackupVaultLockConfiguration TagResource UpdateBackupPlan "
                "UpdateRestoreTestingPlan UpdateRestoreTestingSelection"
            ),
        ),
        "budgets": (
            [scope.arn("budgets", f"budget/{own}", region="")],
            "CreateBudgetAction ModifyBudget TagResource UpdateBudgetAction",
        ),
        "ce": (
            [scope.arn("ce", "anomaly*", region="")],
            "CreateAnomalyMonitor CreateAnomalySubscription TagResource UpdateAnomalySubscription",
        ),
        "cloudtrail": (
            of("cloudtrail", f"trail/{own}"),
            "AddTags CreateTrail PutEventSelectors StartLogging UpdateTrail",
        ),
        "cloudwatch": (of("cloudwatch", f"alarm:{own}"), "DeleteAlarms PutMetricAlarm TagResource"),
        "config": (
            of("config", f"configuration-recorder/{own}"),
            "PutConfigurationRecorder StartConfigurationRecorder",
        ),
        "dynamodb": (of("dynamodb", f"table/{own}"), "CreateTable TagResource Update*"),
        "ecr": (
            of("ecr", f"repository/{scope.prefix}/*"),
            (
                "BatchCheckLayerAvailability CompleteLayerUpload CreateRepository InitiateLayerUpload Put* "
                "SetRepositoryPolicy TagResource UploadLayerPart"
            ),
        ),
        "eks": (
            of("eks", f"cluster/{scope.cluster}", f"*/{scope.cluster}/*"),
            "Associate* Create* Delete* TagResource Update*",
        ),
        "glue": (
            of("glue", "catalog", f"database/{database}_*", f"table/{database}_*/*"),
            "CreateDatabase CreateTable TagResource UpdateDatabase UpdateTable",
        ),
        "guardduty": (of("guardduty", "detector/*"), "TagResource UpdateDetector"),
        "logs": (
            of("logs", f"log-group:/plinth/{scope.environment}/*", f"log-group:/aws/eks/{scope.cluster}/*"),
            "CreateLogGroup DeleteMetricFilter PutMetricFilter PutRetentionPolicy TagResource",
        ),
        "s3": (
            [f"arn:{scope.partition}:s3:::{own}"],
            (
                "CreateBucket PutBucket* PutEncryptionConfiguration PutLifecycleConfiguration TagResource "
                "PutReplicationConfiguration"
            ),
        ),
        "securityhub": (
            of("securityhub", "hub/default"),
            "BatchEnableStandards EnableSecurityHub UpdateSecurityHubConfiguration",
        ),
        "sns": (of("sns", own), "CreateTopic SetTopicAttributes Subscribe TagResource"),
        "sqs": (of("sqs", own), "CreateQueue SetQueue* TagQueue"),
    }
    return Statement(
        sid="SetUpOwnThings",
        actions=[f"{service}:{name}" for service, (_, names) in table.items() for name in names.split()],
        resources=[resource for resources, _ in table.values() for resource in resources],
    )


def deployer(scope: Scope, reads: Sequence[str]) -> Role:
    """Return the role: everything that this environment is made of, each new role inside the boundary."""
    return Role(
        duty="ci-deploy",
        description="Applies accepted changes; cannot make a role outside the boundary or read data.",
        trust="deploy",
        statements=statements(scope, reads),
    )
