"""Where records and backups of an environment lie: on this machine, and in its bucket of artifacts.

That bucket is encrypted with a key of its own, keeps every version, and is copied to the recovery region.
Names begin with the stack, so that one bucket may hold what several environments were rebuilt from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import naming
from infra.data_classes import BUCKETS
from infra.errors import Exit, PlinthError
from infra.local.paths import home
from infra.ops.account import Account, reason
from infra.settings import Settings

PREFIX = "recovery"
"""Beginning of every key; what models and training keep in the bucket begins with other words."""
DATA_CLASS = "artifacts"
CLASSES = BUCKETS
"""Data classes that have a bucket."""
RECORDS, STATES, TABLES = "records", "states", "tables"
"""Kinds of what is kept; the second part of a key is the stack, the third the kind."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One object in the bucket.

    Args:
        key: Its whole key.
        size: Bytes.
        at: When it was written, ISO 8601 in UTC.
    """

    key: str
    size: int
    at: str

    @property
    def name(self) -> str:
        """Return the last part of the key."""
        return self.key.rsplit("/", 1)[-1]


def key(stack: str, kind: str, name: str) -> str:
    """Return the key of something that is kept."""
    return f"{PREFIX}/{stack}/{kind}/{name}"


def bucket(settings: Settings, data_class: str = DATA_CLASS, *, copy: bool = False) -> str:
    """Return the name of a data class's bucket, or of its copy in the recovery region."""
    aws = settings.aws
    region = settings.recovery.region if copy else aws.region
    role = f"{data_class}-replica" if copy else data_class
    return naming.bucket(settings.environment, role, account_id=aws.account_id, region=region or aws.region)


class Keep:
    """What is kept of one stack.

    Args:
        settings: Settings of the stack.
        account: Its account.
        copy: Whether to look at the copy in the recovery region, where the original may be gone.
    """

    def __init__(self, settings: Settings, account: Account, *, copy: bool = False) -> None:
        """Remember them; nobody is asked yet."""
        region = settings.recovery.region if copy else settings.aws.region
        self.stack = settings.environment
        self.bucket = bucket(settings, copy=copy)
        self.region = region or settings.aws.region
        self._s3: Any = account.client("s3", self.region)

    def put(self, kind: str, name: str, content: bytes) -> str:
        """Keep something; return its key.

        Raises:
            PlinthError: The bucket did not take it.
        """
        where = key(self.stack, kind, name)
        with _told("written", self.bucket):
            self._s3.put_object(Bucket=self.bucket, Key=where, Body=content, ChecksumAlgorithm="SHA256")
        return where

    def list(self, kind: str) -> list[Kept]:
        """Return everything of a kind, by name.

        Raises:
            PlinthError: The bucket does not answer.
        """
        with _told("listed", self.bucket):
            return sorted(self._rows(key(self.stack, kind, "")), key=lambda one: one.key)

    def get(self, where: str) -> bytes:
        """Return what lies under a key.

        Raises:
            PlinthError: It is not there, or the bucket does not answer.
        """
        with _told(f"read ({where})", self.bucket):
            content: bytes = self._s3.get_object(Bucket=self.bucket, Key=where)["Body"].read()
            return content

    def _rows(self, prefix: str) -> Iterator[Kept]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            for one in page.get("Contents", []):
                yield Kept(
                    key=one["Key"],
                    size=int(one["Size"]),
                    at=one["LastModified"].isoformat(timespec="seconds"),
                )


class _told:  # noqa: N801 - reads as a word where it is used
    """Turns what AWS answers into a sentence."""

    def __init__(self, done: str, bucket: str) -> None:
        self._done, self._bucket = done, bucket

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Explain."""
        if isinstance(error, ClientError | BotoCoreError):
            raise PlinthError(
                f"What is kept of the environment cannot be {self._done}: {reason(error)}.",
                where=self._bucket,
                fix="./plinth backup status says what there is, and where",
                code=Exit.FAILED,
            ) from None


def local_folder(stack: str) -> Path:
    """Return where this machine keeps the records of a stack."""
    return home() / RECORDS / stack
