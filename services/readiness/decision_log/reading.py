"""Reads what was written, wherever it lies: the store, and spools on this machine."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.readiness.decision_log import merkle
from services.readiness.decision_log.records import LogDamagedError, Record, parse
from services.readiness.decision_log.spool import CHECKPOINT, SEGMENT
from services.readiness.decision_log.store import Store, objects
from services.readiness.decision_log.verification import Chain, Finding, verify


@dataclass(kw_only=True)
class _Writer:
    segments: dict[str, bytes] = field(default_factory=dict)
    checkpoints: dict[str, bytes] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a verification found.

    Args:
        chains: Chains that were read.
        records: Records in them.
        sealed: Records that a checkpoint in the store covers.
        torn: Chains whose last line was cut off by a crash; nobody was answered from such a line.
        open: Chains whose newest records no checkpoint covers yet.
        findings: What is wrong.
    """

    chains: int
    records: int
    sealed: int
    torn: int
    open: int
    findings: tuple[Finding, ...]


class Reader:
    """Everything that can be read of one service's log.

    Args:
        service: Name of the service.
        store: Where sealed segments lie; None when there is none to ask.
        spools: Folders that may hold spools of this service.

    Raises:
        StoreError: The store does not answer.
    """

    def __init__(self, service: str, *, store: Store | None, spools: Sequence[Path] = ()) -> None:
        """Read it all, once."""
        self._writers: dict[str, _Writer] = {}
        self._findings: list[Finding] = []
        if store is not None:
            for key, versions in objects(store, f"{service}/"):
                self._from_store(key, versions)
        for folder in spools:
            for path in sorted((folder / service).glob(f"*/*{SEGMENT}")):
                self._from_spool(path)
            if store is None:
                for path in sorted((folder / service).glob(f"*/*{CHECKPOINT}")):
                    self._writer(path.parent.name).checkpoints[path.name.removesuffix(CHECKPOINT)] = (
                        path.read_bytes()
                    )

    def _writer(self, name: str) -> _Writer:
        return self._writers.setdefault(name, _Writer())

    def _from_store(self, key: str, versions: Sequence[bytes]) -> None:
        _, writer, file = key.split("/", 2)
        kind = CHECKPOINT if file.endswith(CHECKPOINT) else SEGMENT
        name = file.removesuffix(kind)
        found = self._writer(writer)
        (found.checkpoints if kind == CHECKPOINT else found.segments)[name] = versions[0]
        found.stored.add(file)
        if any(version != versions[0] for version in versions[1:]):
            self._findings.append(
                Finding(kind="edited", writer=writer, seq=_number(name), detail=f"{file} was written again")
            )

    def _from_spool(self, path: Path) -> None:
        name, found = path.name.removesuffix(SEGMENT), self._writer(path.parent.name)
        content = path.read_bytes()
        known = found.segments.setdefault(name, content)
        if known != content:
            self._findings.append(
                Finding(
                    kind="edited",
                    writer=path.parent.name,
                    seq=_number(name),
                    detail=f"the copy of {path.name} on this machine is not the one in the store",
                )
            )

    def chains(self) -> list[Chain]:
        """Return every chain as it was found."""
        found = []
        for name, writer in sorted(self._writers.items()):
            content = b"".join(writer.segments[segment] for segment in sorted(writer.segments))
            first = min((_number(segment) for segment in writer.segments), default=0)
            whole = all(sealed in writer.segments for sealed in writer.checkpoints)
            found.append(
                Chain(
                    writer=name,
                    lines=content.splitlines(),
                    torn=bool(content) and not content.endswith(b"\n"),
                    checkpoints=[(raw, json.loads(raw)) for _, raw in sorted(writer.checkpoints.items())],
                    # Old segments leave the machine; only where no store was asked may they be missing.
                    starts_at=0 if writer.stored or whole else first,
                )
            )
        ends = self._ends(found)
        for chain in found:
            chain.seen_elsewhere = ends.get(chain.writer, {})
        return found

    @staticmethod
    def _ends(chains: Sequence[Chain]) -> dict[str, dict[int, str]]:
        """Return which ends of each chain the opening records of others name."""
        ends: dict[str, dict[int, str]] = {}
        for record in _records(chains):
            if record.body.get("kind") == "opened":
                for writer, (seq, digest) in (record.body.get("others") or {}).items():
                    ends.setdefault(writer, {})[seq] = digest
        return ends

    def verify(self) -> Report:
        """Check everything that was read."""
        chains = self.chains()
        findings = [*self._findings]
        for chain in chains:
            findings += verify(chain)
        sealed = {c.writer: max((s["last"] + 1 for _, s in c.checkpoints), default=0) for c in chains}
        return Report(
            chains=len(chains),
            records=sum(len(chain.lines) - chain.torn for chain in chains),
            sealed=sum(sealed.values()),
            torn=sum(chain.torn for chain in chains),
            open=sum(len(chain.lines) - chain.torn > sealed[chain.writer] for chain in chains),
            findings=tuple(findings),
        )

    def decisions(self) -> Iterator[Record]:
        """Yield every record of a decision."""
        return (record for record in _records(self.chains()) if record.body.get("kind") == "decision")

    def acts(self, kind: str) -> Iterator[tuple[str, Record]]:
        """Yield every record of a kind, with the name of its chain."""
        for chain in self.chains():
            for record in _records([chain]):
                if record.body.get("kind") == kind:
                    yield chain.writer, record

    def search(self, identity: str) -> list[dict[str, Any]]:
        """Return every record that carries a decision's id or a request's id, each with its proof.

        The proof leads from the record to the root in its checkpoint; None while it is not sealed.
        """
        found = []
        for chain in self.chains():
            for raw in chain.lines:
                if identity.encode() not in raw:
                    continue
                try:
                    record = parse(raw)
                except LogDamagedError:
                    continue
                if identity in {record.body.get("id"), record.body.get("request_id"), record.body.get("of")}:
                    found.append({"writer": chain.writer, **record._asdict(), "proof": _proof(chain, record)})
        return found


def _records(chains: Sequence[Chain]) -> Iterator[Record]:
    for chain in chains:
        for raw in chain.lines:
            try:
                yield parse(raw)
            except LogDamagedError:
                continue  # the verification names it


def _proof(chain: Chain, record: Record) -> Mapping[str, Any] | None:
    for _, sealed in chain.checkpoints:
        if sealed["first"] <= record.seq <= sealed["last"]:
            hashes = [r.hash for r in _records([chain]) if sealed["first"] <= r.seq <= sealed["last"]]
            index = record.seq - sealed["first"]
            if len(hashes) != sealed["last"] - sealed["first"] + 1:
                return None
            steps = merkle.proof(hashes, index)
            holds = merkle.proves(record.hash, index, len(hashes), steps, sealed["merkle_root"])
            return {
                "checkpoint": sealed["segment"],
                "root": sealed["merkle_root"],
                "index": index,
                "count": len(hashes),
                "steps": steps,
                "holds": holds,
            }
    return None


def _number(name: str) -> int:
    return int(name) if name.isdigit() else -1
