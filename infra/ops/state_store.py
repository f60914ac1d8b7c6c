"""The key and the bucket of a stack's state, made and kept right with the AWS API itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from infra.components.encrypted_bucket import ABORT_UPLOAD_DAYS
from infra.errors import PlinthError
from infra.iam.bucket_policies import private_bucket_policy
from infra.iam.key_policies import data_key_policy
from infra.iam.statements import Statement
from infra.ops import state_backend
from infra.ops.aws_access import code
from infra.settings import Settings

_MISSING = frozenset({"404", "NoSuchBucket", "NotFound"})
_TAKEN = frozenset({"403", "Forbidden", "AccessDenied", "BucketAlreadyExists"})
_USABLE = "Enabled"


@dataclass(kw_only=True)
class Backend:
    """What a stack's state and secrets rest on.

    Args:
        bucket: Name of the bucket.
        url: What ``PULUMI_BACKEND_URL`` says.
        provider: What the stack file says under ``secretsprovider``.
        key_arn: ARN of the key; empty until it was found or made.
        steps: Step to ``was there``, ``made`` or ``corrected``, in order.
    """

    bucket: str
    url: str
    provider: str
    key_arn: str = ""
    steps: dict[str, str] = field(default_factory=dict)


def key(settings: Settings, backend: Backend, kms: Any) -> str:
    """Find or make the key, with its alias, rotation and policy; note its ARN.

    Raises:
        PlinthError: It is disabled or waits for its deletion.
    """
    alias, outcome = state_backend.key_alias(settings), "was there"
    policy = data_key_policy(account_id=settings.aws.account_id)
    try:
        found = kms.describe_key(KeyId=alias)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        # One that a run made before it was cut off is found by its tags.
        found = (
            next(_orphans(settings, kms), None)
            or kms.create_key(
                Description=f"Plinth {settings.environment}: encrypts the state and the stack's secrets",
                Policy=policy,
                Tags=[{"TagKey": tag, "TagValue": value} for tag, value in _tags(settings).items()],
            )["KeyMetadata"]
        )
        kms.create_alias(AliasName=alias, TargetKeyId=found["KeyId"])
        outcome = "made"
    if found["KeyState"] != _USABLE:
        remedy = "cancel-key-deletion" if found["KeyState"] == "PendingDeletion" else "enable-key"
        raise PlinthError(
            f"The key {alias} is not usable, its state is {found['KeyState']}: without it neither the state "
            "nor the secrets of the stack can be read.",
            where=found["Arn"],
            fix=f"aws kms {remedy} --key-id {found['KeyId']} --region {settings.aws.region}; "
            "find out who did it before you go on.",
        )
    backend.key_arn = found["Arn"]
    name = {"KeyId": found["KeyId"]}
    if not kms.get_key_rotation_status(**name)["KeyRotationEnabled"]:
        kms.enable_key_rotation(**name)
        outcome = outcome if outcome == "made" else "corrected"
    if _differs(kms.get_key_policy(**name, PolicyName="default")["Policy"], policy):
        kms.put_key_policy(**name, PolicyName="default", Policy=policy)
        outcome = outcome if outcome == "made" else "corrected"
    return outcome


def _orphans(settings: Settings, kms: Any) -> Iterator[dict[str, Any]]:
    """Give the usable keys that carry this stack's tags."""
    wanted = _tags(settings)
    for page in kms.get_paginator("list_keys").paginate():
        for row in page["Keys"]:
            try:
                found = kms.list_resource_tags(KeyId=row["KeyId"])["Tags"]
            except ClientError:  # somebody else's key, whose tags are not ours to see
                continue
            if wanted.items() <= {tag["TagKey"]: tag["TagValue"] for tag in found}.items():
                key = kms.describe_key(KeyId=row["KeyId"])["KeyMetadata"]
                if key["KeyState"] == _USABLE:
                    yield key


