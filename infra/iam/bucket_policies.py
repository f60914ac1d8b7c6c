"""Who may reach a bucket, and how."""

from collections.abc import Sequence

from infra.iam.statements import Statement, document

TLS_MINIMUM = "1.2"
"""Lowest TLS version that a request may use; 1.0 and 1.1 are withdrawn (RFC 8996)."""


_EVERYONE = {"AWS": ["*"]}


def _deny_insecure(bucket_arn: str) -> list[Statement]:
    everything = [bucket_arn, f"{bucket_arn}/*"]
    return [
        Statement(
            sid="DenyPlainHttp",
            effect="Deny",
            actions=["s3:*"],
            resources=everything,
            principals=_EVERYONE,
            conditions={"Bool": {"aws:SecureTransport": ["false"]}},
        ),
        Statement(
            sid="DenyOldTls",
            effect="Deny",
            actions=["s3:*"],
            resources=everything,
            principals=_EVERYONE,
            conditions={"NumericLessThan": {"s3:TlsVersion": [TLS_MINIMUM]}},
        ),
    ]


def private_bucket_policy(
    *,
    bucket_arn: str,
    account_id: str,
    region: str,
    grants: Sequence[Statement] = (),
    partition: str = "aws",
) -> str:
    """Return the policy of a data bucket: TLS only, and encrypted with a key of this account or not at all.

    Everything in it is known before the bucket exists, so that policies can judge it in a preview.
    Which of the account's keys is used is the business of the bucket's default encryption.
    ``grants`` let AWS services deliver here.
    """
    objects = [f"{bucket_arn}/*"]
    own_keys = f"arn:{partition}:kms:{region}:{account_id}:key/*"
    return document(
        *_deny_insecure(bucket_arn),
        Statement(
            sid="DenyOtherEncryption",
            effect="Deny",
            actions=["s3:PutObject"],
            resources=objects,
            principals=_EVERYONE,
            conditions=_asked_for("s3:x-amz-server-side-encryption", "StringNotEquals", "aws:kms"),
        ),
        Statement(
            sid="DenyForeignKey",
            effect="Deny",
            actions=["s3:PutObject"],
            resources=objects,
            principals=_EVERYONE,
            conditions=_asked_for("s3:x-amz-server-side-encryption-aws-kms-key-id", "ArnNotLike", own_keys),
        ),
        *grants,
    )


def _asked_for(key: str, operator: str, value: str) -> dict[str, dict[str, list[str]]]:
    """Return the condition that a request asks for something else than ``value``; asking for nothing is fine.

    A negated operator holds for a request that lacks the key, with ``IfExists`` too, so it would refuse
    whoever leaves encryption to the bucket's default.
    """
    return {operator: {key: [value]}, "Null": {key: ["false"]}}


def trail_delivers(*, bucket_name: str, account_id: str, trail_arn: str) -> list[Statement]:
    """Let one trail deliver its log files, and nobody else in its name."""
    bucket_arn = f"arn:aws:s3:::{bucket_name}"
    delivery = {"Service": ["cloudtrail.amazonaws.com"]}
    of_the_trail = {"aws:SourceArn": [trail_arn]}
    return [
        Statement(
            sid="TrailChecksBucket",
            actions=["s3:GetBucketAcl"],
            resources=[bucket_arn],
            principals=delivery,
            conditions={"StringEquals": of_the_trail},
        ),
        Statement(
            sid="TrailWritesLogFiles",
            actions=["s3:PutObject"],
            resources=[f"{bucket_arn}/AWSLogs/{account_id}/*"],
            principals=delivery,
            conditions={
                "StringEquals": {**of_the_trail, "s3:x-amz-acl": ["bucket-owner-full-control"]},
            },
        ),
    ]


def recorder_delivers(*, bucket_name: str, account_id: str) -> list[Statement]:
    """Let AWS Config of this account deliver snapshots and history."""
    bucket_arn = f"arn:aws:s3:::{bucket_name}"
    delivery = {"Service": ["config.amazonaws.com"]}
    of_the_account = {"aws:SourceAccount": [account_id]}
    return [
        Statement(
            sid="RecorderChecksBucket",
            actions=["s3:GetBucketAcl", "s3:ListBucket"],
            resources=[bucket_arn],
            principals=delivery,
            conditions={"StringEquals": of_the_account},
        ),
        Statement(
            sid="RecorderWritesHistory",
            actions=["s3:PutObject"],
            resources=[f"{bucket_arn}/AWSLogs/{account_id}/Config/*"],
            principals=delivery,
            conditions={
                "StringEquals": {**of_the_account, "s3:x-amz-acl": ["bucket-owner-full-control"]},
            },
        ),
    ]


def access_log_bucket_policy(*, bucket_arn: str, account_id: str) -> str:
    """Return the policy of the bucket that takes access logs: TLS only, written for this account only."""
    return document(
        *_deny_insecure(bucket_arn),
        Statement(
            sid="AllowLogDelivery",
            actions=["s3:PutObject"],
            resources=[f"{bucket_arn}/*"],
            principals={"Service": ["logging.s3.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": [account_id]}},
        ),
    )
