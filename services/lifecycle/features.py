"""One definition of features for training and serving: a table offline, signed items online.

Offline, every event becomes a row of a Parquet table (what was known of whom since when), signed and
kept by digest. Training asks it "as of" a time, so it never sees the future. Online, the newest row
of each subject is written as an item. Both come from one function, run once.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pyarrow import parquet

from services.lifecycle.stores import Items, Objects, StoreError, TakenError
from services.readiness import dsse
from services.readiness.digests import bytes_digest
from services.readiness.errors import ServiceError
from services.readiness.online_features import Definition, FeaturesRefusedError, item_of

PREDICATE = "https://plinth.dev/features/v1"
ATTEMPTS = 5
"""Tries to write one online item against other writers."""


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """What is known of a subject, as numbers.

    Args:
        name: Name of the set.
        version: Counts up with every change of meaning.
        columns: Names of the features in order.
        compute: From what was recorded to the features; raises for what it cannot read.
        code: Digest that changes when ``columns`` or ``compute`` do.
    """

    name: str
    version: int
    columns: tuple[str, ...]
    compute: Callable[[Mapping[str, Any]], Sequence[float]]
    code: str

    @property
    def meaning(self) -> Definition:
        """Return what serving needs to know of the set."""
        return Definition(name=self.name, version=self.version, columns=self.columns, code=self.code)

    @property
    def title(self) -> str:
        """Return name and version, as the online store knows them."""
        return self.meaning.title

    @property
    def definition(self) -> str:
        """Return the digest of the definition."""
        return self.meaning.digest


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that became known of a subject.

    Args:
        subject: Whom it is about.
        seconds: When, in seconds since the epoch.
        record: What was recorded.
    """

    subject: str
    seconds: int
    record: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The offline table: one row for each event, by subject and time."""

    feature_set: str
    definition: str
    subjects: tuple[str, ...]
    seconds: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]

    def as_of(self, subject: str, seconds: int) -> npt.NDArray[np.float32] | None:
        """Return what was known of a subject at a time, or None; of two at once, the later event."""
        known = [i for i, name in enumerate(self.subjects) if name == subject and self.seconds[i] <= seconds]
        return self.values[max(known, key=lambda i: (self.seconds[i], i))] if known else None

    def newest(self) -> dict[str, int]:
        """Return the row with the newest values of each subject."""
        rows: dict[str, int] = {}
        for i, name in enumerate(self.subjects):
            if name not in rows or self.seconds[i] >= self.seconds[rows[name]]:
                rows[name] = i
        return rows


def compute(feature_set: FeatureSet, events: Iterable[Event]) -> Table:
    """Return the offline table of events, ordered by subject and time (stable for equal times)."""
    ordered = sorted(events, key=lambda event: (event.subject, event.seconds))
    values = [list(feature_set.compute(event.record)) for event in ordered]
    return Table(
        feature_set=feature_set.title,
        definition=feature_set.definition,
        subjects=tuple(event.subject for event in ordered),
        seconds=np.asarray([event.seconds for event in ordered], dtype=np.int64),
        values=np.asarray(values, dtype=np.float32).reshape(len(ordered), len(feature_set.columns)),
    )


def keep(table: Table, feature_set: FeatureSet, objects: Objects, key: Ed25519PrivateKey) -> str:
    """Write the table as Parquet with a signature; return its digest."""
    columns: dict[str, Any] = {"subject": list(table.subjects), "event_seconds": table.seconds}
    columns |= {name: table.values[:, i] for i, name in enumerate(feature_set.columns)}
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer, compression="zstd")
    content = buffer.getvalue()
    digest = bytes_digest(content)
    said = dsse.statement(
        {table.feature_set: digest}, PREDICATE, {"definition": table.definition, "rows": len(table.subjects)}
    )
    objects.put(_key(feature_set, digest, "parquet"), content)
    signed = dsse.sign(dsse.envelope(said), key)
    objects.put(_key(feature_set, digest, "dsse.json"), signed.text().encode())
    return digest


def fetch(
    feature_set: FeatureSet, digest: str, objects: Objects, trusted: Sequence[Ed25519PublicKey]
) -> Table:
    """Return a kept table, once signature, definition and content have been checked.

    Raises:
        FeaturesRefusedError: It is missing, altered, unsigned or of another definition.
    """
    where = _key(feature_set, digest, "parquet")
    try:
        content = objects.get(where)
        envelope = dsse.read(objects.get(_key(feature_set, digest, "dsse.json")).decode(), where=where)
        good, problems = dsse.signed_by(envelope, trusted)
        said = envelope.statement()
    except (StoreError, ServiceError, UnicodeDecodeError):
        raise FeaturesRefusedError("The feature table or its signature is missing.", where=where) from None
    if not good:
        why = "; ".join(problems) or "it has no signature"
        raise FeaturesRefusedError(f"Nobody trusted signed the feature table: {why}.", where=where)
    if bytes_digest(content) != digest or dsse.subjects(said) != {feature_set.title: digest}:
        raise FeaturesRefusedError("The feature table was altered after it was signed.", where=where)
    if said.get("predicate", {}).get("definition") != feature_set.definition:
        raise FeaturesRefusedError("The feature table has another definition than this code's.", where=where)
    columns = parquet.read_table(io.BytesIO(content))
    return Table(
        feature_set=feature_set.title,
        definition=feature_set.definition,
        subjects=tuple(columns["subject"].to_pylist()),
        seconds=columns["event_seconds"].to_numpy(),
        values=np.column_stack([columns[name].to_numpy() for name in feature_set.columns]),
    )


def publish(table: Table, items: Items, key: Ed25519PrivateKey, *, lifetime_seconds: int) -> int:
    """Write the newest values of every subject to the online store; return how many were written.

    An item that is as new or newer already stays, so a late run never takes knowledge back.
    """
    written = 0
    for subject, row in table.newest().items():
        seconds = int(table.seconds[row])
        item = item_of(
            subject,
            table.feature_set,
            table.definition,
            seconds,
            [float(value) for value in table.values[row]],
            expires_at=seconds + lifetime_seconds,
            key=key,
        )
        written += _put_newer(items, item)
    return written


def _put_newer(items: Items, item: dict[str, str | int]) -> bool:
    for _ in range(ATTEMPTS):
        known = items.get(str(item["subject"]), str(item["feature_set"]))
        same = known is not None and known.get("definition") == item["definition"]
        if known is not None and same and int(known["event_seconds"]) >= int(item["event_seconds"]):
            return False
        expect = None if known is None else {"signature": str(known["signature"])}
        try:
            items.put(item, expect=expect)
        except TakenError:
            continue
        return True
    raise StoreError("An online item is written by too many at once.", fix="run it again")


def _key(feature_set: FeatureSet, digest: str, suffix: str) -> str:
    return f"{feature_set.title}/{digest.removeprefix('sha256:')}.{suffix}"
