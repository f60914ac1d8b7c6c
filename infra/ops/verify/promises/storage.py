"""Promises of the stores: keys, buckets, tables, images."""

from collections.abc import Callable, Sequence

from infra.ops.verify.model import AtLeast, Document, Is, Promise, Selector, Wants
from infra.settings import Settings

LOCKED = ("audit", "decisions")
"""Data classes that design.md puts under Object Lock ("the last two")."""
BUCKETS = ("artifacts", "audit", "data", "decisions", "features")
"""Data classes that design.md gives a bucket, beside the state, which is a file on a laptop."""
TABLES = ("features", "registry", "reviews")
"""Data classes that design.md gives a table."""
COPIED = ("artifacts", "data", "decisions")
"""Data classes that design.md copies to the recovery region."""
LOGS = "access-logs"
FOUR = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
CLOSED: Wants = {f"public_access.{name}": Is(value=True) for name in FOUR}


def _here(classes: Sequence[str]) -> Callable[[Settings], list[Selector]]:
    return lambda settings: [{"class": name, "region": settings.aws.region} for name in classes]


def _data_buckets(settings: Settings) -> list[Selector]:
    return [*_here(_classes(settings))(settings), *_copies(settings)]


def _classes(settings: Settings) -> tuple[str, ...]:
    return BUCKETS if settings.aws.emulated else (*BUCKETS, "state")


def _keys(settings: Settings) -> list[Selector]:
    keyed = ("registry", "requests", "reviews", "cluster", "volumes", "logs", "images", "backup")
    return _here((*_classes(settings), *keyed))(settings)


def _copies(settings: Settings) -> list[Selector]:
    region = settings.recovery.region
    return [{"class": name, "region": region} for name in COPIED] if region else []


def _is_data(_: Settings, bucket: Document) -> bool:
    return bool(bucket["class"] != LOGS)


def _is_locked(_: Settings, bucket: Document) -> bool:
    return bucket["class"] in LOCKED


def _is_source(settings: Settings, bucket: Document) -> bool:
    return bucket["class"] in COPIED and bucket["region"] == settings.aws.region


def _copy(settings: Settings, bucket: Document) -> Wants:
    return {
        "copy.to_region": Is(settings.recovery.region),
        "copy.to_class": Is(bucket["class"]),
        "copy.key_class": Is(f"{bucket['class']}-replica"),
    }


def _own_key(settings: Settings, bucket: Document) -> Wants:
    """Return that a store's key is that of its class: a copy's key lies in the copy's region."""
    name = bucket["class"]
    copied = bucket["region"] != settings.aws.region
    return {
        "encryption.algorithm": Is("aws:kms"),
        "encryption.key_class": Is(f"{name}-replica" if copied else name),
    }


