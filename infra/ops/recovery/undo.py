"""Brings back what was in a bucket at a time: overwritten and deleted objects alike; removes nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Undone:
    """What was brought back.

    Args:
        overwritten: Objects whose older version lies on top again.
        deleted: Objects that had been deleted and are there again.
        newer: Objects that did not exist then; they stay, and a person looks at them.
    """

    overwritten: tuple[str, ...]
    deleted: tuple[str, ...]
    newer: tuple[str, ...]


def since(s3: Any, bucket: str, moment: datetime, *, prefix: str = "") -> Undone:
    """Put the version of a moment on top of every object that was written over or deleted after it.

    The versions in between stay, as evidence; the bucket's own lifecycle removes them in time.

    Args:
        s3: Client in the bucket's region.
        bucket: Its name; it must keep versions.
        moment: The last moment at which all was well, with a time zone.
        prefix: Only names that begin so.
    """
    rows: dict[str, list[tuple[datetime, int, str | None]]] = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for place, row in enumerate(page.get("Versions", [])):
            rows.setdefault(row["Key"], []).append((row["LastModified"], -place, row["VersionId"]))
        for place, row in enumerate(page.get("DeleteMarkers", [])):
            rows.setdefault(row["Key"], []).append((row["LastModified"], -place, None))
    overwritten: list[str] = []
    deleted: list[str] = []
    newer: list[str] = []
    for name, versions in sorted(rows.items()):
        versions.sort(key=lambda one: one[:2])
        before = [one for one in versions if one[0] <= moment]
        latest = versions[-1]
        if not before:
            if latest[2] is not None:
                newer.append(name)
            continue
        wanted = before[-1]
        if wanted[2] is None or wanted is latest:
            continue
        s3.copy_object(
            Bucket=bucket, Key=name, CopySource={"Bucket": bucket, "Key": name, "VersionId": wanted[2]}
        )
        (deleted if latest[2] is None else overwritten).append(name)
    return Undone(overwritten=tuple(overwritten), deleted=tuple(deleted), newer=tuple(newer))
