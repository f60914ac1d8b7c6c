"""Backups beside those of AWS Backup: tables as signed files; and how old everything is that is kept.

``./plinth backup run`` writes them; each ``up`` writes record and state by itself; S3 copies objects.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra import naming
from infra.data_classes import COPY_MINUTES, REPLICATED
from infra.errors import Exit, PlinthError
from infra.ops import contracts
from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.recovery import keeping, records, statements, tables
from infra.ops.recovery.keeping import Keep
from infra.settings import Settings
from services.readiness import dsse
from services.readiness.decision_log.writer import Limits
from services.readiness.errors import ContractError
from services.readiness.signers import Signers

PREDICATE = "https://plinth.dev/backup/v1"
"""Names the form of the predicate; nothing is fetched from there."""
DUE_SECONDS = 12 * 3600
"""Age of the newest backup of the tables from which on an `up` makes another one: half of a day, so that with
one `up` a day none is ever older than the stated RPO."""
STAMP = "%Y%m%dT%H%M%S%fZ"
COPY_SECONDS = COPY_MINUTES * 60
"""Oldest that an object may be without its copy: what S3 promises with replication time control."""
RPO_SECONDS = {
    "objects": COPY_SECONDS,
    # A record is sealed within a minute and shipped at once; without the store nothing more is answered
    # after a while. Then it has to be copied.
    "decisions": int(Limits().seal_seconds + Limits().unshipped_seconds) + COPY_SECONDS,
    "tables": 24 * 3600 + COPY_SECONDS,  # `./plinth backup run` once a day at least, then copied
    "state": COPY_SECONDS,  # each `up` writes it
}
"""Kind of store to the seconds of writes that the loss of a region may cost: the stated RPO."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup of all tables, verified.

    Args:
        name: Name of its manifest.
        at: When it was begun, ISO 8601 in UTC.
        tables: Role of a table to ``key``, ``digest`` and ``items`` of its file.
    """

    name: str
    at: str
    tables: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Age:
    """How old the newest backup of one store is.

    Args:
        store: Which store.
        kind: ``objects``, ``decisions``, ``tables`` or ``state``.
        where: Bucket or vault that holds it.
        newest: When the newest was made, ISO 8601; empty for none.
        age_seconds: How old it is; None for none.
        behind: Objects or items that no backup holds yet.
        waiting_seconds: For how long the oldest of them has waited; None when it cannot be told.
        target_seconds: How much may be lost.
        problem: What is wrong; empty when nothing is.
    """

    store: str
    kind: str
    where: str
    newest: str = ""
    age_seconds: float | None = None
    behind: int = 0
    waiting_seconds: float | None = None
    target_seconds: int = 0
    problem: str = ""


def run(settings: Settings, account: Account) -> Backup:
    """Write every table into a file and sign for all of them.

    Raises:
        PlinthError: A table cannot be read, or the bucket does not take the files.
    """
    now = datetime.now(UTC)
    stamp, keep, client = now.strftime(STAMP), Keep(settings, account), account.client("dynamodb")
    found: dict[str, dict[str, Any]] = {}
    for role in tables.ROLES:
        name = tables.name_of(settings, role)
        try:
            content = tables.dump(client, name)
        except UNANSWERED as error:
            raise PlinthError(
                f"Table {name} cannot be backed up: {reason(error)}.", where=name, fix="./plinth status"
            ) from None
        key = keep.put(keeping.TABLES, f"{stamp}/{role}.jsonl", content)
        found[role] = {
            "key": key,
            "digest": statements.bytes_digest(content),
            "items": tables.count(content),
        }
    at = now.isoformat(timespec="seconds")
    predicate = {"stack": settings.environment, "at": at, "tables": found}
    subjects = {role: row["digest"] for role, row in found.items()}
    envelope = dsse.envelope(dsse.statement(subjects, PREDICATE, predicate))
    keep.put(
        keeping.TABLES, f"{stamp}.json", statements.signed(envelope, contracts.development_key()).encode()
    )
    return Backup(name=f"{stamp}.json", at=at, tables=found)


def run_if_due(settings: Settings, account: Account) -> Backup | None:
    """Make a backup when there is none to be trusted, or the newest is half a day old; return a new one.

    Raises:
        PlinthError: As :func:`run`.
    """
    try:
        last = newest(Keep(settings, account), records.trusted(settings))
    except PlinthError:
        return run(settings, account)
    age = datetime.now(UTC) - datetime.fromisoformat(last.at)
    return run(settings, account) if age.total_seconds() > DUE_SECONDS else None


def read(text: str, signers: Signers, *, name: str, stack: str) -> Backup:
    """Return the backup that a manifest speaks of, once its signature was checked.

    Raises:
        PlinthError: It is none, it was altered, or nobody trusted signed it.
    """
    try:
        envelope = dsse.read(text, where=name)
        good, problems = dsse.signed_by(envelope, signers.builders())
        statement = envelope.statement()
    except ContractError as error:
        raise _refused(name, error.what) from None
    if not good or problems:
        raise _refused(name, "; ".join(problems) or "nobody signed it")
    said = statement["predicate"]
    if statement.get("predicateType") != PREDICATE or said.get("stack") != stack:
        raise _refused(name, f"it is no backup of the tables of '{stack}'")
    return Backup(name=name, at=said["at"], tables=said["tables"])


def newest(keep: Keep, signers: Signers, *, before: str = "") -> Backup:
    """Return the newest backup of the tables, or the newest that was made before a time.

    Args:
        keep: Where to look.
        signers: Who may have signed it.
        before: ISO 8601 in UTC; empty for now.

    Raises:
        PlinthError: There is none, or it is not to be trusted.
    """
    manifests = [one for one in keep.list(keeping.TABLES) if one.name.endswith(".json")]
    for one in reversed(manifests):
        backup = read(keep.get(one.key).decode(), signers, name=one.name, stack=keep.stack)
        if not before or datetime.fromisoformat(backup.at) <= datetime.fromisoformat(before):
            return backup
    raise PlinthError(
        f"There is no backup of the tables of '{keep.stack}'"
        + (f" from before {before}." if before else "."),
        where=f"{keep.bucket}/{keeping.key(keep.stack, keeping.TABLES, '')}",
        fix=f"./plinth backup run --stack {keep.stack} makes one while the stack lives",
        code=Exit.REFUSED,
    )


def content(keep: Keep, backup: Backup, role: str) -> bytes:
    """Return the file of one table.

    Raises:
        PlinthError: It is not there, or not what was signed for.
    """
    row = backup.tables[role]
    found = keep.get(row["key"])
    if statements.bytes_digest(found) != row["digest"]:
        raise _refused(f"{backup.name}, table {role}", "its file is not what was signed for: it is corrupt")
    return found


def _refused(name: str, why: str) -> PlinthError:
    return PlinthError(
        f"Backup {name} is not to be trusted: {why}.",
        where=name,
        fix="./plinth backup status lists the others; rebuild from an older one with --before TIME",
        code=Exit.REFUSED,
    )


def status(settings: Settings, account: Account) -> list[Age]:
    """Return how old each backup is. What AWS Backup holds counts as further copies, not as these."""
    now = datetime.now(UTC)
    rows = [
        *_objects(settings, account, now),
        _tables(settings, account, now),
        _state(settings, account, now),
    ]
    return rows + list(_vault(settings, account, now))


def _objects(settings: Settings, account: Account, now: datetime) -> Iterator[Age]:
    for data_class in REPLICATED:
        kind = "decisions" if data_class == "decisions" else "objects"
        target = RPO_SECONDS[kind]
        if not settings.recovery.region:
            yield Age(store=data_class, kind=kind, where="", target_seconds=target, problem="no copies: "
                      "plinth:recovery.region is empty")  # fmt: skip
            continue
        where = keeping.bucket(settings, data_class, copy=True)
        try:
            here = versions(account.client("s3"), keeping.bucket(settings, data_class))
            there = versions(account.client("s3", settings.recovery.region), where)
        except UNANSWERED as error:
            yield Age(store=data_class, kind=kind, where=where, target_seconds=target, problem=reason(error))
            continue
        missing = [at for version, at in here.items() if version not in there]
        last = max(there.values(), default=None)
        waiting = (now - min(missing)).total_seconds() if missing else 0.0
        late = waiting > COPY_SECONDS
        yield Age(
            store=data_class,
            kind=kind,
            where=where,
            newest=last.isoformat() if last else "",
            age_seconds=(now - last).total_seconds() if last else None,
            behind=len(missing),
            waiting_seconds=waiting,
            target_seconds=target,
            problem=f"{len(missing)} objects have waited too long for their copies" if late else "",
        )


def versions(s3: Any, bucket: str) -> dict[tuple[str, str], datetime]:
    """Return every version of every object in a bucket with the time at which it was written."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return {
        (row["Key"], row["VersionId"]): row["LastModified"]
        for page in pages
        for row in page.get("Versions", [])
    }


