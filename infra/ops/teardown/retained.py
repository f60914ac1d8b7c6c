"""What the program keeps when it lets go of it: removed here, as far as retention allows, and no further.

Buckets with their guards, tables, vaults, keys, the audit log and the account's public access block leave the
state without being deleted, so that no mistake in a program loses data. A teardown that was agreed to removes
them: object versions that no lock holds, empty buckets, tables, empty vaults, and at last keys that nothing
needs any more.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.ops.account import Account
from infra.ops.inventory import Thing
from infra.ops.teardown.leftovers import WAITING, Record
from infra.settings import Settings

KINDS = ("backup/vault", "dynamodb/table", "kms/key", "logs/group", "s3/account-block", "s3/bucket")
"""What the program keeps when it lets go, and what may hold records that need its keys."""
BATCH = 1000
"""Object versions that one request removes (S3 DeleteObjects)."""
_NO_LOCK = ("ObjectLockConfigurationNotFoundError", "NoSuchBucket")
"""What S3 answers for a bucket without Object Lock, and for one that went meanwhile."""
FOREVER = dt.datetime.max.replace(tzinfo=dt.UTC)
"""End of a legal hold: somebody takes it off, or it stays."""
CLASS_TAG = "plinth:data-class"


def sweep(account: Account, settings: Settings, things: Iterable[Thing]) -> list[str]:
    """Remove what the stack retained, as far as retention allows; return what was removed.

    Args:
        account: Where.
        settings: Settings of the stack; they say how long a deleted key waits.
        things: Everything that is in the account.

    Raises:
        ClientError: AWS refuses something that no retention explains.
    """
    rows = [thing for thing in things if not holds_state(thing)]
    ours = [t for t in rows if account.emulated or t.belongs_to(settings.environment)]
    done = [line for t in ours if t.kind == "s3/bucket" for line in _bucket(account, t)]
    done += [f"log group {t.name}" for t in ours if t.kind == "logs/group" and _log_group(account, t)]
    done += [f"table {t.name}" for t in ours if t.kind == "dynamodb/table" and _table(account, t)]
    done += [f"vault {t.name}" for t in ours if t.kind == "backup/vault" and _vault(account, t)]
    # The block protects every bucket of the account: it stays while there is one, whoever's it is.
    blocks = [t for t in rows if t.kind == "s3/account-block"] if settings.aws.owns_account else []
    for block in blocks if not list(account.rows("s3", "list_buckets", "Buckets")) else []:
        account.client("s3control").delete_public_access_block(AccountId=account.account_id)
        done.append(f"account's {block.name}")
    needed = {number for record in records(account, ours).values() for number in record.keys}
    for thing in ours:
        if thing.kind == "kms/key" and thing.detail.get("state") not in WAITING:
            if thing.id in needed:
                continue
            account.client("kms", thing.region).schedule_key_deletion(
                KeyId=thing.id, PendingWindowInDays=settings.storage.key_deletion_days
            )
            done.append(f"key {thing.name}, in {settings.storage.key_deletion_days} days")
    return done


def holds_state(thing: Thing) -> bool:
    """Tell whether a store holds the state of a stack, which no stack made and none may remove. Pure."""
    return (thing.tags or {}).get(CLASS_TAG) == "state"


def records(account: Account, things: Iterable[Thing]) -> dict[str, Record]:
    """Return what nobody may remove yet: locked objects, locked backups, audit events. By id of the store."""
    found: dict[str, Record] = {}
    for thing in things:
        record = None
        if holds_state(thing):
            record = Record(what="holds the state; ./plinth bootstrap made it", until=None)
        elif thing.kind == "s3/bucket":
            record = _locked_objects(account, thing)
        elif thing.kind == "backup/vault":
            record = _locked_backups(account, thing)
        elif thing.kind == "logs/group":
            record = _events(account, thing)
        elif thing.kind == "s3/account-block":
            record = _other_buckets(account, things)
        if record is not None:
            found[thing.id] = record
    return found


def _bucket(account: Account, bucket: Thing) -> Iterator[str]:
    """Remove the versions that no lock holds, and the bucket when it is empty then."""
    s3, name = account.client("s3", bucket.region), bucket.name
    locked = _has_lock(s3, name)
    gone = kept = 0
    batch: list[dict[str, str]] = []
    for version in list(_versions(account, bucket)):
        if locked and not version.pop("marker", None) and _held_until(s3, name, version) is not None:
            kept += 1
            continue
        batch.append({"Key": version["Key"], "VersionId": version["VersionId"]})
        if len(batch) == BATCH:
            gone += _removed(s3, name, batch)
            batch = []
    gone += _removed(s3, name, batch)
    if gone:
        yield f"{gone} object versions of {name}"
    if not kept and not list(_versions(account, bucket)):
        s3.delete_bucket(Bucket=name)
        yield f"bucket {name}"


def _removed(s3: Any, name: str, batch: list[dict[str, str]]) -> int:
    if not batch:
        return 0
    answer = s3.delete_objects(Bucket=name, Delete={"Objects": batch, "Quiet": True})
    return len(batch) - len(answer.get("Errors") or ())


def _versions(account: Account, bucket: Thing) -> Iterator[dict[str, Any]]:
    for key in ("Versions", "DeleteMarkers"):
        rows = account.rows("s3", "list_object_versions", key, region=bucket.region, Bucket=bucket.name)
        for row in rows:
            found = {"Key": row["Key"], "VersionId": row["VersionId"]}
            yield found | ({"marker": True} if key == "DeleteMarkers" else {})


def _has_lock(s3: Any, name: str) -> bool:
    try:
        s3.get_object_lock_configuration(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_LOCK:
            return False
        raise
    return True


def _held_until(s3: Any, name: str, version: Mapping[str, str]) -> tuple[dt.datetime, str] | None:
    """Return until when a version is locked, and the key that decrypts it; None when nothing holds it."""
    known = s3.head_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    key = _id(known.get("SSEKMSKeyId"))
    if known.get("ObjectLockLegalHoldStatus") == "ON":
        return FOREVER, key
    end: dt.datetime | None = known.get("ObjectLockRetainUntilDate")
    return (end, key) if end is not None and end > dt.datetime.now(dt.UTC) else None


def _id(key: str | None) -> str:
    """Return the id in a key's ARN; empty for no key. Pure."""
    return (key or "").rsplit("/", 1)[-1]


