"""Where sealed segments go: a bucket with Object Lock, or a folder where there is none.

A store only ever adds. What it is given a second time under one name stands beside the first, and the
verification reports it: in a locked bucket the first version cannot be removed.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

CONNECT_SECONDS, READ_SECONDS = 2.0, 10.0
"""Longest wait for the store, per try: the shipper tries again anyway, so it need not hang."""

TRIES = 2


class StoreError(Exception):
    """The store did not take or give an object; the text says why."""


class Store(Protocol):
    """A place for objects that are never changed."""

    def put(self, key: str, content: bytes) -> None:
        """Add an object.

        Raises:
            StoreError: It is not in the store for sure.
        """

    def versions(self, prefix: str) -> dict[str, list[str]]:
        """Return the names under a prefix, each with its versions, the oldest first."""

    def get(self, key: str, version: str) -> bytes:
        """Return one version of an object."""


class FolderStore:
    """A folder, for tests and for a service that runs alone; it locks nothing."""

    def __init__(self, folder: Path) -> None:
        """Use this folder."""
        self.folder = folder

    def put(self, key: str, content: bytes) -> None:
        """Add an object; a second one of the same name becomes a second version."""
        path = self.folder / key
        try:
            path.mkdir(parents=True, exist_ok=True)
            part = path / f".part-{secrets.token_hex(4)}"
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path / f"v{len(list(path.glob('v*'))):06d}")
        except OSError as error:
            raise StoreError(f"{key}: {error.strerror}") from error

    def versions(self, prefix: str) -> dict[str, list[str]]:
        """Return the names under a prefix and their versions."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.folder.rglob("v*")):
            key = path.parent.relative_to(self.folder).as_posix()
            if path.is_file() and key.startswith(prefix):
                found.setdefault(key, []).append(path.name)
        return found

    def get(self, key: str, version: str) -> bytes:
        """Return one version of an object."""
        return (self.folder / key / version).read_bytes()


class BucketStore:
    """A bucket of S3.

    Args:
        bucket: Its name. Default retention and encryption are the bucket's own settings.
        client: A boto3 client for S3; made from the environment when left out.
    """

    def __init__(self, bucket: str, client: Any = None) -> None:
        """Make the client, with short waits."""
        self.bucket = bucket
        self._client = client or _client()

    def put(self, key: str, content: bytes) -> None:
        """Add an object; S3 checks the checksum that goes with it."""
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",
            )
        except Exception as error:  # botocore makes its exceptions at run time; all mean the same here
            raise StoreError(f"{key}: {_reason(error)}") from error

    def versions(self, prefix: str) -> dict[str, list[str]]:
        """Return the names under a prefix and their versions, the oldest first."""
        found: dict[str, list[tuple[Any, str]]] = {}
        try:
            for page in self._client.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket, Prefix=prefix
            ):
                for one in page.get("Versions", []):
                    found.setdefault(one["Key"], []).append((one["LastModified"], one["VersionId"]))
        except Exception as error:
            raise StoreError(f"{prefix}: {_reason(error)}") from error
        # S3 lists a name's newest version first; times have whole seconds, so the place decides a tie.
        for those in found.values():
            those.reverse()
            those.sort(key=lambda one: one[0])
        return {key: [version for _, version in those] for key, those in sorted(found.items())}

    def get(self, key: str, version: str) -> bytes:
        """Return one version of an object."""
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key, VersionId=version)
            content: bytes = answer["Body"].read()
        except Exception as error:
            raise StoreError(f"{key}: {_reason(error)}") from error
        return content


def objects(store: Store, prefix: str) -> Iterator[tuple[str, list[bytes]]]:
    """Yield each object under a prefix with the content of all of its versions, the oldest first."""
    for key, versions in store.versions(prefix).items():
        yield key, [store.get(key, version) for version in versions]


def _client() -> Any:
    import boto3  # noqa: PLC0415 - a third of a second, and not every service has a bucket
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
    )
    return boto3.client("s3", config=config)


def _reason(error: Exception) -> str:
    """Return the service's own code for an error, or its kind; never a whole message with addresses."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
