"""Why something is left after a teardown, and until when. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.ops.inventory import Thing

WAITING = ("PendingDeletion", "PendingReplicaDeletion")
"""States of a key that waits for its end."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a store keeps because nobody may remove it yet.

    Args:
        what: In words, such as how many object versions.
        until: When the last of it may go; None when that is not known.
        keys: Ids of the keys that decrypt it, which have to stay as long.
    """

    what: str
    until: dt.datetime | None
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Left:
    """One thing that is left.

    Args:
        kind: As in the inventory.
        name: What a person calls it.
        region: Where it is.
        why: Why it is left.
        until: The moment at which it can go, or goes by itself; empty when nobody knows.
        by_retention: Whether a retention that somebody chose explains it.
    """

    kind: str
    name: str
    region: str
    why: str
    until: str
    by_retention: bool


def explained(things: Iterable[Thing], records: Mapping[str, Record]) -> list[Left]:
    """Return each thing with the reason why it is left.

    Args:
        things: What is there.
        records: Id of a thing to what it keeps because nobody may remove it yet.
    """
    rows = list(things)
    kept: dict[str, list[Record]] = {}
    for record in records.values():
        for number in record.keys:
            kept.setdefault(number, []).append(record)
    return sorted(
        (_one(thing, records.get(thing.id), kept) for thing in rows),
        key=lambda left: (left.by_retention, left.kind, left.name, left.region),
    )


def _one(thing: Thing, record: Record | None, kept: Mapping[str, list[Record]]) -> Left:
    data_class = (thing.tags or {}).get("plinth:data-class", "")
    if record is not None:
        why, until, by_retention = record.what, record.until, True
    elif thing.kind == "kms/key" and thing.detail.get("state") in WAITING:
        why, until, by_retention = "waits for its deletion", thing.detail.get("until"), True
    elif thing.kind == "kms/key" and thing.id in kept:
        ends = [row.until for row in kept[thing.id]]
        known = [end for end in ends if end is not None]
        why = "decrypts what is kept"
        until, by_retention = (max(known) if len(known) == len(ends) else None), True
    else:
        why, until, by_retention = "nothing explains it", None, False
    return Left(
        kind=thing.kind,
        name=thing.name if thing.kind != "kms/key" or not data_class else f"{data_class} ({thing.id})",
        region=thing.region,
        why=why,
        until=until.strftime("%Y-%m-%d %H:%M UTC") if until else "",
        by_retention=by_retention,
    )