def bucket(settings: Settings, backend: Backend, s3: Any) -> str:
    """Find or make the bucket in the stack's account and region.

    Raises:
        PlinthError: Its name is somebody else's, or it lies in another region.
    """
    owner, region = settings.aws.account_id, settings.aws.region
    try:
        s3.head_bucket(Bucket=backend.bucket, ExpectedBucketOwner=owner)
    except ClientError as error:
        if code(error) in _TAKEN:
            raise _taken(backend.bucket, owner) from None
        if code(error) not in _MISSING:
            raise
    else:
        # S3 gives no name to its oldest region.
        found = s3.get_bucket_location(Bucket=backend.bucket).get("LocationConstraint") or "us-east-1"
        if found != region:
            raise PlinthError(
                f"The bucket {backend.bucket} is in region {found}, and stack "
                f"'{settings.environment}' in {region}.",
                where=f"stacks/Pulumi.{settings.environment}.yaml, key plinth:aws.region",
                fix="Correct the region, or empty and remove that bucket when nothing needs it.",
            )
        return "was there"
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=backend.bucket, **place)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        return "was there"
    except ClientError as error:
        if code(error) == "BucketAlreadyExists":
            raise _taken(backend.bucket, owner) from None
        raise
    return "made"


def _taken(bucket: str, owner: str) -> PlinthError:
    return PlinthError(
        f"The bucket name {bucket} belongs to another account than {owner}, or you may not look at it.",
        fix="Check plinth:aws.account_id. When it is right, somebody took the name on purpose: tell "
        "security, and do not write state there.",
    )


def protect(settings: Settings, backend: Backend, s3: Any) -> str:
    """Set everything that protects the bucket. Setting what is set already changes nothing."""
    arn = f"arn:aws:s3:::{backend.bucket}"
    name = {"Bucket": backend.bucket, "ExpectedBucketOwner": settings.aws.account_id}
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": backend.key_arn}
    stays = Statement(
        sid="DenyRemovalOfTheBucket",
        effect="Deny",
        actions=["s3:DeleteBucket"],
        resources=[arn],
        principals={"AWS": ["*"]},
    )
    policy = private_bucket_policy(
        bucket_arn=arn, account_id=settings.aws.account_id, region=settings.aws.region, grants=[stays]
    )
    changed = _differs(_policy_of(s3, name), policy)
    shut = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    s3.put_public_access_block(**name, PublicAccessBlockConfiguration=shut)
    owned = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(**name, OwnershipControls=owned)
    s3.put_bucket_versioning(**name, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(**name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_bucket_lifecycle_configuration(
        **name, LifecycleConfiguration={"Rules": _lifecycle(settings.storage.noncurrent_days)}
    )
    tags = [{"Key": key, "Value": value} for key, value in _tags(settings).items()]
    s3.put_bucket_tagging(**name, Tagging={"TagSet": tags})
    if changed:
        s3.put_bucket_policy(**name, Policy=policy)  # last: it may forbid what was done before
    return "made" if backend.steps["bucket"] == "made" else "corrected" if changed else "was there"


def _lifecycle(noncurrent_days: int) -> list[dict[str, Any]]:
    everything = {"Status": "Enabled", "Filter": {"Prefix": ""}}
    return [
        {
            "ID": "abort-uploads",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_UPLOAD_DAYS},
            **everything,
        },
        {
            "ID": "expire-noncurrent",
            "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_days},
            **everything,
        },
    ]


def log(settings: Settings, backend: Backend, s3: Any) -> str:
    """Send the access log to the bucket of access logs, which the first ``up`` makes."""
    target = state_backend.access_log_bucket(settings)
    try:
        s3.head_bucket(Bucket=target, ExpectedBucketOwner=settings.aws.account_id)
    except ClientError as error:
        if code(error) in _MISSING:
            return "after the first up: run this command once more"
        raise
    name = {"Bucket": backend.bucket, "ExpectedBucketOwner": settings.aws.account_id}
    wanted = {"TargetBucket": target, "TargetPrefix": f"{backend.bucket}/"}
    found = s3.get_bucket_logging(**name).get("LoggingEnabled", {})
    if wanted.items() <= found.items():
        return "was there"
    s3.put_bucket_logging(**name, BucketLoggingStatus={"LoggingEnabled": wanted})
    return "made"


def _policy_of(s3: Any, name: dict[str, str]) -> str | None:
    try:
        return str(s3.get_bucket_policy(**name)["Policy"])
    except ClientError as error:
        if code(error) == "NoSuchBucketPolicy":
            return None
        raise


def _differs(found: str | None, wanted: str) -> bool:
    return found is None or json.loads(found) != json.loads(wanted)


def _tags(settings: Settings) -> dict[str, str]:
    # The backup plan selects what it copies by its tag.
    return {**settings.tags(), "plinth:data-class": state_backend.DATA_CLASS, "plinth:backup": "daily"}
