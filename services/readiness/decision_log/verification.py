"""Finds what was changed in a chain: edited, dropped, swapped, duplicated, truncated.

Pure: takes lines, checkpoints and the ends that other chains saw, and returns findings. What it cannot see
is stated, not hidden: records after the last checkpoint that no other chain has seen the end of can be
cut off by whoever owns the writer's disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from services.readiness.decision_log import merkle
from services.readiness.decision_log.records import LogDamagedError, Record, genesis, is_whole, parse
from services.readiness.digests import bytes_digest

Kind = Literal["edited", "dropped", "swapped", "duplicated", "truncated"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Args:
        kind: What was done.
        writer: Whose chain.
        seq: Which record; -1 where the place is not a record.
        detail: One sentence.
    """

    kind: Kind
    writer: str
    seq: int
    detail: str


@dataclass(kw_only=True)
class Chain:
    """One writer's chain as it was found.

    Args:
        writer: Its name.
        lines: All lines in the order of the files.
        torn: Whether the last line lacks its end: a record that was being written when the process died.
        checkpoints: Sealed checkpoints, the oldest first, as they were written.
        seen_elsewhere: Sequence number to hash: ends of this chain that other chains recorded.
        starts_at: First record that must be here: above 0 where older ones were looked up nowhere.
    """

    writer: str
    lines: Sequence[bytes]
    torn: bool = False
    checkpoints: Sequence[tuple[bytes, Mapping[str, Any]]] = ()
    seen_elsewhere: Mapping[int, str] = field(default_factory=dict)
    starts_at: int = 0


def verify(chain: Chain) -> list[Finding]:
    """Return what is wrong with a chain; nothing when it is whole."""
    found: list[Finding] = []
    records = _read(chain, found)
    kept = _order(chain, records, found)
    _links(chain, kept, found)
    by_seq = {record.seq: record for record in kept}
    _against_checkpoints(chain, by_seq, found)
    last = max(by_seq, default=-1)
    for seq, digest in sorted(chain.seen_elsewhere.items()):
        if seq > last:
            found.append(_finding(chain, "truncated", seq, "another chain saw it, and it is not here"))
        elif seq in by_seq and by_seq[seq].hash != digest:
            found.append(_finding(chain, "edited", seq, "another chain saw it with another hash"))
    return found


def _finding(chain: Chain, kind: Kind, seq: int, detail: str) -> Finding:
    return Finding(kind=kind, writer=chain.writer, seq=seq, detail=detail)


def _read(chain: Chain, found: list[Finding]) -> list[Record]:
    """Parse the lines; those that are no records are findings, but for one that was cut off by a crash."""
    records: list[Record] = []
    for number, raw in enumerate(chain.lines):
        if chain.torn and number == len(chain.lines) - 1:
            break
        try:
            records.append(parse(raw))
        except LogDamagedError as error:
            after = records[-1].seq if records else -1
            found.append(_finding(chain, "edited", after + 1, f"line {number + 1} is no record: {error}"))
    found += [
        _finding(chain, "edited", record.seq, "its content does not give its hash")
        for record in records
        if not is_whole(chain.writer, record)
    ]
    return records


def _order(chain: Chain, records: Sequence[Record], found: list[Finding]) -> list[Record]:
    """Compare the sequence numbers with what they must be; return each record once, in order."""
    first_seen: dict[int, Record] = {}
    for record in records:
        if record.seq in first_seen:
            found.append(_finding(chain, "duplicated", record.seq, "it is in the log more than once"))
        else:
            first_seen[record.seq] = record
    as_found = list(first_seen)
    found += [
        _finding(chain, "swapped", b, f"it stands after record {a}") for a, b in pairwise(as_found) if b < a
    ]
    present = sorted(first_seen)
    # As if something stood before the first and nothing after the last.
    for before, seq in pairwise([chain.starts_at - 1, *present]):
        gap = seq - before - 1
        if gap > 0:
            found.append(_finding(chain, "dropped", before + 1, f"{gap} record(s) from here on are missing"))
    return [first_seen[seq] for seq in present]


def _links(chain: Chain, records: Sequence[Record], found: list[Finding]) -> None:
    """Check that each record follows the one before; a gap was reported already."""
    if records and records[0].seq == 0 and records[0].prev != genesis(chain.writer):
        found.append(_finding(chain, "edited", 0, "it does not follow the start of this writer's chain"))
    for before, record in pairwise(records):
        if record.seq == before.seq + 1 and record.prev != before.hash:
            found.append(_finding(chain, "edited", before.seq, "the next record follows another one"))


def _against_checkpoints(chain: Chain, by_seq: Mapping[int, Record], found: list[Finding]) -> None:
    previous: str | None = None
    expected = 0
    last = max(by_seq, default=-1)
    for raw, sealed in chain.checkpoints:
        if sealed.get("writer") != chain.writer:
            found.append(_finding(chain, "edited", expected, "a checkpoint of another writer lies here"))
            continue
        if sealed["previous"] != previous or sealed["first"] != expected:
            found.append(_finding(chain, "dropped", expected, "the checkpoint that should follow is missing"))
        previous, expected = bytes_digest(raw), sealed["last"] + 1
        if sealed["last"] > last:
            found.append(_finding(chain, "truncated", last + 1, f"sealed up to {sealed['last']}"))
            continue
        hashes = [by_seq[seq].hash for seq in range(sealed["first"], sealed["last"] + 1) if seq in by_seq]
        if len(hashes) == sealed["last"] - sealed["first"] + 1 and (
            merkle.root(hashes) != sealed["merkle_root"] or hashes[-1] != sealed["head"]
        ):
            found.append(
                _finding(
                    chain, "edited", sealed["first"], f"records to {sealed['last']} are not those sealed"
                )
            )
