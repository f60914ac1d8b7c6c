"""What outlives the loss of the environment, or of its region."""

from dataclasses import dataclass

import pulumi

from infra import naming
from infra.components.backup_plan import BackupPlan, BackupPlanArgs
from infra.components.backup_vault import BackupVault, BackupVaultArgs
from infra.components.bucket_replication import BucketReplication, BucketReplicationArgs
from infra.components.encrypted_bucket import (
    AccessLogBucket,
    AccessLogBucketArgs,
    EncryptedBucket,
    EncryptedBucketArgs,
)
from infra.components.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.components.restore_test import RestoreTest, RestoreTestArgs
from infra.data_classes import COPY_MINUTES, LOCKED, REPLICATED, bucket_name
from infra.settings import Settings
from infra.wiring.storage import Storage

RESTORED = ("DynamoDB", "S3")
"""Kinds of store that are backed up, so one of each is restored every week."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What an environment is rebuilt from."""

    vault: BackupVault
    plan: BackupPlan
    replicas: dict[str, EncryptedBucket]


def build(
    settings: Settings,
    opts: pulumi.ResourceOptions,
    *,
    elsewhere: pulumi.ResourceOptions | None,
    stores: Storage,
) -> Recovery:
    """Build vaults, plan and replicas.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers of the environment's region.
        elsewhere: Options with the provider of the recovery region; none when the stack names none.
        stores: What is backed up and copied.
    """
    copies = _vault(settings, "copies", _key(settings, "backup", elsewhere), elsewhere) if elsewhere else None
    vault = _vault(settings, "backups", stores.keys["backup"], opts)
    plan = BackupPlan(
        "backup-plan",
        BackupPlanArgs(
            plan_name=naming.backup(settings.environment, "backup"),
            vault=vault.name,
            keep_days=settings.recovery.backup_days,
            copy_to=copies.arn if copies else None,
            account_id=settings.aws.account_id,
            select=settings.recovery.selection,
        ),
        opts,
    )
    if settings.recovery.selection:
        RestoreTest(
            "restore-test",
            RestoreTestArgs(
                plan_name=naming.backup(settings.environment, "restore").replace("-", "_"),
                vault_arn=vault.arn,
                role_arn=plan.role_arn,
                kinds=RESTORED,
            ),
            opts,
        )
    replicas = _replicas(settings, opts, elsewhere, stores) if elsewhere else {}
    return Recovery(vault=vault, plan=plan, replicas=replicas)


def _vault(settings: Settings, role: str, key: EncryptionKey, opts: pulumi.ResourceOptions) -> BackupVault:
    return BackupVault(
        role,
        BackupVaultArgs(
            vault_name=naming.backup(settings.environment, role),
            key_arn=key.arn,
            shortest_days=settings.recovery.backup_days,
            lock_days=settings.recovery.lock_days,
        ),
        opts,
    )


def _key(settings: Settings, data_class: str, elsewhere: pulumi.ResourceOptions) -> EncryptionKey:
    return EncryptionKey(
        f"{data_class}-replica-key",
        EncryptionKeyArgs(
            environment=settings.environment,
            data_class=f"{data_class}-replica",
            account_id=settings.aws.account_id,
            deletion_days=settings.storage.key_deletion_days,
        ),
        elsewhere,
    )


def _replicas(
    settings: Settings,
    opts: pulumi.ResourceOptions,
    elsewhere: pulumi.ResourceOptions,
    stores: Storage,
) -> dict[str, EncryptedBucket]:
    environment, account = settings.environment, settings.aws.account_id
    region, target = settings.aws.region, settings.recovery.region

    def name_of(data_class: str) -> str:
        return naming.bucket(environment, f"{data_class}-replica", account_id=account, region=target)

    logs = AccessLogBucket(
        "replica-access-logs",
        AccessLogBucketArgs(
            bucket_name=name_of("access-logs"),
            account_id=account,
            retention_days=settings.storage.access_log_days,
        ),
        elsewhere,
    )
    replicas = {}
    for data_class in REPLICATED:
        key = _key(settings, data_class, elsewhere)
        replica = replicas[data_class] = EncryptedBucket(
            f"{data_class}-replica",
            EncryptedBucketArgs(
                bucket_name=name_of(data_class),
                data_class=data_class,
                key_arn=key.arn,
                account_id=account,
                region=target,
                access_log_bucket=logs.name,
                noncurrent_days=settings.storage.noncurrent_days,
                object_lock_days=settings.storage.record_lock_days if data_class in LOCKED else None,
            ),
            elsewhere,
        )
        BucketReplication(
            f"{data_class}-replication",
            BucketReplicationArgs(
                role_name=naming.role(environment, f"{data_class}-replication"),
                account_id=account,
                source=stores.buckets[data_class].name,
                source_name=bucket_name(settings, data_class),
                source_region=region,
                source_alias=naming.key_alias(environment, data_class),
                target=replica.name,
                target_name=name_of(data_class),
                target_region=target,
                target_alias=naming.key_alias(environment, f"{data_class}-replica"),
                target_key_arn=key.arn,
                within_minutes=COPY_MINUTES,
            ),
            opts,
        )
    return replicas