def _locked_objects(account: Account, bucket: Thing) -> Record | None:
    s3 = account.client("s3", bucket.region)
    if not _has_lock(s3, bucket.name):
        return None
    versions = [version for version in _versions(account, bucket) if "marker" not in version]
    held = [found for version in versions if (found := _held_until(s3, bucket.name, version)) is not None]
    if not held:
        return None
    last = max(end for end, _ in held)
    return Record(
        what=f"Object Lock holds {len(held)} object versions",
        until=None if last == FOREVER else last,
        keys=frozenset(key for _, key in held if key),
    )


def _locked_backups(account: Account, vault: Thing) -> Record | None:
    points = account.rows(
        "backup", "list_recovery_points_by_backup_vault", "RecoveryPoints",
        region=vault.region, BackupVaultName=vault.name,
    )  # fmt: skip
    ends = [point.get("CalculatedLifecycle", {}).get("DeleteAt") for point in points]
    if not ends:
        return None
    known = [end for end in ends if end is not None]
    described = account.client("backup", vault.region).describe_backup_vault(BackupVaultName=vault.name)
    return Record(
        what=f"the vault's lock holds {len(ends)} backups",
        until=max(known) if len(known) == len(ends) else None,
        keys=frozenset({_id(described.get("EncryptionKeyArn"))} - {""}),
    )


def _table(account: Account, table: Thing) -> bool:
    """Remove a table, whose protection was lifted by name before, and wait until it is gone."""
    dynamodb = account.client("dynamodb", table.region)
    dynamodb.delete_table(TableName=table.name)
    dynamodb.get_waiter("table_not_exists").wait(TableName=table.name)
    return True


def _vault(account: Account, vault: Thing) -> bool:
    """Remove a vault without backups; tell whether it was. A lock holds backups, not an empty vault."""
    if _locked_backups(account, vault) is not None:
        return False
    account.client("backup", vault.region).delete_backup_vault(BackupVaultName=vault.name)
    return True


def _log_group(account: Account, group: Thing) -> bool:
    """Remove a log group in which nothing is; tell whether it was."""
    if _events(account, group) is not None:
        return False
    account.client("logs", group.region).delete_log_group(logGroupName=group.name)
    return True


def _events(account: Account, group: Thing) -> Record | None:
    given = {"logGroupNamePrefix": group.name}
    rows = account.rows("logs", "describe_log_groups", "logGroups", region=group.region, **given)
    known = next((row for row in rows if row["logGroupName"] == group.name), None)
    if known is None or not known.get("storedBytes"):
        return None
    given = {"logGroupName": group.name}
    streams = account.rows("logs", "describe_log_streams", "logStreams", region=group.region, **given)
    last = max((row.get("lastEventTimestamp", 0) for row in streams), default=0) / 1000
    days = known.get("retentionInDays")
    return Record(
        what="keeps the events that were recorded",
        until=dt.datetime.fromtimestamp(last, dt.UTC) + dt.timedelta(days=days) if days else None,
        keys=frozenset({_id(known.get("kmsKeyId"))} - {""}),
    )


def _other_buckets(account: Account, things: Iterable[Thing]) -> Record | None:
    ours = {thing.name for thing in things if thing.kind == "s3/bucket"}
    names = {row["Name"] for row in account.rows("s3", "list_buckets", "Buckets")}
    if not names:
        return None
    kept = f"{len(names - ours)} of somebody else's" if names - ours else f"{len(names)} that are kept"
    return Record(what=f"closes the account's buckets to the public, {kept}", until=None)
