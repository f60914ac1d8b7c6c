"""Proof that an installed part is what its files say, and that its programs work."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.toolchain.recipe import Part
from infra.local.toolchain.store import MANIFEST, file_sha256

PROBE_SECONDS = 60
"""A binary that has not told its version by then does not work."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is not as the file says."""

    part: str
    path: str
    what: str


def compare(part: Part, folder: Path, manifest: dict[str, Any], key: str) -> list[Problem]:
    """Compare a folder with its manifest."""
    problems = []
    if manifest.get("key") != key:
        problems.append(
            Problem(part=part.name, path=str(folder), what=f"its manifest is of key {manifest.get('key')}")
        )
    recorded: dict[str, Any] = manifest["files"]
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    for name in sorted(present | recorded.keys()):
        path = folder / name
        if name not in recorded:
            problems.append(Problem(part=part.name, path=str(path), what="not in the manifest"))
        elif name not in present:
            problems.append(Problem(part=part.name, path=str(path), what="missing"))
        elif (found := file_sha256(path)) != recorded[name]["sha256"]:
            what = f"its hash is {found[:16]}…, not {recorded[name]['sha256'][:16]}…"
            problems.append(Problem(part=part.name, path=str(path), what=what))
    return problems


def probe(part: Part, folder: Path) -> list[Problem]:
    """Start each program and compare the version that it tells."""
    problems = []
    for row in part.builds:
        if not row.probe:
            continue
        path = folder / row.binary
        try:
            done = subprocess.run(
                [path, *row.probe], capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
            )
            said = done.stdout + done.stderr
        except (OSError, subprocess.TimeoutExpired) as error:
            problems.append(Problem(part=part.name, path=str(path), what=f"does not start: {error}"))
            continue
        if done.returncode or row.expect not in said:
            first = said.strip().splitlines()[0][:100] if said.strip() else "nothing"
            problems.append(
                Problem(part=part.name, path=str(path), what=f"says {first!r}, not {row.expect!r}")
            )
    return problems
