"""Tables as files: every item of a table on a line of its own, signed for by digest, and back again.

DynamoDB's own recovery to a point in time stays in the region, and AWS Backup copies once a night. These
files lie in a bucket that is copied within minutes, and a person can read them.
"""

import json
from collections.abc import Iterator
from typing import Any

from infra import naming
from infra.errors import Exit, PlinthError
from infra.settings import Settings

ROLES = ("model-registry", "online-features", "review-index")
"""Tables of an environment, by role."""
AT_A_TIME = 25
"""Items in one request (DynamoDB BatchWriteItem)."""
TRIES = 20
"""Requests for items that DynamoDB did not take at once; with a table paid by request it takes nearly all."""


def name_of(settings: Settings, role: str) -> str:
    """Return the name of a table."""
    return naming.table(settings.environment, role)


def dump(client: Any, table: str) -> bytes:
    """Return every item of a table, one on each line, in a fixed order."""
    return b"".join(sorted(_line(item) for item in _items(client, table)))


def count(content: bytes) -> int:
    """Return how many items a dump holds."""
    return content.count(b"\n")


def restore(client: Any, table: str, content: bytes, *, write_over: bool = False) -> int:
    """Write the items of a dump into a table; return how many it lacked.

    What the rebuilt services have written meanwhile stays: they answer before their tables are back.

    Args:
        client: Client of DynamoDB.
        table: Name of the table.
        content: The dump.
        write_over: Let an item of the dump take the place of one with its key; on the way back the dump is
            newer. Items that only the table has stay in any case.

    Raises:
        PlinthError: The table holds an item of the dump in another form, or did not take everything.
    """
    wanted, there = _lines(content), _lines(dump(client, table))
    missing = sorted(wanted - there)
    names = [row["AttributeName"] for row in client.describe_table(TableName=table)["Table"]["KeySchema"]]
    taken = {_key(line, names) for line in there - wanted}
    others = [] if write_over else [line for line in missing if _key(line, names) in taken]
    if others:
        raise PlinthError(
            f"Table {table} holds {len(others)} item(s) of the backup in another form: it is in use, or was "
            "restored from another one.",
            where=table,
            fix="Empty it when nobody needs them, or rebuild into another stack.",
            code=Exit.REFUSED,
        )
    for first in range(0, len(missing), AT_A_TIME):
        _write(client, table, [json.loads(line) for line in missing[first : first + AT_A_TIME]])
    if wanted - _lines(dump(client, table)):
        raise PlinthError(
            f"Table {table} lacks what the backup holds, after all of it was written.",
            where=table,
            fix="Run the same command again; it goes on where this ended.",
        )
    return len(missing)


def _key(line: bytes, names: list[str]) -> str:
    item = json.loads(line)
    return json.dumps([item[name] for name in names], sort_keys=True)


def _lines(content: bytes) -> set[bytes]:
    return set(content.splitlines(keepends=True))


def _line(item: dict[str, Any]) -> bytes:
    return json.dumps(item, sort_keys=True, separators=(",", ":"), default=_binary).encode() + b"\n"


def _binary(value: object) -> str:
    raise PlinthError(f"A table holds a value that no file can hold as it is: {type(value).__name__}.")


def _items(client: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _write(client: Any, table: str, items: list[dict[str, Any]]) -> None:
    left: Any = {table: [{"PutRequest": {"Item": item}} for item in items]}
    for _ in range(TRIES):
        left = client.batch_write_item(RequestItems=left).get("UnprocessedItems")
        if not left:
            return
    raise PlinthError(f"Table {table} does not take items.", where=table, fix="Run the same command again.")
