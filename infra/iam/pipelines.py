"""What deploys: the roles of CI, and the boundary that no role of the environment can leave. Pure."""

from infra.iam.roles import Role
from infra.iam.scope import Scope
from infra.iam.statements import Statement, document

WORKFLOW_HOST = "token.actions.githubusercontent.com"
"""Issuer of the identity tokens of GitHub's workflows (GitHub docs, OpenID Connect)."""
_READS = (
    "backup:Describe*", "backup:Get*", "backup:List*", "budgets:ViewBudget", "cloudtrail:Describe*",
    "cloudtrail:Get*", "cloudtrail:List*", "cloudwatch:Describe*", "cloudwatch:Get*",
    "cloudwatch:List*", "config:Describe*", "dynamodb:Describe*", "dynamodb:List*", "ec2:Describe*",
    "ecr:Describe*", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource",
    "eks:Describe*", "eks:List*",
    "glue:GetDatabase*", "glue:GetTable*", "guardduty:Get*", "guardduty:List*", "iam:Get*", "iam:List*",
    "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:List*",
    "logs:Describe*",
    "logs:ListTagsForResource", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration", "s3:ListBucket", "securityhub:Describe*", "securityhub:Get*",
    "servicequotas:Get*", "servicequotas:List*",
    "sns:GetTopicAttributes", "sns:List*", "sts:GetCallerIdentity",
)  # fmt: skip
"""What a preview has to see of an account's configuration; no object, no item, no log event."""


def pipelines(scope: Scope) -> list[Role]:
    """Return the roles of CI."""
    return [ci_preview(scope), ci_deploy(scope)]


def boundary(scope: Scope) -> str:
    """Return the boundary: nothing beyond this account and region, nothing against the record or itself."""
    here = [scope.arn("*", "*"), scope.arn("*", "*", region="")]
    return document(
        Statement(
            sid="OnlyThisAccountAndRegion",
            actions=[
                f"{service}:*"
                for service in (
                    "athena",
                    "autoscaling",
                    "backup",
                    "budgets",
                    "cloudtrail",
                    "cloudwatch",
                    "config",
                    "dynamodb",
                    "ec2",
                    "ecr",
                    "eks",
                    "elasticloadbalancing",
                    "events",
                    "glue",
                    "guardduty",
                    "iam",
                    "kms",
                    "logs",
                    "secretsmanager",
                    "securityhub",
                    "sns",
                    "sqs",
                    "sts",
                )
            ],
            resources=here,
        ),
        Statement(
            sid="OnlyOwnBuckets",
            actions=["s3:*"],
            resources=[f"arn:{scope.partition}:s3:::{scope.prefix}-*"],
        ),
        Statement(sid="ReadsWithoutResource", actions=[*_UNBOUND, *_READS], resources=["*"]),
        Statement(
            sid="NodesPullAndNumber",
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[scope.arn("ecr", "repository/*", account="*")],
        ),
        Statement(
            sid="NobodyLeavesTheBoundary",
            effect="Deny",
            actions=[
                "iam:CreatePolicyVersion",
                "iam:DeletePolicy",
                "iam:DeletePolicyVersion",
                "iam:DeleteRolePermissionsBoundary",
                "iam:SetDefaultPolicyVersion",
            ],
            resources=[scope.boundary, scope.role("*")],
        ),
        Statement(
            sid="NobodyMakesUsersOrKeys",
            effect="Deny",
            actions=["iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreateUser"],
            resources=["*"],
        ),
        Statement(
            sid="NobodyStopsTheRecord",
            effect="Deny",
            actions=[
                "cloudtrail:DeleteTrail",
                "cloudtrail:StopLogging",
                "config:DeleteConfigurationRecorder",
                "config:StopConfigurationRecorder",
                "guardduty:DeleteDetector",
                "s3:BypassGovernanceRetention",
                "s3:PutBucketObjectLockConfiguration",
                "securityhub:DisableSecurityHub",
            ],
            resources=["*"],
            conditions={"ArnNotEquals": {"aws:PrincipalArn": [scope.role("ci-deploy")]}},
        ),
    )


_UNBOUND = (
    "access-analyzer:ListAnalyzers",
    "ec2:CreateVpc",
    "ecr:GetAuthorizationToken",
    "guardduty:ListDetectors",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetCredentialReport",
    "logs:DescribeLogGroups",
    "s3:ListAllMyBuckets",
    "securityhub:GetFindings",
)


