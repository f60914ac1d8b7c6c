"""What copying a bucket to another region takes, and no more. Pure."""

from infra.iam.statements import Statement, document


def replication_policy(
    *, account_id: str, source: tuple[str, str, str], target: tuple[str, str, str], partition: str = "aws"
) -> str:
    """Return the policy of the role that copies the objects of one bucket to another.

    Args:
        account_id: Account of both buckets and both keys.
        source: Name, region and key alias of the bucket that is read.
        target: Name, region and key alias of the bucket that is written.
        partition: ``aws``, or another world of AWS.
    """
    (source_name, source_region, source_alias), (target_name, target_region, target_alias) = source, target
    from_arn, to_arn = f"arn:{partition}:s3:::{source_name}", f"arn:{partition}:s3:::{target_name}"
    return document(
        Statement(
            sid="ReadReplicationRule",
            actions=["s3:GetReplicationConfiguration", "s3:ListBucket"],
            resources=[from_arn],
        ),
        Statement(
            sid="ReadVersions",
            actions=[
                "s3:GetObjectLegalHold",
                "s3:GetObjectRetention",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ],
            resources=[f"{from_arn}/*"],
        ),
        Statement(
            sid="WriteReplicas",
            actions=["s3:ReplicateObject", "s3:ReplicateTags"],
            resources=[f"{to_arn}/*"],
        ),
        Statement(
            sid="DecryptSource",
            actions=["kms:Decrypt"],
            resources=[f"arn:{partition}:kms:{source_region}:{account_id}:key/*"],
            conditions=_only(source_alias, source_region),
        ),
        Statement(
            sid="EncryptReplica",
            actions=["kms:Encrypt", "kms:GenerateDataKey"],
            resources=[f"arn:{partition}:kms:{target_region}:{account_id}:key/*"],
            conditions=_only(target_alias, target_region),
        ),
    )


def _only(alias: str, region: str) -> dict[str, dict[str, list[str]]]:
    """Return what narrows all keys to the one with an alias, used by S3: its ARN is not known yet."""
    return {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": [alias]},
        "StringEquals": {"kms:ViaService": [f"s3.{region}.amazonaws.com"]},
    }
