"""One rebuild at work: what it knows, and how far it is."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infra.local.paths import home
from infra.ops.account import Account
from infra.ops.console import Steps
from infra.ops.recovery.sources import Sources
from infra.settings import Settings


def file(lost: str, into: str) -> Path:
    """Return where the progress of a rebuild is kept."""
    return home() / "rebuild" / f"{lost}-{into}.json"


@dataclass(kw_only=True)
class Progress:
    """How far a rebuild is; kept in a file.

    Args:
        lost: Stack that is rebuilt.
        into: Stack into which it is.
        begun: When, ISO 8601 in UTC.
        phases: Phase to its duration in seconds, in order; only those that ended.
        found: Phase to what it found or did.
    """

    lost: str
    into: str
    begun: str
    phases: dict[str, float] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    def save(self) -> None:
        """Write it down, whole or not at all."""
        path = file(self.lost, self.into)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        part.replace(path)


@dataclass(kw_only=True)
class Work:
    """One rebuild at work."""

    lost: Settings
    into: Settings
    file: Path
    planned: bool
    onto_living: bool
    before: str
    progress: Progress
    steps: Steps
    account: Account | None = None
    sources: Sources | None = None
