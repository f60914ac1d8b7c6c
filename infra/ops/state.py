"""The stack's state file: is it whole, what is in it, and its backups."""

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from infra.errors import StateError
from infra.local.paths import home
from infra.naming import PROJECT
from infra.ops.events import Step


def backend_dir() -> Path:
    """Return the folder of the local backend."""
    return home() / "state"


def backend_url() -> str:
    """Return what the engine is told of the local backend.

    Beside each file it would write a second one with content type and checksum, in place; when it is killed
    meanwhile it can never read its state again ("failed to load checkpoint: EOF"). Nobody needs them.
    """
    return f"file://{backend_dir()}?metadata=skip"


def state_file(stack: str) -> Path:
    """Return the file in which the engine keeps the stack."""
    return backend_dir() / ".pulumi" / "stacks" / PROJECT / f"{stack}.json"


def ensure_stack(stack: str) -> None:
    """Make the stack in the local backend when it is not there yet: an empty checkpoint, as the engine's own.

    ``pulumi stack init`` would write a new encryption salt into the committed stack file.
    """
    path = state_file(stack)
    if path.exists():
        return
    meta = backend_dir() / ".pulumi" / "meta.yaml"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not meta.exists():
        meta.write_text("version: 1\n", encoding="utf-8")
    checkpoint = {"version": 3, "checkpoint": {"stack": f"organization/{PROJECT}/{stack}", "latest": None}}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(checkpoint), encoding="utf-8")
    part.replace(path)


def begin_from(stack: str, base: Path) -> None:
    """Put a copy of another state in place of the stack's own, for a preview against it.

    Raises:
        StateError: There is no such file, or it is no state of this stack.
    """
    try:
        document = json.loads(base.read_text(encoding="utf-8"))
        named = document["checkpoint"]["stack"].rsplit("/", 1)[-1]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise StateError(
            "There is no base to compare with: the file is missing, or no state.",
            where=str(base),
            fix=f"./plinth ci redact --stack {stack} --state STATE --output {base}",
        ) from None
    if named != stack:
        raise StateError(
            f"The base is of stack '{named}', not '{stack}'.", where=str(base), fix="Name the right file."
        )
    ensure_stack(stack)
    path = state_file(stack)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """Return the checkpoint in a state file, or None when the file is not a whole one."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        latest = document["checkpoint"]["latest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return latest if latest is None or isinstance(latest, dict) else None


def is_whole(path: Path) -> bool:
    """Return whether a state file can be read to its end and is one."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    checkpoint = document.get("checkpoint") if isinstance(document, dict) else None
    return isinstance(checkpoint, dict) and isinstance(checkpoint.get("latest", {}), dict | None)


def digest(stack: str) -> str:
    """Return the digest of what the stack holds; time stamps of the file are left out."""
    return digest_of(load(state_file(stack)))


def digest_of(checkpoint: Mapping[str, Any] | None) -> str:
    """Return the digest of what a checkpoint holds."""
    content = json.dumps((checkpoint or {}).get("resources", []), sort_keys=True)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def resource_count(stack: str) -> int:
    """Return how many resources the stack holds."""
    return len((load(state_file(stack)) or {}).get("resources", []))


def protected(stack: str) -> list[str]:
    """Return the names of the resources that the engine refuses to delete."""
    rows = (load(state_file(stack)) or {}).get("resources", [])
    return sorted(str(row["urn"]).rsplit("::", 1)[-1] for row in rows if row.get("protect"))


def cut_off(stack: str) -> list[str]:
    """Return the URNs of the resources whose last change did not come to its end.

    Of some nobody wrote down how it ended. Of others AWS refused the second half (a log group was made, its
    retention was not set): the state then says what was asked for, not what is there, and a change that
    compares with it would leave them so.
    """
    latest = load(state_file(stack)) or {}
    begun = {str(step["resource"]["urn"]) for step in latest.get("pending_operations") or []}
    half = {str(row["urn"]) for row in latest.get("resources") or [] if row.get("initErrors")}
    return sorted(begun | half)


def begun(stack: str) -> list[Step]:
    """Return what was being created when the last change was cut off, as it was asked for."""
    steps = (load(state_file(stack)) or {}).get("pending_operations") or []
    return [
        Step(
            operation="create",
            urn=str(step["resource"]["urn"]),
            type=str(step["resource"]["type"]),
            parent=str(step["resource"].get("parent") or ""),
            provider=str(step["resource"].get("provider") or "").rsplit("::", 1)[0],
            inputs=step["resource"].get("inputs") or {},
        )
        for step in steps
        if step["type"] == "creating"
    ]


def ids(stack: str) -> frozenset[str]:
    """Return the ids of everything that the stack holds."""
    rows = (load(state_file(stack)) or {}).get("resources", [])
    return frozenset(str(row["id"]) for row in rows if row.get("id"))


def known(stack: str) -> list[str]:
    """Return the URNs of the resources that the stack holds, in the order of the state."""
    return [str(row["urn"]) for row in (load(state_file(stack)) or {}).get("resources", [])]


def repair(stack: str) -> Path | None:
    """Put the newest good backup in place of a damaged state file.

    The damaged file is kept beside it. The world may be ahead of a backup, so the caller should
    refresh afterwards.

    Returns:
        The backup that was used, or None when the state was good or there is none yet.

    Raises:
        StateError: The state is damaged and no backup is good.
    """
    path = state_file(stack)
    for beside in path.parent.glob("*.attrs"):
        beside.unlink()  # of an earlier version; the engine would still read it, and may find it cut off
    if not path.exists() or is_whole(path):
        return None
    for backup in _backups(stack):
        if is_whole(backup):
            damaged = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
            shutil.copy2(path, damaged)
            part = path.with_suffix(".part")
            shutil.copy2(backup, part)
            part.replace(path)
            return backup
    raise StateError(
        f"The state of stack '{stack}' is damaged and there is no good backup.",
        where=str(path),
        fix="Keep a copy of the file. './plinth down --purge' and './plinth up' build the environment anew.",
    )


def _backups(stack: str) -> Iterator[Path]:
    """Yield the engine's own copies, the newest first."""
    folder = backend_dir() / ".pulumi"
    found = [
        state_file(stack).with_name(f"{stack}.json.bak"),
        *(folder / "backups" / PROJECT / stack).glob("*.json"),
        *(folder / "history" / PROJECT / stack).glob("*.checkpoint.json"),
    ]
    yield from sorted((p for p in found if p.exists()), key=os.path.getmtime, reverse=True)


def clear_stale_locks(stack: str) -> int:
    """Remove the locks of engines on this machine that are no longer alive; return how many.

    An engine that was killed leaves its lock behind, and every later run would refuse.
    """
    removed = 0
    for path in (backend_dir() / ".pulumi" / "locks").glob(f"*/{PROJECT}/{stack}/*.json"):
        try:
            holder = json.loads(path.read_text(encoding="utf-8"))
            ours = holder["hostname"] == socket.gethostname()
            alive = psutil.pid_exists(int(holder["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if ours and not alive:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