PROMISES: tuple[Promise, ...] = (
    Promise(
        id="key-of-each-class-rotates",
        says="Each data class has a key of the customer's own that is in use and rotates",
        design="storage",
        read="kms DescribeKey, GetKeyRotationStatus, ListResourceTags",
        of="key",
        among=lambda _, key: key.get("state") != "PendingDeletion",
        wants=lambda _, __: {
            "state": Is("Enabled"),
            "manager": Is("CUSTOMER"),
            "rotation": Is(value=True),
        },
        required=_keys,
    ),
    Promise(
        id="bucket-encrypted-with-its-key",
        says="Each bucket of data is encrypted with the key of its data class",
        design="storage",
        read="s3 GetBucketEncryption, kms ListResourceTags",
        of="bucket",
        among=_is_data,
        wants=_own_key,
        required=_data_buckets,
    ),
    Promise(
        id="bucket-tls-only",
        says="Each bucket refuses everybody who comes without TLS",
        design="storage",
        read="s3 GetBucketPolicy",
        of="bucket",
        wants=lambda _, __: {"tls_only": Is(value=True)},
        required=_data_buckets,
    ),
    Promise(
        id="bucket-keeps-versions",
        says="Each bucket keeps versions",
        design="storage",
        read="s3 GetBucketVersioning",
        of="bucket",
        wants=lambda _, __: {"versioning": Is("Enabled")},
        required=_data_buckets,
    ),
    Promise(
        id="bucket-closed-to-the-public",
        says="Each bucket is closed to the public in all four ways, and has no ACLs",
        design="storage",
        read="s3 GetPublicAccessBlock, GetBucketOwnershipControls",
        of="bucket",
        wants=lambda _, __: {**CLOSED, "ownership": Is("BucketOwnerEnforced")},
        required=_data_buckets,
    ),
    Promise(
        id="account-closed-to-the-public",
        says="No bucket of the account can be made public",
        design="storage",
        read="s3control GetPublicAccessBlock",
        of="account",
        wants=lambda _, __: CLOSED,
        required=lambda settings: [{"account": settings.aws.account_id}],
    ),
    Promise(
        id="volumes-encrypted-by-default",
        says="A volume that nobody thought of is encrypted as well",
        design="storage",
        read="ec2 GetEbsEncryptionByDefault",
        of="account",
        wants=lambda _, __: {"volumes": Is(value=True)},
        required=lambda settings: [{"account": settings.aws.account_id}],
    ),
    Promise(
        id="bucket-access-logged",
        says="Access to each bucket of data is logged",
        design="storage",
        read="s3 GetBucketLogging",
        of="bucket",
        among=_is_data,
        wants=lambda _, __: {"log_class": Is(LOGS)},
        required=_data_buckets,
    ),
    Promise(
        id="records-locked",
        says="Audit and decision records can be changed by nobody before their time, their copies neither",
        design="storage",
        read="s3 GetObjectLockConfiguration",
        of="bucket",
        among=_is_locked,
        wants=lambda settings, _: {
            "lock.mode": Is("COMPLIANCE"),
            "lock.days": AtLeast(settings.storage.record_lock_days),
        },
        required=lambda settings: [
            *_here(LOCKED)(settings),
            *(row for row in _copies(settings) if row["class"] in LOCKED),
        ],
    ),
    Promise(
        id="data-copied-to-the-recovery-region",
        says="What cannot be made again is copied to the recovery region, encrypted with a key there",
        design="recovery",
        read="s3 GetBucketReplication",
        of="bucket",
        among=_is_source,
        wants=_copy,
        required=_here(COPIED),
        applies=lambda settings: bool(settings.recovery.region),
    ),
    Promise(
        id="table-encrypted-with-its-key",
        says="Each table is encrypted with the key of its data class",
        design="storage",
        read="dynamodb DescribeTable",
        of="table",
        wants=lambda _, table: {
            "encryption.status": Is("ENABLED"),
            "encryption.type": Is("KMS"),
            "encryption.key_class": Is(table["class"]),
        },
        required=lambda _: [{"class": name} for name in TABLES],
    ),
    Promise(
        id="table-can-be-wound-back",
        says="Each table can be wound back to a point in time",
        design="recovery",
        read="dynamodb DescribeContinuousBackups",
        of="table",
        wants=lambda _, __: {"point_in_time": Is("ENABLED")},
        required=lambda _: [{"class": name} for name in TABLES],
    ),
    Promise(
        id="table-protected-from-deletion",
        says="No table can be deleted by mistake",
        design="storage",
        read="dynamodb DescribeTable",
        of="table",
        wants=lambda _, __: {"protected": Is(value=True)},
        required=lambda _: [{"class": name} for name in TABLES],
    ),
    Promise(
        id="queue-encrypted-and-tls-only",
        says="Each queue is encrypted with its key, refuses everybody without TLS, and keeps what fails",
        design="serving",
        read="sqs GetQueueAttributes, kms ListResourceTags",
        of="queue",
        wants=lambda _, queue: {
            "key_class": Is("requests"),
            "tls_only": Is(value=True),
            "keeps_failed": Is(queue["holds"] != "failed"),
        },
        required=lambda settings: [
            {"service": service, "holds": holds}
            for service, wanted in sorted(settings.services.items())
            if wanted.queue
            for holds in ("answers", "failed", "requests")
        ],
        applies=lambda settings: any(wanted.queue for wanted in settings.services.values()),
    ),
    Promise(
        id="images-by-immutable-tag",
        says="Each service has a repository whose tags cannot move, scanned on push, encrypted with its key",
        design="serving",
        read="ecr DescribeRepositories",
        of="repository",
        wants=lambda _, __: {
            "tags_move": Is("IMMUTABLE"),
            "scanned": Is(value=True),
            "key_class": Is("images"),
        },
        required=lambda settings: [{"service": service} for service in sorted(settings.services)],
        applies=lambda settings: bool(settings.services),
    ),
    Promise(
        id="everything-carries-allocation-tags",
        says="Everything that can carry tags says whose it is and who pays",
        design="cost",
        read="the list and tag operations of each service in use",
        of="thing",
        wants=lambda settings, _: {
            "tags.environment": Is(str(settings.environment)),
            "tags.owner": Is(settings.owner),
            "tags.cost-centre": Is(settings.cost_centre),
        },
        required=lambda _: [
            {"kind": kind}
            for kind in (
                "dynamodb/table",
                "ec2/vpc",
                "eks/cluster",
                "eks/node-group",
                "iam/role",
                "kms/key",
                "s3/bucket",
            )
        ],
    ),
)
