"""Copies objects into the other region as a bucket's replication rules say; moto 5.2.5 only keeps the rules.

As in S3, a copy comes a while after the object, keeps its version and its lock, and a deletion is not
copied. The while is short and always the same here; what arrives late or out of order on AWS does not.
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from moto.s3.models import S3Backend

LAG_SECONDS = 2.0
"""Seconds until a copy is there. S3 promises 15 minutes with replication time control, and mostly takes
seconds; a loss of the region within that while loses the object, and so it does here."""
Pinned = Callable[[str, float], AbstractContextManager[None]]
"""Takes a name and a time: with them, what is drawn in between is the same each time."""


@dataclass(frozen=True, kw_only=True)
class _Due:
    """One object that is to be copied."""

    at: float
    backend: Any
    bucket: str
    key: Any
    target: str
    encrypt_with: str


_waiting: deque[_Due] = deque()


def install(clock: Callable[[], float]) -> None:
    """Let every object that is written into a replicated bucket be copied; a second call changes nothing.

    Args:
        clock: The time at which the request in hand happens, in seconds since the epoch.
    """
    original: Callable[..., Any] = S3Backend.put_object
    if hasattr(original, "__wrapped__"):
        return

    def put_object(self: Any, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        key = original(self, bucket_name, *args, **kwargs)
        for target, encrypt_with in _targets(self.get_bucket(bucket_name)):
            _waiting.append(
                _Due(
                    at=clock() + LAG_SECONDS,
                    backend=self,
                    bucket=bucket_name,
                    key=key,
                    target=target,
                    encrypt_with=encrypt_with,
                )
            )
        return key

    put_object.__wrapped__ = original  # type: ignore[attr-defined]
    setattr(S3Backend, "put_object", put_object)  # noqa: B010 - as in completions


def copy_due(now: float, pinned: Pinned) -> int:
    """Make the copies whose time has come; return how many.

    It is called before each request, reads included. When a copy is made early or late by that makes no
    difference to anybody: all that a copy holds follows from the object and the time at which it was due.

    Args:
        now: Seconds since the epoch.
        pinned: Keeps what is drawn for a copy apart from what the request in hand draws.
    """
    made = 0
    while _waiting and _waiting[0].at <= now:
        due = _waiting.popleft()
        with pinned(f"copy/{due.target}/{due.key.version_id}", due.at):
            made += _copy(due)
    return made


def _copy(due: _Due) -> bool:
    buckets = due.backend.buckets
    source, target = buckets.get(due.bucket), buckets.get(due.target)
    # A region that is gone copies nothing more; what was overwritten meanwhile is a version like any other.
    if source is None or target is None or due.key not in source.keys.getlist(due.key.name, []):
        return False
    if due.target not in dict(_targets(source)):  # whoever took the rule away wants no more copies
        return False
    made = due.backend.put_object(
        due.target,
        due.key.name,
        due.key.value,
        storage=due.key.storage_class,
        encryption="aws:kms",
        kms_key_id=due.encrypt_with,
        lock_mode=due.key.lock_mode,
        lock_until=due.key.lock_until,
        lock_legal_status=due.key.lock_legal_status,
        disable_notification=True,
    )
    made._version_id = due.key.version_id  # noqa: SLF001 - moto has no way to say it
    made.last_modified = dt.datetime.fromtimestamp(due.at, dt.UTC).replace(tzinfo=None)
    made.set_metadata(due.key.metadata)
    return True


def _targets(bucket: Any) -> Iterator[tuple[str, str]]:
    """Yield the name of each bucket that gets copies, and the key that encrypts them."""
    kept = getattr(bucket, "replication", None) or {}
    rules = kept.get("Rule") or []
    for rule in rules if isinstance(rules, list) else [rules]:
        if rule.get("Status") != "Enabled":
            continue
        there = rule.get("Destination") or {}
        encryption = there.get("EncryptionConfiguration") or {}
        yield str(there["Bucket"]).rpartition(":")[2], str(encryption.get("ReplicaKmsKeyID") or "")