def _tables(settings: Settings, account: Account, now: datetime) -> Age:
    keep, target = Keep(settings, account), RPO_SECONDS["tables"]
    try:
        last = newest(keep, records.trusted(settings))
    except PlinthError as error:
        return Age(
            store="tables", kind="tables", where=keep.bucket, target_seconds=target, problem=error.what
        )
    age = (now - datetime.fromisoformat(last.at)).total_seconds()
    return Age(
        store="tables",
        kind="tables",
        where=keep.bucket,
        newest=last.at,
        age_seconds=age,
        waiting_seconds=age,
        target_seconds=target,
        problem="older than a day" if age > target else "",
    )


def _state(settings: Settings, account: Account, now: datetime) -> Age:
    keep, target = Keep(settings, account), RPO_SECONDS["state"]
    try:
        record = records.load(settings)
        differs = records.behind(settings, record)
        held = {one.name for one in keep.list(keeping.STATES)}
    except PlinthError as error:
        return Age(store="state", kind="state", where=keep.bucket, target_seconds=target, problem=error.what)
    backed_up = f"{record.subjects['state'].removeprefix('sha256:')}.json" in held
    problem = "" if backed_up else "the state that the newest record speaks of is not in the bucket"
    age = (now - datetime.fromisoformat(record.said["made_at"])).total_seconds()
    return Age(
        store="state",
        kind="state",
        where=keep.bucket,
        newest=record.said["made_at"],
        age_seconds=age,
        behind=int(differs),
        target_seconds=target,
        problem=problem or ("the state has changed since the newest record" if differs else ""),
    )


def _vault(settings: Settings, account: Account, now: datetime) -> Iterator[Age]:
    for role, region in (("backups", settings.aws.region), ("copies", settings.recovery.region)):
        name = naming.backup(settings.environment, role)
        if not region:
            continue
        try:
            points = account.rows(
                "backup",
                "list_recovery_points_by_backup_vault",
                "RecoveryPoints",
                region=region,
                BackupVaultName=name,
            )
        except UNANSWERED as error:
            yield Age(
                store=f"AWS Backup, {role}", kind="vault", where=name, problem=f"not seen: {reason(error)}"
            )
            continue
        times = [row["CreationDate"] for row in points]
        last = max(times, default=None)
        yield Age(
            store=f"AWS Backup, {role}",
            kind="vault",
            where=name,
            newest=last.isoformat() if last else "",
            age_seconds=(now - last).total_seconds() if last else None,
        )


def as_json(rows: list[Age]) -> list[dict[str, Any]]:
    """Return ages as data for ``--json``."""
    return json.loads(json.dumps([row.__dict__ for row in rows]))  # type: ignore[no-any-return]
