"""Batches of data come in: judged row by row, measured as a whole, kept by digest with their owner.

Every batch leaves four objects, named by the digest of what was delivered: the delivery itself, the
accepted rows (Parquet), the quarantined rows with their reasons (JSON lines), and a report. A batch
that breaks a limit of the contract is kept but blocked: training refuses it.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from services.lifecycle.batch_report import breaches, figures
from services.lifecycle.datasets import DataSpec, broken_rows
from services.lifecycle.stores import Objects, StoreError
from services.readiness.contract import Contract, DataSet
from services.readiness.digests import bytes_digest, json_digest
from services.readiness.errors import DataError

LARGEST_BATCH_BYTES = 512 << 20
"""Bytes of a delivery that is read into memory."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What is known of one batch; this is its report.

    Args:
        dataset: Name of the data set.
        schema_version: Which schema judged it.
        source_digest: Digest of the delivery.
        accepted_digest: Digest of the Parquet file of accepted rows.
        rows: Rows that were delivered.
        quarantined: Rows that broke the schema.
        figures: What was measured on the whole.
        breaches: Limits that it breaks; training refuses a batch with any.
        owner: Metadata of the data set: owner, class, retention, licence, protected columns.
        received_at: When it came in, UTC.
    """

    dataset: str
    schema_version: int
    source_digest: str
    accepted_digest: str
    rows: int
    quarantined: int
    figures: dict[str, float]
    breaches: list[str]
    owner: dict[str, Any]
    received_at: str

    def key(self, kind: str, suffix: str) -> str:
        """Return the key of one of its objects."""
        return key_of(self.dataset, self.schema_version, self.source_digest, kind, suffix)


def key_of(dataset: str, version: int, source_digest: str, kind: str, suffix: str) -> str:
    """Return the key of a batch's object: by data set, schema version and delivery."""
    return f"{dataset}/v{version}/{kind}/{source_digest.removeprefix('sha256:')}.{suffix}"


def owner_of(contract: Contract, dataset: str) -> DataSet:
    """Return who owns a data set.

    Raises:
        DataError: The contract does not know it, so nobody answers for it.
    """
    for one in contract.data_sets:
        if one.name == dataset:
            return one
    known = ", ".join(one.name for one in contract.data_sets)
    raise DataError(
        f"Nobody owns the data set '{dataset}'.",
        where=f"contract of {contract.service}, data_sets: {known}",
        fix="add it with owner, data_class, retention_days and licence",
    )


def ingest(
    spec: DataSpec,
    delivery: bytes,
    contract: Contract,
    objects: Objects,
    *,
    reference: pd.DataFrame | None = None,
    now: datetime | None = None,
) -> Batch:
    """Judge a delivery (CSV with a header, UTF-8) and keep it.

    The same delivery twice is one batch: its first report stands.

    Raises:
        DataError: It is no CSV of this schema at all, or nobody owns the data set; nothing was kept.
    """
    owner = owner_of(contract, spec.name)
    source = bytes_digest(delivery)
    key = key_of(spec.name, spec.version, source, "reports", "json")
    try:
        return Batch(**json.loads(objects.get(key)))
    except StoreError:
        pass
    frame, uneven = _frame(spec, delivery)
    reasons = uneven | {row: why for row, why in broken_rows(spec, frame).items() if row not in uneven}
    accepted = frame.drop(index=list(reasons)).reset_index(drop=True)
    measured = figures(spec, frame, accepted, reference, quarantined=len(reasons))
    table = written(accepted)
    batch = Batch(
        dataset=spec.name,
        schema_version=spec.version,
        source_digest=source,
        accepted_digest=bytes_digest(table),
        rows=len(frame),
        quarantined=len(reasons),
        figures=measured,
        breaches=breaches(measured, contract.data),
        owner=owner.model_dump(mode="json"),
        received_at=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
    )
    objects.put(batch.key("deliveries", "csv"), delivery)
    objects.put(batch.key("accepted", "parquet"), table)
    objects.put(batch.key("quarantine", "jsonl"), _quarantine(frame, reasons))
    # Last, since a report says that all the rest is there.
    objects.put(key, json.dumps(asdict(batch), indent=2, sort_keys=True).encode())
    return batch


def load(spec: DataSpec, batches: Sequence[Batch], objects: Objects) -> tuple[pd.DataFrame, str]:
    """Return the accepted rows of batches and the digest that names them together.

    One batch is named by its delivery's digest; several by the digest of the list.

    Raises:
        DataError: A batch is blocked, of another schema version, or its rows were altered.
    """
    problems, frames = [], []
    for batch in batches:
        name = batch.source_digest[:19]
        problems += [f"batch {name}…: {breach}" for breach in batch.breaches]
        if batch.schema_version != spec.version:
            problems.append(f"batch {name}…: is of schema version {batch.schema_version}, not {spec.version}")
        content = objects.get(batch.key("accepted", "parquet"))
        if bytes_digest(content) != batch.accepted_digest:
            problems.append(f"batch {name}…: its accepted rows were altered after it came in")
        else:
            frames.append(parquet.read_table(io.BytesIO(content)).to_pandas())
    if problems or not frames:
        raise DataError(
            "\n".join(
                ["These data may not be trained on:", *(f"  - {line}" for line in problems or ["none"])]
            ),
            where=spec.name,
            fix="read the report, then deliver a corrected batch (or change the limit by review)",
        )
    sources = [batch.source_digest for batch in batches]
    digest = sources[0] if len(sources) == 1 else json_digest(sources)
    return pd.concat(frames, ignore_index=True), digest


def batches(spec: DataSpec, objects: Objects) -> list[Batch]:
    """Return every batch of this schema version, in the order in which they came."""
    prefix = f"{spec.name}/v{spec.version}/reports/"
    found = [Batch(**json.loads(objects.get(key))) for key in objects.keys(prefix)]
    return sorted(found, key=lambda batch: (batch.received_at, batch.source_digest))


def written(frame: pd.DataFrame) -> bytes:
    """Return a frame as Parquet; the same bytes for the same rows and library."""
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer, compression="zstd")
    return buffer.getvalue()


def _frame(spec: DataSpec, delivery: bytes) -> tuple[pd.DataFrame, dict[int, list[str]]]:
    """Return all rows, and why some of them cannot be told apart into columns."""
    fix = "deliver CSV with a header, in UTF-8"
    if len(delivery) > LARGEST_BATCH_BYTES:
        raise DataError(f"The delivery is larger than {LARGEST_BATCH_BYTES >> 20} MiB.", fix="split it")
    try:
        rows = list(csv.reader(io.StringIO(delivery.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"The delivery is no CSV: {type(error).__name__}.", where=spec.name, fix=fix
        ) from None
    if not rows or len(rows) == 1:
        raise DataError("The delivery has no row.", where=spec.name, fix=fix)
    header, width = rows[0], len(rows[0])
    uneven = {
        number: [f"has {len(row)} values, the header has {width}"]
        for number, row in enumerate(rows[1:])
        if len(row) != width
    }
    even = [(row + [""] * width)[:width] for row in rows[1:]]
    frame = pd.DataFrame(even, columns=header, dtype=object)
    return frame.where(frame != "", None), uneven


def _quarantine(frame: pd.DataFrame, reasons: dict[int, list[str]]) -> bytes:
    """Return the broken rows with their reasons; ``line`` counts as in the delivered file."""
    lines = [
        json.dumps({"line": row + 2, "reasons": why, "row": dict(frame.iloc[row])}, sort_keys=True)
        for row, why in reasons.items()
    ]
    return "".join(f"{line}\n" for line in lines).encode()
