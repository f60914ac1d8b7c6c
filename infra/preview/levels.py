"""How dangerous something is, and what kind of danger it is. One scale for the whole report."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Level(IntEnum):
    """Danger of a change, ordered; the highest of several is the answer."""

    NONE = 0
    """Nothing to look out for."""
    LOW = 1
    """Worth knowing; undone by the next change."""
    MEDIUM = 2
    """A reviewer should understand it before agreeing."""
    HIGH = 3
    """Interrupts service, opens a door, or weakens a safeguard."""
    CRITICAL = 4
    """Loses data, or gives away control; may not be possible to undo."""

    @property
    def word(self) -> str:
        """Return the level as the report writes it."""
        return self.name.lower()


class Kind(StrEnum):
    """What may go wrong."""

    DATA_LOSS = "data loss"
    DOWNTIME = "downtime"
    EXPOSURE = "exposure"
    ACCESS = "access"
    ENCRYPTION = "encryption"
    RETENTION = "retention"
    PROTECTED = "protected resource"
    SAFEGUARD = "safeguard"
    UNKNOWN = "unknown value"
    RENAME = "rename"


@dataclass(frozen=True, kw_only=True)
class Risk:
    """One thing that may go wrong with one resource.

    Args:
        level: How bad.
        kind: What.
        reason: One sentence that a reviewer can act on; names the property or the person.
    """

    level: Level
    kind: Kind
    reason: str
