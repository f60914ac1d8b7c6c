"""Copies every version of every object from one bucket into another, the oldest first; resumable."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from infra.data_classes import REPLICATED
from infra.errors import Exit, PlinthError
from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.recovery import keeping
from infra.settings import Settings

AT_ONCE = 8
"""Names that are copied at the same time; the versions of one name go one after the other."""
READ_BYTES = 64 << 20
"""Size up to which an object passes through this process; larger ones are copied by S3 itself, in parts. A
segment of the decision log has about ten MiB at most."""


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What a copy of a bucket did.

    Args:
        names: Names of objects in the source.
        versions: Versions of them.
        now: Versions that were copied by this run; the others were there already.
        newest: When the newest version was written, ISO 8601; empty for none.
    """

    names: int
    versions: int
    now: int
    newest: str


def copy(
    source: Any, source_bucket: str, target: Any, target_bucket: str, say: Callable[[str], None]
) -> Copied:
    """Copy what the target lacks. A name's first versions count as copied when the target has as many.

    Args:
        source: Client of S3 in the source's region.
        source_bucket: Where from; it is only read.
        target: Client of S3 in the target's region.
        target_bucket: Where to; its own encryption and lock apply to what comes.
        say: Told how far it is.
    """
    wanted, there = _by_name(source, source_bucket), _by_name(target, target_bucket)
    missing = {name: rows[len(there.get(name, [])) :] for name, rows in wanted.items()}
    todo = {name: rows for name, rows in missing.items() if rows}

    def one(name: str) -> int:
        for row in todo[name]:
            version = {"Bucket": source_bucket, "Key": name, "VersionId": row["VersionId"]}
            if row["Size"] > READ_BYTES:
                target.copy(version, target_bucket, name, SourceClient=source)
                continue
            # Read and written again: a locked bucket takes nothing without a checksum of what is sent.
            found = source.get_object(**version)
            target.put_object(
                Bucket=target_bucket,
                Key=name,
                Body=found["Body"].read(),
                ContentType=found.get("ContentType", "binary/octet-stream"),
                Metadata=found.get("Metadata", {}),
                ChecksumAlgorithm="SHA256",
            )
        return len(todo[name])

    done = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in pool.map(one, sorted(todo)):
            done += number
            say(f"{target_bucket}: {done} objects")
    times = [row["LastModified"] for rows in wanted.values() for row in rows]
    return Copied(
        names=len(wanted),
        versions=len(times),
        now=done,
        newest=max(times).isoformat() if times else "",
    )


def from_copy(settings: Settings, account: Account, data_class: str, say: Callable[[str], None]) -> Copied:
    """Copy back into a bucket what it lacks, from its copy in the recovery region.

    Raises:
        PlinthError: There is no copy of this class.
    """
    recovery = settings.recovery.region
    if data_class not in REPLICATED or not recovery:
        raise PlinthError(
            f"Bucket '{data_class}' of stack '{settings.environment}' has no copy in another region.",
            fix=f"copied are: {', '.join(REPLICATED)}, where plinth:recovery.region names a region",
            code=Exit.USAGE,
        )
    try:
        return copy(
            account.client("s3", recovery),
            keeping.bucket(settings, data_class, copy=True),
            account.client("s3"),
            keeping.bucket(settings, data_class),
            say,
        )
    except UNANSWERED as error:
        raise PlinthError(
            f"Objects of class '{data_class}' cannot be copied back: {reason(error)}.",
            fix="Run the same command again; it goes on from what was copied.",
        ) from None


def _by_name(client: Any, bucket: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for row in page.get("Versions", []):
            found.setdefault(row["Key"], []).append(row)
    # S3 lists a name's newest version first; its times have whole seconds, so the place decides a tie.
    for rows in found.values():
        rows.reverse()
        rows.sort(key=lambda row: row["LastModified"])
    return found
