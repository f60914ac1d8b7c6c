"""What a record of an ``up`` says, and how it is signed and read. Pure but for the files it hashes."""

import getpass
import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra import gate
from infra.errors import Exit, PlinthError
from infra.local import images, toolchain
from infra.local.paths import repo_root
from infra.ops.recovery import resource_graph
from infra.settings import Settings
from services.readiness import dsse
from services.readiness.errors import ContractError
from services.readiness.signers import Signers

PREDICATE = "https://plinth.dev/environment-record/v1"
"""Names the form of the predicate; nothing is fetched from there."""
TREES = ("infra", "policies", "services", "stacks")
"""Folders of the repository that decide what an environment is; each is recorded by its digest."""
_COMPILED = ("__pycache__",)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record, read and verified.

    Args:
        said: The predicate.
        subjects: Name to ``sha256:<hex>`` of what it speaks about: ``state``, ``graph`` and ``program``.
        signed_by: Ids of the keys that signed it and are trusted.
        name: File name, which begins with the time at which it was made.
    """

    said: Mapping[str, Any]
    subjects: Mapping[str, str]
    signed_by: tuple[str, ...]
    name: str


def state_bytes(state: Path) -> bytes:
    """Return a state file as it is backed up: the same bytes for the same content."""
    document = json.loads(state.read_text(encoding="utf-8"))
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def bytes_digest(content: bytes) -> str:
    """Return ``sha256:<hex>`` of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def commit() -> str:
    """Return the commit that is checked out; empty when there is none."""
    return _git("rev-parse", "HEAD")


def source() -> dict[str, Any]:
    """Return what this clone would build from: commit, uncommitted files, lock, trees, toolchain."""
    root = repo_root()
    return {
        "commit": commit(),
        "uncommitted": sorted(line[3:] for line in _git("status", "--porcelain").splitlines()),
        "lock": bytes_digest((root / "requirements.lock").read_bytes()),
        "trees": {name: images.digest_of(root / name, skipped=_COMPILED) for name in TREES},
        "toolchain": {
            row.name: f"{row.version} {Path(row.folder).name.rpartition('-')[2]}"
            for row in toolchain.status()
        },
    }


def of_state(latest: Mapping[str, Any], place: resource_graph.Place) -> dict[str, Any]:
    """Return what a checkpoint says about the environment: graph and outputs.

    Args:
        latest: The checkpoint.
        place: Name and region, left out of the graph that is compared with a rebuild elsewhere.
    """
    resources = latest.get("resources") or []
    graph = resource_graph.digests(resource_graph.graph(resources))
    elsewhere = resource_graph.digests(resource_graph.graph(resources, place))
    outputs: Mapping[str, Any] | None = next(
        (one.get("outputs") for one in resources if one.get("type") in resource_graph.UNEQUAL), {}
    )
    return {"graph": graph, "graph_elsewhere": resource_graph.digest(elsewhere), "outputs": outputs or {}}


def draft(
    settings: Settings,
    verdicts: Mapping[str, int],
    *,
    latest: Mapping[str, Any],
    state: bytes,
    now: datetime | None = None,
) -> dsse.Envelope:
    """Return the unsigned record of an ``up``.

    Args:
        settings: Settings that were built, with releases.
        verdicts: What the policies said about the preview, as counts.
        latest: The checkpoint after the change.
        state: The state as it is backed up.
        now: Current time.
    """
    place = place_of(settings)
    document = json.loads(settings.model_dump_json())
    built = of_state(latest, place)
    predicate = {
        "stack": settings.environment,
        "region": settings.aws.region,
        "account": settings.aws.account_id,
        "made_at": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "by": getpass.getuser(),
        "source": source(),
        "settings": {"digest": settings_digest(settings), "document": document},
        "policies": {
            "digest": images.digest_of(repo_root() / "policies", skipped=_COMPILED),
            **verdicts,
        },
        "models": {name: one.model_digest for name, one in sorted(settings.releases.items())},
        "images": {name: one.image for name, one in sorted(settings.releases.items())},
        **built,
    }
    subjects = {
        "state": bytes_digest(state),
        "graph": resource_graph.digest(built["graph"]),
        "program": gate.subject(settings),
    }
    return dsse.envelope(dsse.statement(subjects, PREDICATE, predicate))


def place_of(settings: Settings) -> resource_graph.Place:
    """Return what of a stack may differ from its rebuild elsewhere."""
    return resource_graph.Place(
        environment=settings.environment, region=settings.aws.region, recovery=settings.recovery.region
    )


def settings_digest(settings: Settings) -> str:
    """Return the digest of settings with their releases."""
    document = json.loads(settings.model_dump_json())
    return bytes_digest(json.dumps(document, sort_keys=True).encode())


def signed(what: dsse.Envelope, key: Ed25519PrivateKey) -> str:
    """Return the signed envelope as text."""
    return dsse.sign(what, key).text()


def read(text: str, signers: Signers, *, name: str) -> Record:
    """Return the record in a text, once its signature was checked.

    Raises:
        PlinthError: It is none, it was altered, or nobody trusted signed it.
    """
    fix = "./plinth record show --list shows the others; the next ./plinth up writes a new one"
    try:
        envelope = dsse.read(text, where=name)
        good, problems = dsse.signed_by(envelope, signers.builders())
        statement = envelope.statement()
    except ContractError as error:
        raise PlinthError(f"Record {name} cannot be read: {error.what}", fix=fix, code=Exit.REFUSED) from None
    if not good or problems:
        why = "; ".join(problems) or "nobody signed it"
        raise PlinthError(
            f"Record {name} is not to be trusted: {why}.", where=name, fix=fix, code=Exit.REFUSED
        )
    if statement.get("predicateType") != PREDICATE:
        raise PlinthError(f"{name} is signed, but is no record of an up.", fix=fix, code=Exit.REFUSED)
    return Record(
        said=statement["predicate"],
        subjects=dsse.subjects(statement),
        signed_by=tuple(sorted(good)),
        name=name,
    )


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=repo_root(), capture_output=True, text=True, check=False)
    return done.stdout.rstrip() if done.returncode == 0 else ""
