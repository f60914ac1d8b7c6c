"""The chain: each record carries the hash of the one before, so none can change without all after it.

A line is JSON: ``{"body": {...}, "hash": "...", "prev": "...", "seq": 7}``. The hash covers the writer's
name, the sequence number, the previous hash and the body, in one canonical form; a record therefore
belongs to one place in one chain and to no other.
"""

import hashlib
import json
from typing import Any, NamedTuple

HASH_HEX = 64
"""Length of a SHA-256 in hexadecimal digits."""


class LogDamagedError(Exception):
    """A line is not a record that this code wrote; the text says why, without showing it."""


class Record(NamedTuple):
    """One link of a chain."""

    seq: int
    prev: str
    hash: str
    body: dict[str, Any]


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> bytes:
    """Return the one spelling of a JSON value.

    Raises:
        ValueError: It holds a number that JSON does not have (NaN, infinity).
    """
    return _ENCODER.encode(value).encode()


def genesis(writer: str) -> str:
    """Return what the first record of a writer's chain follows."""
    return hashlib.sha256(b"plinth decision log v1\0" + writer.encode()).hexdigest()


def record_hash(writer: str, seq: int, prev: str, body: bytes) -> str:
    """Return the hash of a record from its parts; the body in canonical form."""
    head = f"{writer}\0{seq}\0{prev}\0".encode()
    return hashlib.sha256(head + body).hexdigest()


def line(writer: str, seq: int, prev: str, body: dict[str, Any]) -> tuple[str, bytes]:
    """Return the hash and the line of a new record, newline included."""
    content = canonical(body)
    digest = record_hash(writer, seq, prev, content)
    return digest, _written(content, digest, prev, seq) + b"\n"


def _written(content: bytes, digest: str, prev: str, seq: int) -> bytes:
    """Return a record's line, without the newline: the only bytes that stand for this record."""
    return b'{"body":%b,"hash":"%b","prev":"%b","seq":%d}' % (content, digest.encode(), prev.encode(), seq)


def parse(raw: bytes) -> Record:
    """Read one line; whether its hash is right is another question.

    Raises:
        LogDamagedError: It is not a record.
    """
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise LogDamagedError("it is not JSON") from error
    if not isinstance(value, dict) or set(value) != {"body", "hash", "prev", "seq"}:
        raise LogDamagedError("it lacks a part of a record or has one too many")
    seq, prev, digest, body = value["seq"], value["prev"], value["hash"], value["body"]
    if (
        type(seq) is not int
        or seq < 0
        or not isinstance(body, dict)
        or not all(isinstance(text, str) and len(text) == HASH_HEX for text in (prev, digest))
    ):
        raise LogDamagedError("a part of it is of the wrong kind")
    try:
        written = _written(canonical(body), digest, prev, seq)
    except ValueError as error:
        raise LogDamagedError("a part of it cannot have been written") from error
    if written != raw.rstrip(b"\n"):  # other bytes may mean the same number, and yet somebody changed them
        raise LogDamagedError("it is not written as records are")
    return Record(seq=seq, prev=prev, hash=digest, body=body)


def is_whole(writer: str, record: Record) -> bool:
    """Tell whether a record's hash is that of its content at its place in this writer's chain."""
    try:
        content = canonical(record.body)
    except ValueError:
        return False
    return record_hash(writer, record.seq, record.prev, content) == record.hash
