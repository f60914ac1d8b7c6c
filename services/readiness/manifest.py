"""The manifest of a model folder: the digest of every file in it, so that nothing is swapped, added or lost.

Whoever makes a model writes it last; whoever loads one checks it first. The registry signs it, and the
image that carries the folder is known by its own digest.
"""

import json
from pathlib import Path

from services.readiness.digests import bytes_digest, file_digest
from services.readiness.errors import ModelRefusedError

MODEL_FILE, RECORD_FILE, MANIFEST_FILE = "model.onnx", "record.json", "manifest.json"
REBUILD = "build the service again, or fetch the model anew; a model folder is never repaired by hand"


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file of the folder but the manifest, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST_FILE
    }


def write_manifest(folder: Path) -> str:
    """Write the manifest of a folder and return its digest, which names the whole folder."""
    content = json.dumps({"files": contents(folder)}, indent=2, sort_keys=True).encode() + b"\n"
    (folder / MANIFEST_FILE).write_bytes(content)
    return bytes_digest(content)


def read_manifest(folder: Path) -> dict[str, str]:
    """Return the digests that the manifest states.

    Raises:
        ModelRefusedError: It is missing or is not a manifest.
    """
    path = folder / MANIFEST_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in document["files"].items()}
    except OSError as error:
        raise ModelRefusedError("The model's manifest is missing.", where=str(path), fix=REBUILD) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelRefusedError(
            "The model's manifest is not a manifest.", where=str(path), fix=REBUILD
        ) from error


def check_manifest(folder: Path) -> dict[str, str]:
    """Check every file of a folder against its manifest and return the stated digests.

    Raises:
        ModelRefusedError: With every file that is altered, missing or not listed.
    """
    stated, actual = read_manifest(folder), contents(folder)
    found = [f"{name} is missing" for name in sorted(stated.keys() - actual.keys())]
    found += [f"{name} is not listed" for name in sorted(actual.keys() - stated.keys())]
    found += [
        f"{name} has the digest {actual[name]}, the manifest says {stated[name]}"
        for name in sorted(stated.keys() & actual.keys())
        if stated[name] != actual[name]
    ]
    if found:
        raise ModelRefusedError(
            "The model folder is not what its manifest says: " + "; ".join(found) + ".",
            where=str(folder),
            fix=REBUILD,
        )
    return stated
