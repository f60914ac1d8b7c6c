"""Where data lies: a key for each data class, the buckets, the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra import naming
from infra.components.account_guard import AccountGuard, AccountGuardArgs
from infra.components.encrypted_bucket import (
    AccessLogBucket,
    AccessLogBucketArgs,
    EncryptedBucket,
    EncryptedBucketArgs,
)
from infra.components.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.components.protected_table import ProtectedTable, ProtectedTableArgs
from infra.data_classes import BUCKETS, KEYS, LOCKED, bucket_name
from infra.iam.statements import Statement
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The stores of one environment, by data class."""

    access_logs: AccessLogBucket
    keys: Mapping[str, EncryptionKey]
    buckets: Mapping[str, EncryptedBucket]
    tables: Mapping[str, ProtectedTable]


def build(
    settings: Settings,
    opts: pulumi.ResourceOptions,
    *,
    key_grants: Mapping[str, Sequence[Statement]],
    bucket_grants: Mapping[str, Sequence[Statement]],
) -> Storage:
    """Build every store.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        key_grants: Data class to the AWS services that may use its key.
        bucket_grants: Data class to the AWS services that may write to its bucket.
    """
    account, region, kept = settings.aws.account_id, settings.aws.region, settings.storage
    if settings.aws.owns_account:
        AccountGuard("account-guard", AccountGuardArgs(account_id=account), opts)
    # Logs first, since every other bucket writes its access log there.
    access_logs = AccessLogBucket(
        "access-logs",
        AccessLogBucketArgs(
            bucket_name=bucket_name(settings, "access-logs"),
            account_id=account,
            retention_days=kept.access_log_days,
        ),
        opts,
    )
    keys = {
        data_class: EncryptionKey(
            f"{data_class}-key",
            EncryptionKeyArgs(
                environment=settings.environment,
                data_class=data_class,
                account_id=account,
                deletion_days=kept.key_deletion_days,
                grants=key_grants.get(data_class, ()),
            ),
            opts,
        )
        for data_class in KEYS
    }
    buckets = {
        data_class: EncryptedBucket(
            data_class,
            EncryptedBucketArgs(
                bucket_name=bucket_name(settings, data_class),
                data_class=data_class,
                key_arn=keys[data_class].arn,
                account_id=account,
                region=region,
                access_log_bucket=access_logs.name,
                noncurrent_days=kept.noncurrent_days,
                object_lock_days=kept.record_lock_days if data_class in LOCKED else None,
                grants=bucket_grants.get(data_class, ()),
            ),
            opts,
        )
        for data_class in BUCKETS
    }
    return Storage(access_logs=access_logs, keys=keys, buckets=buckets, tables=_tables(settings, keys, opts))


def _tables(
    settings: Settings, keys: Mapping[str, EncryptionKey], opts: pulumi.ResourceOptions
) -> dict[str, ProtectedTable]:
    environment = settings.environment
    return {
        # What a service reads for one subject while it answers; the offline store holds the history.
        "features": ProtectedTable(
            "online-features",
            ProtectedTableArgs(
                table_name=naming.table(environment, "online-features"),
                data_class="features",
                key_arn=keys["features"].arn,
                attributes={"subject": "S", "feature_set": "S"},
                partition_by="subject",
                sort_by="feature_set",
                expires_at="expires_at",
            ),
            opts,
        ),
        # One item for each version of a model; found by digest by whoever holds an image.
        "registry": ProtectedTable(
            "model-registry",
            ProtectedTableArgs(
                table_name=naming.table(environment, "model-registry"),
                data_class="registry",
                key_arn=keys["registry"].arn,
                attributes={"model": "S", "version": "S", "digest": "S"},
                partition_by="model",
                sort_by="version",
                indexes={"by-digest": ("digest", "version")},
            ),
            opts,
        ),
        # Decisions that wait for a person; found by state, the oldest first. Once settled, also by service.
        "reviews": ProtectedTable(
            "review-index",
            ProtectedTableArgs(
                table_name=naming.table(environment, "review-index"),
                data_class="reviews",
                key_arn=keys["reviews"].arn,
                attributes={
                    "service": "S",
                    "decision": "S",
                    "state": "S",
                    "asked_at": "S",
                    "labelled_at": "S",
                },
                partition_by="service",
                sort_by="decision",
                indexes={"by-state": ("state", "asked_at"), "by-settling": ("service", "labelled_at")},
            ),
            opts,
        ),
    }
