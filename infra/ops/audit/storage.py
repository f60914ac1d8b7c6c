"""Reads buckets with everything that is attached to them, keys, tables, images and backup vaults."""

from typing import Any

from infra.ops.audit.asking import Asked, Props, Reader, camel, tags

_SSE = {"sSEAlgorithm": "sseAlgorithm", "kMSMasterKeyID": "kmsMasterKeyId"}


def _bucket(asked: Asked) -> Props | None:
    s3 = asked.client("s3")
    name = {"Bucket": asked.id}
    s3.head_bucket(**name)
    lock = _quiet(s3, lambda: s3.get_object_lock_configuration(**name)["ObjectLockConfiguration"])
    grants = s3.get_bucket_acl(**name)
    owner = grants["Owner"]["ID"]
    foreign = [camel(row) for row in grants["Grants"] if row["Grantee"].get("ID") != owner]
    return {
        "bucket": asked.id,
        "tags": tags(_quiet(s3, lambda: s3.get_bucket_tagging(**name)["TagSet"]) or []),
        "objectLockEnabled": bool(lock and lock.get("ObjectLockEnabled") == "Enabled"),
        **({"grants": foreign} if foreign else {}),
    }


def _encryption(asked: Asked) -> Props | None:
    s3 = asked.client("s3")
    found = _quiet(s3, lambda: s3.get_bucket_encryption(Bucket=asked.id))
    if found is None:
        return None
    rules = camel(found["ServerSideEncryptionConfiguration"]["Rules"])
    for rule in rules:
        by_default = rule.get("applyServerSideEncryptionByDefault", {})
        rule["applyServerSideEncryptionByDefault"] = {_SSE.get(k, k): v for k, v in by_default.items()}
    return {"bucket": asked.id, "rules": rules}


def _lifecycle(asked: Asked) -> Props | None:
    s3 = asked.client("s3")
    found = _quiet(s3, lambda: s3.get_bucket_lifecycle_configuration(Bucket=asked.id)["Rules"])
    if found is None:
        return None
    rules = [{key: value for key, value in rule.items() if key != "Filter"} for rule in found]
    for rule, told in zip(rules, found, strict=True):
        narrowed = {key: value for key, value in (told.get("Filter") or {}).items() if value}
        if narrowed:
            rule["Filter"] = narrowed
    return {"bucket": asked.id, "rules": camel([{k: v for k, v in r.items() if v != ""} for r in rules])}


def _one(call: str, key: str, name: str | None = None) -> Reader:
    """Return a reader of something that hangs on a bucket."""

    def read(asked: Asked) -> Props | None:
        s3 = asked.client("s3")
        found = _quiet(s3, lambda: getattr(s3, call)(Bucket=asked.id).get(key))
        if not found:
            return None
        told = camel(found)
        return {"bucket": asked.id, **({name: told} if name else told)}

    return read


def _ownership(asked: Asked) -> Props | None:
    s3 = asked.client("s3")
    found = _quiet(s3, lambda: s3.get_bucket_ownership_controls(Bucket=asked.id)["OwnershipControls"])
    return None if found is None else {"bucket": asked.id, "rule": camel(found["Rules"][0])}


def _object_lock(asked: Asked) -> Props | None:
    s3 = asked.client("s3")
    found = _quiet(s3, lambda: s3.get_object_lock_configuration(Bucket=asked.id)["ObjectLockConfiguration"])
    if found is None:
        return None
    rule = camel(found.get("Rule") or {})
    # Years or days, never both; an API may tell the other one as zero.
    kept = {key: value for key, value in rule.get("defaultRetention", {}).items() if value}
    return {"bucket": asked.id, "rule": {**rule, "defaultRetention": kept} if kept else {}}


def _versioning(asked: Asked) -> Props | None:
    found = asked.client("s3").get_bucket_versioning(Bucket=asked.id)
    told = {key: value for key, value in camel(found).items() if key in ("status", "mFADelete")}
    return {"bucket": asked.id, "versioningConfiguration": told} if told else None


