"""How far the replay of a journal is: a small file beside the journal, for whoever waits for the API.

The API listens only when it knows its state, so a start that replays an hour's requests looks from outside
like one that hangs. This file tells them apart.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

EVERY_SECONDS = 1.0
"""Between two words of progress: often enough to watch, and next to no work beside the replay."""
LARGE_RECORDS = 50_000
"""Records from which people are told that starts get slow: at half a millisecond of CPU each, half a minute
more on a quiet machine."""
RESET = "./plinth down --purge, then ./plinth up, begins a new journal (the local AWS state is lost)"
"""What makes a journal small again."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """How far a replay is."""

    records: int
    done: int
    """Bytes of the journal that were replayed."""
    total: int
    """Bytes of the journal."""

    def __str__(self) -> str:
        """Return it for people, such as ``replays its journal: 41 % of 12.3 MB, 7,100 records so far``."""
        share = 100 * self.done // max(1, self.total)
        return f"replays its journal: {share} % of {self.total / 1e6:.1f} MB, {self.records:,} records so far"


def beside(journal: Path) -> Path:
    """Return the file that tells how far the replay of a journal is."""
    return journal.with_name(f"{journal.name}.replayed")


class Teller:
    """Writes the file while a journal is replayed, at most once a second, and removes it at the end."""

    def __init__(self, journal: Path) -> None:
        self._path = beside(journal)
        self._next = 0.0

    def tell(self, found: Replayed) -> None:
        """Say how far it is, when it is time to. A full disk must not end a replay: then nothing is said."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_SECONDS
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.write_text(json.dumps(asdict(found)), encoding="utf-8")
            new.replace(self._path)
        except OSError:
            return

    def end(self) -> None:
        """Remove the file: the API answers from now on."""
        self._path.unlink(missing_ok=True)


def read(journal: Path, since: float) -> Replayed | None:
    """Return how far the replay of a journal is; None when no process has said so since a time.

    Args:
        journal: The journal.
        since: Seconds since the epoch at which the process was started; what an earlier one left is old.
    """
    try:
        with beside(journal).open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mtime < since:
                return None
            return Replayed(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None
