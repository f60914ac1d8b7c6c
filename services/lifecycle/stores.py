"""Where a pipeline keeps things: objects by key, items by two keys; in AWS or in a folder.

Both kinds answer alike, so a pipeline does not know which one it uses. What is written is never
written over unless the writer says what it expects to find: two runs at once cannot lose each other's
work. In AWS that is S3 (versioned, encrypted by the bucket's own key) and DynamoDB.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from botocore.exceptions import ClientError

from services.readiness.errors import ServiceError

Item = Mapping[str, str | int]
"""A flat item: texts and whole numbers; anything deeper is JSON in a text."""
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=/-]{0,500}")
_GONE = {"NoSuchKey", "404", "NoSuchBucket", "ResourceNotFoundException"}
_TAKEN = {"PreconditionFailed", "ConditionalCheckFailedException", "412", "ConditionalRequestConflict"}


class StoreError(ServiceError):
    """A store does not answer, or does not have what was asked for."""


class TakenError(StoreError):
    """Somebody else wrote there first; nothing was changed."""


class Objects(Protocol):
    """Blobs by key."""

    def put(self, key: str, content: bytes, *, new: bool = False) -> None:
        """Write a blob whole; with ``new``, only when there is none (else :class:`TakenError`)."""

    def get(self, key: str) -> bytes:
        """Return a blob, or raise :class:`StoreError`."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Give every key that begins so, sorted."""


class Items(Protocol):
    """Items by a partition and a sort key."""

    def put(self, item: Item, *, expect: Mapping[str, str | int] | None = None) -> None:
        """Write an item.

        Args:
            item: The whole item, both keys included.
            expect: Attributes that the item there must have now; none: there must be no item.
        """

    def get(self, partition: str, sort: str) -> dict[str, Any] | None:
        """Return an item, or None."""

    def query(self, partition: str) -> list[dict[str, Any]]:
        """Return every item of a partition by its sort key."""


def check_key(key: str) -> str:
    """Return a key that is safe as a path and in S3.

    Raises:
        StoreError: It is not.
    """
    if not _KEY.fullmatch(key) or any(part in {"", ".", ".."} for part in key.split("/")):
        raise StoreError(f"The key {key[:60]!r} is not one: letters, digits and ._=/- only.")
    return key


