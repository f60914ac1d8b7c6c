"""Where installed parts lie: one folder for each part and key, complete or not there."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import PlatformError

MANIFEST = "manifest.json"
TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class Store:
    """The toolchain's folder in the cache that all clones share.

    Args:
        root: The folder; it need not exist yet.
    """

    root: Path

    @property
    def build_folder(self) -> Path:
        """Return where modules and compiled packages are kept until every part is installed."""
        return self.root.parent / "build"

    def folder(self, part: str, key: str) -> Path:
        """Return where a part of this key lies, or would."""
        return self.root / f"{part}-{key}"

    def manifest(self, part: str, key: str) -> dict[str, Any] | None:
        """Return what was written down when the part was installed; None when it is not."""
        try:
            loaded = json.loads((self.folder(part, key) / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return loaded if isinstance(loaded, dict) else None

    @contextlib.contextmanager
    def lock(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the only right to build; the system lets go of it when the process ends, however it ends.

        Args:
            waiting: Called once with a sentence when another process holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                waiting(f"another run builds the toolchain (process {holder}); waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
            self._sweep()
            yield

    @contextlib.contextmanager
    def installing(self, part: str, key: str) -> Iterator[Path]:
        """Give a temporary folder that becomes the part when the block ends well, and vanishes if not."""
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=self.root))
        try:
            yield temporary
            final = self.folder(part, key)
            if final.exists():
                # A folder without a readable manifest: damaged from outside.
                remove(final)
            temporary.chmod(0o755)
            temporary.rename(final)
        finally:
            if temporary.exists():
                remove(temporary)

    def _sweep(self) -> None:
        """Remove what killed runs have left; only called by the holder of the lock."""
        for left in self.root.glob(f"{TEMPORARY}*"):
            remove(left)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write the manifest: the facts, and size and hash of every file in the folder."""
    files = {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    text = json.dumps({**facts, "files": files}, indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(path: Path) -> None:
    """Remove a file or folder, the module cache's read-only folders included."""
    if path.is_dir() and not path.is_symlink():
        for folder, _, _ in os.walk(path):
            Path(folder).chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def damaged(folder: Path) -> PlatformError:
    """Return the error for an installed part that lacks what it should hold."""
    return PlatformError(
        "An installed part of the toolchain is incomplete.",
        where=str(folder),
        fix="./plinth toolchain build",
    )
