"""What deploys: the roles of CI, and the boundary that no role of the environment can leave. Pure."""

from infra.iam import deployer
from infra.iam.roles import Role
from infra.iam.scope import Scope
from infra.iam.statements import Statement, document

WORKFLOW_HOST = "token.actions.githubusercontent.com"
"""Issuer of the identity tokens of GitHub's workflows (GitHub docs, OpenID Connect)."""
_READS = (
    "access-analyzer:GetAnalyzer", "athena:GetNamedQuery", "athena:GetWorkGroup",
    "athena:ListTagsForResource",
    "backup:Describe*", "backup:Get*", "backup:List*", "budgets:DescribeBudgetAction",
    "budgets:ListTagsForResource", "budgets:ViewBudget", "ce:GetAnomalyMonitors",
    "ce:GetAnomalySubscriptions", "ce:ListCostAllocationTags", "ce:ListTagsForResource",
    "cloudtrail:Describe*",
    "cloudtrail:Get*", "cloudtrail:List*", "cloudwatch:Describe*", "cloudwatch:Get*",
    "cloudwatch:List*", "config:Describe*", "dynamodb:Describe*", "dynamodb:List*", "ec2:Describe*",
    "ec2:GetEbsEncryptionByDefault",
    "ecr:Describe*", "ecr:Get*Policy", "ecr:ListTagsForResource",
    "eks:Describe*", "eks:List*",
    "glue:GetDatabase*", "glue:GetPartitionIndexes", "glue:GetTable*", "glue:GetTags",
    "guardduty:Get*", "guardduty:List*", "iam:Get*", "iam:List*",
    "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:List*",
    "logs:Describe*",
    "logs:ListTags*", "s3:GetAccelerateConfiguration", "s3:GetAccountPublicAccessBlock",
    "s3:GetBucket*", "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListTagsForResource",
    "securityhub:Describe*", "securityhub:Get*", "servicequotas:Get*", "servicequotas:List*",
    "sns:GetTopic*", "sns:List*", "sqs:GetQueue*",
    "sqs:ListQueue*", "sts:GetCallerIdentity",
)  # fmt: skip
"""What a preview has to see of an account's configuration; no object, no item, no log event."""


def pipelines(scope: Scope) -> list[Role]:
    """Return the roles of CI."""
    return [ci_preview(scope), deployer.deployer(scope, _READS)]


def boundary(scope: Scope) -> str:
    """Return the boundary: nothing beyond this account and region, nothing against the record or itself."""
    here = [scope.arn("*", "*", region=region) for region in (*scope.regions, "")]
    return document(
        Statement(
            sid="OnlyThisAccountAndRegion",
            actions=[
                f"{service}:*"
                for service in (
                    "access-analyzer",
                    "athena",
                    "autoscaling",
                    "backup",
                    "budgets",
                    "ce",
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
        Statement(
            sid="NamesNoResource",
            actions=[*_UNBOUND, *_READS, *deployer.WITHOUT_RESOURCE, "kms:CreateKey"],
            resources=["*"],
        ),
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
    "autoscaling:Describe*",
    "ec2:CreateVpc",
    "ec2:GetInstanceTypesFromInstanceRequirements",
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
            # The copy without secrets (infra/decisions/0015-preview-without-secrets.md), never the state.
            Statement(
                sid="ReadRedactedState",
                actions=["s3:GetObject"],
                resources=[f"{scope.bucket('state')}/redacted/*"],
            ),
            Statement(
                sid="DecryptRedactedState",
                actions=["kms:Decrypt"],
                resources=[scope.keys],
                conditions=scope.key_aliases("state"),
            ),
        ],
    )


def _state(scope: Scope, sid: str, *actions: str) -> Statement:
    return Statement(sid=sid, actions=actions, resources=scope.objects("state"))
