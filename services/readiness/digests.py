"""Content digests: what was built from what, independent of time, machine and folder."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def bytes_digest(content: bytes) -> str:
    """Return ``sha256:<hex>`` of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """Return ``sha256:<hex>`` of a file's content.

    Raises:
        OSError: The file cannot be read.
    """
    return bytes_digest(path.read_bytes())


def json_digest(value: object) -> str:
    """Return the digest of a JSON value, the same for any order of its keys."""
    return bytes_digest(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def files_digest(root: Path, paths: Iterable[Path]) -> str:
    """Return one digest over files: their paths below ``root`` and their contents.

    Modes, owners and times are left out on purpose: they differ between checkouts of one commit.

    Raises:
        OSError: A file cannot be read.
        ValueError: A path lies outside ``root``.
    """
    return json_digest({path.relative_to(root).as_posix(): file_digest(path) for path in paths})


def tree_digest(root: Path) -> str:
    """Return one digest over all files below ``root``; see :func:`files_digest`.

    Nothing is skipped, not even compiled Python: an added file is a change. Serve such a folder
    read-only or with ``PYTHONDONTWRITEBYTECODE=1``, or its digest changes at the first start.

    Raises:
        ValueError: A symbolic link is among the files; what it points to could change unseen.
    """
    files = []
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            raise ValueError(f"{path} is a symbolic link; a digest covers plain files only")
        if path.is_file():
            files.append(path)
    return files_digest(root, files)