def ci_preview(scope: Scope) -> Role:
    """See what would change: for every pull request, so it may read configuration and nothing else."""
    return Role(
        duty="ci-preview",
        description="Shows on a pull request what a change would do; reads configuration and state only.",
        trust="preview",
        statements=[
            Statement(sid="SeeConfiguration", actions=list(_READS), resources=["*"]),
            _state(scope, "ReadState", "s3:GetObject"),
            Statement(
                sid="DecryptState",
                actions=["kms:Decrypt"],
                resources=[scope.keys],
                conditions=scope.key_aliases("state"),
            ),
        ],
    )


def ci_deploy(scope: Scope) -> Role:
    """Make the change: everything that this environment is made of, and each new role inside the boundary."""
    own = f"{scope.prefix}-*"
    bounded = {"StringEquals": {"iam:PermissionsBoundary": [scope.boundary]}}
    tagged = {"StringEquals": {"aws:ResourceTag/plinth:environment": [scope.environment]}}
    return Role(
        duty="ci-deploy",
        description="Applies accepted changes; cannot make a role outside the boundary or read data.",
        trust="deploy",
        statements=[
            Statement(sid="SeeConfiguration", actions=list(_READS), resources=["*"]),
            _state(scope, "KeepState", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
            Statement(
                sid="EncryptStateAndSecrets",
                actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                resources=[scope.keys],
                conditions=scope.key_aliases("state"),
            ),
            Statement(
                sid="SetUpBuckets",
                actions=[
                    "s3:CreateBucket",
                    "s3:PutBucket*",
                    "s3:PutEncryptionConfiguration",
                    "s3:PutLifecycleConfiguration",
                    "s3:PutReplicationConfiguration",
                ],
                resources=[f"arn:{scope.partition}:s3:::{own}"],
            ),
            Statement(
                sid="SetUpRolesInsideTheBoundary",
                actions=[
                    "iam:AttachRolePolicy",
                    "iam:CreateRole",
                    "iam:DetachRolePolicy",
                    "iam:PutRolePolicy",
                ],
                resources=[scope.role("*")],
                conditions=bounded,
            ),
            Statement(
                sid="TidyRoles",
                actions=[
                    "iam:DeleteRole",
                    "iam:DeleteRolePolicy",
                    "iam:TagRole",
                    "iam:UpdateAssumeRolePolicy",
                ],
                resources=[scope.role("*")],
            ),
            Statement(
                sid="PassOwnRoles",
                actions=["iam:PassRole"],
                resources=[scope.role("*")],
                conditions={
                    "StringEquals": {
                        "iam:PassedToService": [
                            "backup.amazonaws.com",
                            "config.amazonaws.com",
                            "ec2.amazonaws.com",
                            "eks.amazonaws.com",
                            "pods.eks.amazonaws.com",
                            "vpc-flow-logs.amazonaws.com",
                        ]
                    }
                },
            ),
            Statement(
                sid="SetUpCluster",
                actions=["eks:Associate*", "eks:Create*", "eks:Delete*", "eks:TagResource", "eks:Update*"],
                resources=[
                    scope.cluster_arn,
                    scope.arn("eks", f"*/{scope.cluster}/*"),
                ],
            ),
            Statement(
                sid="SetUpRegistryLogsTablesTopics",
                actions=[
                    "dynamodb:CreateTable",
                    "dynamodb:Update*",
                    "ecr:CreateRepository",
                    "ecr:Put*",
                    "ecr:SetRepositoryPolicy",
                    "logs:CreateLogGroup",
                    "logs:PutRetentionPolicy",
                    "sns:CreateTopic",
                    "sns:SetTopicAttributes",
                ],
                resources=[
                    scope.arn("dynamodb", f"table/{own}"),
                    scope.arn("ecr", f"repository/{scope.prefix}/*"),
                    scope.arn("logs", f"log-group:/plinth/{scope.environment}/*"),
                    scope.arn("sns", own),
                ],
            ),
            Statement(
                sid="PushImages",
                actions=[
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:CompleteLayerUpload",
                    "ecr:InitiateLayerUpload",
                    "ecr:PutImage",
                    "ecr:UploadLayerPart",
                ],
                resources=[scope.arn("ecr", f"repository/{scope.prefix}/*")],
            ),
            Statement(
                sid="ChangeOwnNetwork",
                actions=["ec2:Authorize*", "ec2:Create*", "ec2:Delete*", "ec2:Modify*", "ec2:Revoke*"],
                resources=[scope.arn("ec2", "*")],
                conditions=tagged,
            ),
            Statement(
                sid="ChangeOwnKeys",
                actions=["kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:TagResource", "kms:UpdateAlias"],
                resources=[scope.keys],
                conditions=tagged,
            ),
        ],
    )


def _state(scope: Scope, sid: str, *actions: str) -> Statement:
    return Statement(sid=sid, actions=actions, resources=scope.objects("state"))
