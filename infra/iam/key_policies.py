"""Who may do what with a KMS key."""

from collections.abc import Sequence

from infra.iam.statements import Statement, document

_ADMIN_ACTIONS = (
    "kms:CancelKeyDeletion",
    "kms:Create*",
    "kms:Describe*",
    "kms:Disable*",
    "kms:Enable*",
    "kms:Get*",
    "kms:List*",
    "kms:Put*",
    "kms:Revoke*",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:Update*",
)
_USE_ACTIONS = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


def data_key_policy(*, account_id: str, grants: Sequence[Statement] = (), partition: str = "aws") -> str:
    """Return the policy of a key that encrypts one class of data.

    The account may administer the key through IAM. Use of the key is open to the account's own
    identities as far as their IAM policies go, and never to another account: the condition holds
    even when somebody adds a principal later.

    Args:
        account_id: The account.
        grants: Further statements, for AWS services that IAM cannot let in.
        partition: ``aws``, or another world of AWS.
    """
    root = f"arn:{partition}:iam::{account_id}:root"
    return document(
        Statement(
            sid="AccountAdministersThroughIam",
            actions=_ADMIN_ACTIONS,
            resources=["*"],
            principals={"AWS": [root]},
        ),
        Statement(
            sid="AccountUsesThroughIam",
            actions=_USE_ACTIONS,
            resources=["*"],
            principals={"AWS": [root]},
            conditions={"StringEquals": {"kms:CallerAccount": [account_id]}},
        ),
        *grants,
    )


def logs_grant(*, account_id: str, region: str, partition: str = "aws") -> Statement:
    """Return what lets CloudWatch Logs encrypt the log groups of this account, and of no other."""
    return Statement(
        sid="LogsEncryptsThisAccountsGroups",
        actions=_USE_ACTIONS,
        resources=["*"],
        principals={"Service": [f"logs.{region}.amazonaws.com"]},
        conditions={
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": [
                    f"arn:{partition}:logs:{region}:{account_id}:log-group:*"
                ]
            }
        },
    )


def volumes_grants(*, account_id: str, partition: str = "aws") -> tuple[Statement, Statement]:
    """Return what lets Auto Scaling start nodes whose volumes are encrypted with the key.

    Its service-linked role has no IAM policy that could name a customer's key, so the key names it
    (Auto Scaling user guide, "Required KMS key policy for use with encrypted volumes").
    """
    role = (
        f"arn:{partition}:iam::{account_id}:role/aws-service-role/autoscaling.amazonaws.com/"
        "AWSServiceRoleForAutoScaling"
    )
    return (
        Statement(
            sid="AutoScalingUsesForVolumes",
            actions=_USE_ACTIONS,
            resources=["*"],
            principals={"AWS": [role]},
        ),
        Statement(
            sid="AutoScalingLendsToVolumes",
            actions=["kms:CreateGrant"],
            resources=["*"],
            principals={"AWS": [role]},
            conditions={"Bool": {"kms:GrantIsForAWSResource": ["true"]}},
        ),
    )


def trail_grant(*, trail_arn: str, account_id: str, partition: str = "aws") -> Statement:
    """Return what lets CloudTrail encrypt the log files of one trail."""
    return Statement(
        sid="TrailEncryptsLogFiles",
        actions=["kms:DescribeKey", "kms:GenerateDataKey*"],
        resources=["*"],
        principals={"Service": ["cloudtrail.amazonaws.com"]},
        conditions={
            "StringEquals": {"aws:SourceArn": [trail_arn]},
            "StringLike": {
                "kms:EncryptionContext:aws:cloudtrail:arn": [
                    f"arn:{partition}:cloudtrail:*:{account_id}:trail/*"
                ]
            },
        },
    )


def alerts_grant(*, services: Sequence[str], account_id: str) -> Statement:
    """Return what lets AWS services that raise alerts write to encrypted topics of this account."""
    return Statement(
        sid="AlertSourcesEncryptMessages",
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        resources=["*"],
        principals={"Service": services},
        conditions={"StringEquals": {"aws:SourceAccount": [account_id]}},
    )