def _key(asked: Asked) -> Props | None:
    kms = asked.client("kms")
    known = kms.describe_key(KeyId=asked.id)["KeyMetadata"]
    if known["KeyState"] in ("PendingDeletion", "Unavailable"):
        return None
    rotation = kms.get_key_rotation_status(KeyId=asked.id)
    period = rotation.get("RotationPeriodInDays")
    rows = kms.list_resource_tags(KeyId=asked.id)["Tags"]
    return {
        "description": known.get("Description", ""),
        "enableKeyRotation": rotation["KeyRotationEnabled"],
        **({"rotationPeriodInDays": period} if period else {}),
        "multiRegion": known.get("MultiRegion", False),
        "isEnabled": known["Enabled"],
        "policy": kms.get_key_policy(KeyId=asked.id, PolicyName="default")["Policy"],
        "tags": tags(rows, "TagKey", "TagValue"),
        **asked.untold("deletionWindowInDays"),
    }


def _table(asked: Asked) -> Props | None:
    dynamodb = asked.client("dynamodb")
    known = dynamodb.describe_table(TableName=asked.id)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=asked.id)["ContinuousBackupsDescription"]
    sealed = known.get("SSEDescription", {})
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    return {
        "name": asked.id,
        "deletionProtectionEnabled": known.get("DeletionProtectionEnabled", False),
        "pointInTimeRecovery": {"enabled": recovery == "ENABLED"},
        "serverSideEncryption": {
            "enabled": sealed.get("Status") in ("ENABLED", "ENABLING"),
            **({"kmsKeyArn": sealed["KMSMasterKeyArn"]} if "KMSMasterKeyArn" in sealed else {}),
        },
        "tags": tags(dynamodb.list_tags_of_resource(ResourceArn=known["TableArn"])["Tags"]),
    }


def _repository(asked: Asked) -> Props | None:
    ecr = asked.client("ecr")
    (known,) = ecr.describe_repositories(repositoryNames=[asked.id])["repositories"]
    return {
        "name": asked.id,
        "imageTagMutability": known["imageTagMutability"],
        "imageScanningConfiguration": known["imageScanningConfiguration"],
        "encryptionConfigurations": [known["encryptionConfiguration"]],
        "tags": tags(ecr.list_tags_for_resource(resourceArn=known["repositoryArn"])["tags"]),
    }


def _repository_policy(asked: Asked) -> Props | None:
    ecr = asked.client("ecr")
    found = _quiet(ecr, lambda: ecr.get_repository_policy(repositoryName=asked.id)["policyText"])
    return None if found is None else {"repository": asked.id, "policy": found}


def _repository_lifecycle(asked: Asked) -> Props | None:
    ecr = asked.client("ecr")
    found = _quiet(ecr, lambda: ecr.get_lifecycle_policy(repositoryName=asked.id)["lifecyclePolicyText"])
    return None if found is None else {"repository": asked.id, "policy": found}


def _vault(asked: Asked) -> Props | None:
    known = asked.client("backup").describe_backup_vault(BackupVaultName=asked.id)
    return {"name": asked.id, "kmsKeyArn": known.get("EncryptionKeyArn"), **asked.untold("tags")}


def _quiet(client: Any, call: Any) -> Any:
    """Return an answer, or None where AWS says that there is no such configuration."""
    try:
        return call()
    except client.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code.startswith("NoSuch") or "NotFound" in code:
            return None
        raise


READERS: dict[str, Reader] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _lifecycle,
    "aws:s3/bucketLogging:BucketLogging": _one("get_bucket_logging", "LoggingEnabled"),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": _object_lock,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _ownership,
    "aws:s3/bucketPolicy:BucketPolicy": _one("get_bucket_policy", "Policy", "policy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _one(
        "get_public_access_block", "PublicAccessBlockConfiguration"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _encryption,
    "aws:s3/bucketVersioning:BucketVersioning": _versioning,
    "aws:kms/key:Key": _key,
    "aws:dynamodb/table:Table": _table,
    "aws:ecr/repository:Repository": _repository,
    "aws:ecr/repositoryPolicy:RepositoryPolicy": _repository_policy,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _repository_lifecycle,
    "aws:backup/vault:Vault": _vault,
}
"""Type to what reads it."""
