"""The status file of the platform: what the supervisor writes and everybody else reads."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from infra.local.certs import write_private

State = Literal["starting", "ready", "backoff", "failed", "stopped"]


class Working(str):
    """What a part that starts still lacks, said while it comes nearer to it: patience counts from then.

    Args:
        text: For people.
        done: Rises as long as the part comes nearer; any unit.
        fix: What to do when it stands still.
    """

    __slots__ = ("done", "fix")
    done: int
    fix: str

    def __new__(cls, text: str, done: int, fix: str) -> Self:
        """Make the text and note the rest."""
        made = super().__new__(cls, text)
        made.done, made.fix = done, fix
        return made


@dataclass(kw_only=True)
class PartStatus:
    """How one part is."""

    state: State = "stopped"
    pid: int | None = None
    port: int | None = None
    restarts: int = 0
    since: float = 0.0
    """Seconds since the epoch at which the state began."""
    message: str = ""
    log: str = ""
    done: int = 0
    """How much of a long start is done, in a unit of the part's own; 0 when it does not tell."""
    stuck: str = ""
    """What its start said when it stood still and was given up, until the part is ready; else empty."""
    fix: str = ""
    """What to do about that."""
    created: float | None = None
    """Start time of the process as the system counts it: proves that ``pid`` is still this process."""


@dataclass(kw_only=True)
class Platform:
    """The local platform as its supervisor last described it."""

    pid: int
    started: float
    parts: dict[str, PartStatus] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether every part is ready."""
        return bool(self.parts) and all(part.state == "ready" for part in self.parts.values())

    @property
    def failed(self) -> dict[str, PartStatus]:
        """The parts that the supervisor gave up."""
        return {name: part for name, part in self.parts.items() if part.state == "failed"}

    def env(self) -> dict[str, str]:
        """Return the complete environment in which Pulumi and boto3 reach this platform and nothing else."""
        from infra.local.isolation import local_env  # noqa: PLC0415 - isolation describes platforms

        return local_env(os.environ, self)

    def save(self, path: Path) -> None:
        """Write the file whole or not at all."""
        write_private(path, json.dumps(asdict(self), indent=1), 0o644)

    @classmethod
    def load(cls, path: Path) -> "Platform | None":
        """Read the file; None when there is none or it says nothing usable."""
        try:
            document: dict[str, Any] = json.loads(path.read_text())
            parts = {name: PartStatus(**part) for name, part in document.pop("parts").items()}
            return cls(parts=parts, **document)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
