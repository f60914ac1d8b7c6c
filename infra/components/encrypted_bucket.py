"""A bucket that is private, encrypted, versioned, logged and kept, with no way to ask for less."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.bucket_policies import access_log_bucket_policy, private_bucket_policy
from infra.iam.statements import Statement

ABORT_UPLOAD_DAYS = 7
"""Days after which the parts of an unfinished upload are removed; nobody resumes one after a week."""


@dataclass(frozen=True, kw_only=True)
class EncryptedBucketArgs:
    """What a data bucket needs to know.

    Args:
        bucket_name: Physical name, from ``naming.bucket``.
        data_class: What the bucket holds; tag that policies and access rules read.
        key_arn: Key with which every object is encrypted.
        account_id: Account whose keys may encrypt.
        region: Region of the bucket and its key.
        access_log_bucket: Name of the bucket that takes the access log.
        noncurrent_days: Days for which an overwritten or deleted object can be brought back.
        object_lock_days: Days for which nobody can change or remove an object, whatever their rights;
            none for what may be overwritten.
        grants: Statements that let AWS services write here, beside what IAM allows.
    """

    bucket_name: str
    data_class: str
    key_arn: pulumi.Input[str]
    account_id: str
    region: str
    access_log_bucket: pulumi.Input[str]
    noncurrent_days: int
    object_lock_days: int | None = None
    grants: Sequence[Statement] = ()


class EncryptedBucket(pulumi.ComponentResource):
    """A bucket for data: its own key, TLS only, versions, access log, no public access, no ACLs."""

    name: pulumi.Output[str]
    """Name of the bucket."""
    arn: pulumi.Output[str]
    """ARN of the bucket; known once the bucket keeps versions and admits whom it should."""

    def __init__(
        self, name: str, args: EncryptedBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place the bucket and everything that protects it."""
        super().__init__("plinth:storage:EncryptedBucket", name, None, opts)
        locked = args.object_lock_days is not None
        bucket = _private_bucket(self, name, args.bucket_name, args.data_class, locked=locked, backed_up=True)
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="aws:kms",
                        kms_master_key_id=args.key_arn,
                    ),
                    bucket_key_enabled=True,  # one KMS call for many objects instead of one each
                )
            ],
            opts=_guard(self),
        )
        versioning = _versioning(self, name, bucket)
        if args.object_lock_days is not None:
            aws.s3.BucketObjectLockConfiguration(
                f"{name}-object-lock",
                bucket=bucket.bucket,
                rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                    default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                        mode="COMPLIANCE",  # the other mode lets an administrator remove records
                        days=args.object_lock_days,
                    )
                ),
                opts=_guard(self, versioning),
            )
        aws.s3.BucketLogging(
            f"{name}-logging",
            bucket=bucket.bucket,
            target_bucket=args.access_log_bucket,
            target_prefix=f"{args.bucket_name}/",
            opts=_guard(self),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                _abort_uploads(),
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire-noncurrent",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=args.noncurrent_days
                    ),
                ),
            ],
            # S3 refuses rules on old versions before versioning is on.
            opts=_guard(self, versioning),
        )
        attached = _attach_policy(
            self,
            name,
            bucket,
            private_bucket_policy(
                bucket_arn=_arn(args.bucket_name),
                account_id=args.account_id,
                region=args.region,
                grants=args.grants,
            ),
        )
        # A service that delivers here checks at once whether it may, and replication whether versions are
        # kept: both must stand first. Nothing waits for the lifecycle, which takes S3 a minute.
        ready = [attached.urn, versioning.urn]
        self.name = pulumi.Output.all(bucket.bucket, *ready).apply(lambda known: str(known[0]))
        self.arn = pulumi.Output.all(bucket.arn, *ready).apply(lambda known: str(known[0]))
        self.register_outputs({"name": self.name, "arn": self.arn})


@dataclass(frozen=True, kw_only=True)
class AccessLogBucketArgs:
    """What the bucket of access logs needs to know.

    Args:
        bucket_name: Physical name, from ``naming.bucket``.
        account_id: The only account whose buckets may write here.
        retention_days: Days for which logs are kept.
    """

    bucket_name: str
    account_id: str
    retention_days: int


class AccessLogBucket(pulumi.ComponentResource):
    """The bucket that takes the access logs of all others.

    S3 delivers access logs only to buckets with S3-managed encryption: a customer key is refused
    by the delivery (S3 user guide, "Enabling server access logging"). It logs nothing about
    itself, since each line would cause another one.
    """

    name: pulumi.Output[str]
    """Name of the bucket."""

    def __init__(
        self, name: str, args: AccessLogBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place the bucket and everything that protects it."""
        super().__init__("plinth:storage:AccessLogBucket", name, None, opts)
        bucket = _private_bucket(self, name, args.bucket_name, "access-logs")
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256"
                    )
                )
            ],
            opts=_guard(self),
        )
        versioning = _versioning(self, name, bucket)
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                _abort_uploads(),
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire-logs",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
                        days=args.retention_days
                    ),
                    noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=ABORT_UPLOAD_DAYS
                    ),
                ),
            ],
            opts=_guard(self, versioning),
        )
        attached = _attach_policy(
            self,
            name,
            bucket,
            access_log_bucket_policy(bucket_arn=_arn(args.bucket_name), account_id=args.account_id),
        )
        self.name = pulumi.Output.all(bucket.bucket, attached.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"name": self.name})


def _guard(parent: pulumi.Resource, *after: pulumi.Resource) -> pulumi.ResourceOptions:
    """Return the options of what protects a bucket: where the bucket stays, so does its protection."""
    return pulumi.ResourceOptions(parent=parent, depends_on=list(after), retain_on_delete=True)


def _private_bucket(
    parent: pulumi.Resource,
    name: str,
    bucket_name: str,
    data_class: str,
    *,
    locked: bool = False,
    backed_up: bool = False,
) -> aws.s3.Bucket:
    """Place a bucket that stays when it leaves the program, and that holds no ACLs."""
    bucket = aws.s3.Bucket(
        name,
        bucket=bucket_name,
        force_destroy=False,
        object_lock_enabled=True if locked else None,  # can only be chosen when a bucket is made
        tags={"plinth:data-class": data_class, **({"plinth:backup": "daily"} if backed_up else {})},
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=_guard(parent),
    )
    return bucket


def _versioning(parent: pulumi.Resource, name: str, bucket: aws.s3.Bucket) -> aws.s3.BucketVersioning:
    return aws.s3.BucketVersioning(
        f"{name}-versioning",
        bucket=bucket.bucket,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=_guard(parent),
    )


def _arn(bucket_name: str) -> str:
    """Return the ARN of a bucket from its name: known in a preview, so that its policy can be judged."""
    return f"arn:aws:s3:::{bucket_name}"


def _attach_policy(
    parent: pulumi.Resource, name: str, bucket: aws.s3.Bucket, policy: str
) -> aws.s3.BucketPolicy:
    """Close public access first: S3 checks a policy against the block that is in force."""
    block = aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=_guard(parent),
    )
    return aws.s3.BucketPolicy(
        f"{name}-policy",
        bucket=bucket.bucket,
        policy=policy,
        opts=_guard(parent, block),
    )


def _abort_uploads() -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="abort-uploads",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=ABORT_UPLOAD_DAYS
        ),
    )
