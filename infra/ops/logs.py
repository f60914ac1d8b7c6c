"""Finds and shows what a part said."""

import time
from collections.abc import Iterator
from pathlib import Path

from infra.errors import PlinthError
from infra.local.paths import home

POLL_SECONDS = 0.3
"""Seconds between two looks at a file that is followed."""
FOLLOW_SECONDS = 24 * 3600
"""Longest follow: nobody reads for more than a day, and a forgotten one ends by itself."""


def find(part: str) -> list[Path]:
    """Return the log files of a platform part, a service, or the engine; the newest last.

    Raises:
        PlinthError: There is no such part, or it has not said anything yet.
    """
    local, engine = home() / "local" / "logs", home() / "logs"
    if part == "engine":
        found = sorted(engine.glob("engine-*.jsonl"))
    else:
        pods = sorted((local / "pods").glob(f"*_{part}-*.log"), key=lambda p: p.stat().st_mtime)
        found = [p for p in [local / f"{part}.log"] if p.is_file()] or pods
    if not found:
        known = sorted(p.stem for p in local.glob("*.log"))
        services = sorted({p.name.split("_")[1].rsplit("-", 2)[0] for p in (local / "pods").glob("*.log")})
        raise PlinthError(
            f"There is no log of '{part}'.",
            where=str(local),
            fix=f"Use one of: {', '.join([*known, *services, 'engine'])}." if known else "./plinth up",
        )
    return found


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a file."""
    return path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]


def follow(path: Path) -> Iterator[str]:
    """Yield what is appended to a file from now on, until the caller stops or a day has passed."""
    end = time.monotonic() + FOLLOW_SECONDS
    with path.open(encoding="utf-8", errors="replace") as stream:
        stream.seek(0, 2)
        while time.monotonic() < end:
            line = stream.readline()
            if line:
                yield line.rstrip("\n")
            else:
                time.sleep(POLL_SECONDS)