class FolderObjects:
    """Blobs as files below a folder."""

    def __init__(self, root: Path) -> None:
        """Use the folder; it is made when something is written."""
        self.root = root

    def put(self, key: str, content: bytes, *, new: bool = False) -> None:
        """See :class:`Objects`."""
        path = self.root / check_key(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_bytes(content)
        try:
            if new:
                os.link(part, path)  # fails when the name is taken, in one step
            else:
                part.replace(path)
        except FileExistsError:
            raise TakenError(f"There is already something at {key}.", where=str(self.root)) from None
        finally:
            part.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        """See :class:`Objects`."""
        try:
            return (self.root / check_key(key)).read_bytes()
        except OSError:
            raise StoreError(f"There is nothing at {key}.", where=str(self.root)) from None

    def keys(self, prefix: str) -> Iterator[str]:
        """See :class:`Objects`."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        yield from sorted(key for key in found if key.startswith(prefix) and not key.endswith(".part"))


class BucketObjects:
    """Blobs in an S3 bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        """Use a boto3 client for S3."""
        self.client, self.bucket = client, bucket

    def put(self, key: str, content: bytes, *, new: bool = False) -> None:
        """See :class:`Objects`."""
        more = {"IfNoneMatch": "*"} if new else {}
        with _told(f"s3://{self.bucket}/{key}"):
            self.client.put_object(Bucket=self.bucket, Key=check_key(key), Body=content, **more)

    def get(self, key: str) -> bytes:
        """See :class:`Objects`."""
        with _told(f"s3://{self.bucket}/{key}"):
            answer = self.client.get_object(Bucket=self.bucket, Key=check_key(key))
            return bytes(answer["Body"].read())

    def keys(self, prefix: str) -> Iterator[str]:
        """See :class:`Objects`."""
        with _told(f"s3://{self.bucket}/{prefix}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            yield from sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))


class FolderItems:
    """Items as JSON files below a folder."""

    def __init__(self, root: Path, *, partition: str, sort: str) -> None:
        """Use the folder; the two names say which attributes are the keys."""
        self.objects, self.partition, self.sort = FolderObjects(root), partition, sort

    def put(self, item: Item, *, expect: Mapping[str, str | int] | None = None) -> None:
        """See :class:`Items`. Safe against a second writer of the same machine for new items only."""
        names = str(item[self.partition]), str(item[self.sort])
        if expect is not None:
            now = self.get(*names)
            if now is None or any(now.get(key) != value for key, value in expect.items()):
                raise TakenError(f"{'/'.join(names)} is not as expected.", where=str(self.objects.root))
        content = json.dumps(dict(item), sort_keys=True).encode()
        self.objects.put(self._key(*names), content, new=expect is None)

    def get(self, partition: str, sort: str) -> dict[str, Any] | None:
        """See :class:`Items`."""
        try:
            found = json.loads(self.objects.get(self._key(partition, sort)))
        except StoreError:
            return None
        return dict(found)

    def query(self, partition: str) -> list[dict[str, Any]]:
        """See :class:`Items`."""
        start = f"p-{quote(partition, safe='')}/".replace("%", "=")
        found = [json.loads(self.objects.get(key)) for key in self.objects.keys(start)]
        return sorted(found, key=lambda item: str(item[self.sort]))

    def _key(self, partition: str, sort: str) -> str:
        return "/".join(f"p-{quote(name, safe='')}".replace("%", "=") for name in (partition, sort))


class TableItems:
    """Items in a DynamoDB table whose keys are texts."""

    def __init__(self, client: Any, table: str, *, partition: str, sort: str) -> None:
        """Use a boto3 client for DynamoDB."""
        self.client, self.table, self.partition, self.sort = client, table, partition, sort

    def put(self, item: Item, *, expect: Mapping[str, str | int] | None = None) -> None:
        """See :class:`Items`."""
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        if expect is None:
            names, condition = {"#p": self.partition}, "attribute_not_exists(#p)"
        else:
            names = {f"#k{n}": key for n, key in enumerate(expect)}
            values = {f":v{n}": _typed(value) for n, value in enumerate(expect.values())}
            condition = " AND ".join(f"#k{n} = :v{n}" for n in range(len(expect)))
        more = {"ExpressionAttributeValues": values} if values else {}
        with _told(f"table {self.table}"):
            self.client.put_item(
                TableName=self.table,
                Item={key: _typed(value) for key, value in item.items()},
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                **more,
            )

    def get(self, partition: str, sort: str) -> dict[str, Any] | None:
        """See :class:`Items`."""
        with _told(f"table {self.table}"):
            key = {self.partition: {"S": partition}, self.sort: {"S": sort}}
            found = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        return _plain(found) if found else None

    def query(self, partition: str) -> list[dict[str, Any]]:
        """See :class:`Items`."""
        with _told(f"table {self.table}"):
            pages = self.client.get_paginator("query").paginate(
                TableName=self.table,
                KeyConditionExpression="#p = :p",
                ExpressionAttributeNames={"#p": self.partition},
                ExpressionAttributeValues={":p": {"S": partition}},
                ConsistentRead=True,
            )
            return [_plain(item) for page in pages for item in page["Items"]]


class _told:  # noqa: N801 - reads as a word in `with`
    """Turns AWS's refusals into ours, with where and without what was sent."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Translate."""
        if not isinstance(error, ClientError):
            return
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _TAKEN:
            raise TakenError("Somebody else wrote there first.", where=self.where) from None
        if code in _GONE:
            raise StoreError("There is nothing there.", where=self.where) from None
        raise StoreError(f"AWS refused: {code}.", where=self.where, fix="check role and key") from error


def _typed(value: str | int) -> dict[str, str]:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: int(value["N"]) if "N" in value else value["S"] for key, value in item.items()}
