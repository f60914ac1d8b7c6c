"""What a lost environment is rebuilt from: found in the other region, and proven before anything is built."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.errors import Exit, PlinthError
from infra.naming import PROJECT
from infra.ops import state
from infra.ops.account import Account
from infra.ops.recovery import backups, keeping, records, statements, tables
from infra.ops.recovery.backups import Backup
from infra.ops.recovery.keeping import Keep
from infra.ops.recovery.statements import Record
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Everything that is there to rebuild from, verified.

    Args:
        record: The newest record.
        latest: The checkpoint that the record speaks of.
        backup: The newest backup of the tables.
        files: Role of a table to its file.
    """

    record: Record
    latest: Mapping[str, Any]
    backup: Backup
    files: Mapping[str, bytes]


def find(lost: Settings, account: Account, *, copy: bool, before: str = "") -> Sources:
    """Find record, state and tables of an environment and check every signature and digest.

    Args:
        lost: Settings of the environment.
        account: The account, in any of its regions.
        copy: Whether to read the copies in the recovery region, and nothing else.
        before: Take the tables as they were backed up before this time, ISO 8601; empty for the newest.

    Raises:
        PlinthError: With everything that is missing or not to be trusted, at once.
    """
    keep, signers = Keep(lost, account, copy=copy), records.trusted(lost)
    wrong: list[str] = []
    record = latest = backup = None
    files: dict[str, bytes] = {}
    try:
        record = newest_record(keep, lost)
        latest = state_of(keep, record)
    except PlinthError as error:
        wrong.append(error.what)
    try:
        backup = backups.newest(keep, signers, before=before)
    except PlinthError as error:
        wrong.append(error.what)
    for role in tables.ROLES if backup else ():
        assert backup is not None
        try:
            files[role] = backups.content(keep, backup, role)
        except (PlinthError, KeyError) as error:
            wrong.append(error.what if isinstance(error, PlinthError) else f"The backup lacks table {role}.")
    if wrong or record is None or latest is None or backup is None:
        rows = "\n".join(f"  - {one}" for one in wrong)
        raise PlinthError(
            f"'{lost.environment}' cannot be rebuilt from what is kept of it:\n{rows}",
            where=f"{keep.bucket} in {keep.region}; nothing was built or changed",
            fix=f"./plinth backup status --stack {lost.environment} while it lives; an older backup of the "
            "tables is taken with --before TIME",
            code=Exit.REFUSED,
        )
    return Sources(record=record, latest=latest, backup=backup, files=files)


def newest_record(keep: Keep, lost: Settings) -> Record:
    """Return the newest record in a bucket.

    Raises:
        PlinthError: There is none, or it is not to be trusted.
    """
    rows = keep.list(keeping.RECORDS)
    if not rows:
        raise PlinthError(f"There is no record of '{lost.environment}' in {keep.bucket}.", code=Exit.REFUSED)
    record = statements.read(keep.get(rows[-1].key).decode(), records.trusted(lost), name=rows[-1].name)
    if record.said.get("stack") != lost.environment:
        raise PlinthError(f"Record {record.name} speaks of another stack.", code=Exit.REFUSED)
    return record


def state_of(keep: Keep, record: Record) -> Mapping[str, Any]:
    """Return the checkpoint that a record speaks of, from its backup.

    Raises:
        PlinthError: It is not there, or not what was signed for.
    """
    wanted = record.subjects["state"]
    name = f"{wanted.removeprefix('sha256:')}.json"
    content = keep.get(keeping.key(keep.stack, keeping.STATES, name))
    if statements.bytes_digest(content) != wanted:
        raise PlinthError(f"The backup of the state is corrupt: it is not {wanted}.", code=Exit.REFUSED)
    latest = json.loads(content)["checkpoint"]["latest"]
    assert isinstance(latest, dict)
    return latest


def recover_state(settings: Settings, account: Account) -> Record | None:
    """Bring a lost state back from the environment's own bucket; None where nothing is kept there.

    Where a bucket, and so an environment, was never built, there is no record of it either.

    Raises:
        PlinthError: Something is kept, and it is not to be trusted.
    """
    try:
        kept = Keep(settings, account).list(keeping.RECORDS)
    except PlinthError:
        return None
    return restore_state(settings, account) if kept else None


def restore_state(settings: Settings, account: Account, *, copy: bool = False) -> Record:
    """Put the state that the newest record speaks of in the place of a lost one; return that record.

    Raises:
        PlinthError: There is a state, which is not written over; or what is kept is not to be trusted.
    """
    stack = settings.environment
    if state.resource_count(stack):
        raise PlinthError(
            f"Stack '{stack}' has a state of {state.resource_count(stack)} resources: not written over.",
            where=str(state.state_file(stack)),
            fix="A damaged one is repaired by ./plinth up; one that must go is put aside by hand.",
            code=Exit.REFUSED,
        )
    keep = Keep(settings, account, copy=copy)
    record = newest_record(keep, settings)
    latest = state_of(keep, record)
    checkpoint = {"stack": f"organization/{PROJECT}/{stack}", "latest": latest}
    state.ensure_stack(stack)
    path = state.state_file(stack)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"version": 3, "checkpoint": checkpoint}), encoding="utf-8")
    part.replace(path)
    records.keep_here(stack, record.name, keep.get(keeping.key(stack, keeping.RECORDS, record.name)).decode())
    return record
