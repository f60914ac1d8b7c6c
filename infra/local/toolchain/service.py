"""What the toolchain offers: have it, know its state, make it, prove it."""

import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import PlatformError
from infra.local.paths import cache_dir
from infra.local.toolchain.builder import Maker
from infra.local.toolchain.download import folder_gib, free_gib
from infra.local.toolchain.installed import Toolchain, plugins_folder
from infra.local.toolchain.progress import Event, Progress, silent
from infra.local.toolchain.recipe import Part, Recipes
from infra.local.toolchain.store import Store, damaged, remove, write_manifest
from infra.local.toolchain.verification import Problem, compare, probe

KEEP_VARIABLE = "PLINTH_KEEP_BUILD"
"""Set to 1, it keeps modules and compiled packages (about 10 GB) after the build: for work on the parts."""


@dataclass(frozen=True, kw_only=True)
class PartStatus:
    """Whether a part is installed, and what it is.

    Attributes:
        state: ``installed`` or ``missing``.
        origin: How it came to be, or would: a release archive, or built from Go modules.
        folder: Where it lies, or will.
        mib: Its size on disk.
    """

    name: str
    title: str
    version: str
    state: str
    origin: str
    folder: str
    mib: float


@dataclass(frozen=True, kw_only=True)
class PartReport:
    """What making one part took.

    Attributes:
        now: Made by this call; False where it lay in the cache and the figures are of that earlier run.
        cold: Made with no module and no compiled package at hand when the run began.
    """

    name: str
    version: str
    origin: str
    now: bool
    cold: bool
    wall_seconds: float
    cpu_seconds: float
    phases_wall_seconds: dict[str, float]


def ensure(
    parts: Iterable[str] | None = None, progress: Progress = silent, *, recipes: Recipes | None = None
) -> Toolchain:
    """Return the parts, making those that are missing. With everything installed it takes milliseconds.

    Args:
        parts: Names from parts.toml; all for None.
        progress: Told of each step of what must be made.
        recipes: Another list of parts (tests).

    Raises:
        PlatformError: A part cannot be made, or the disk has too little room.
    """
    recipes = recipes or Recipes()
    store = _store()
    chosen = recipes.select(None if parts is None else list(parts))
    if any(store.manifest(part.name, recipes.key(part)) is None for part in chosen):
        _make_missing(chosen, recipes, store, progress)
    folders = {part.name: store.folder(part.name, recipes.key(part)) for part in chosen}
    return Toolchain(folders, plugins_folder(store, folders))


def status(*, recipes: Recipes | None = None) -> list[PartStatus]:
    """Return the state of every part; nothing is started or changed."""
    recipes = recipes or Recipes()
    store = _store()
    found = []
    for part in recipes.select(None):
        key = recipes.key(part)
        manifest = store.manifest(part.name, key)
        would = "official release, or built from Go modules" if part.official() else "built from Go modules"
        found.append(
            PartStatus(
                name=part.name,
                title=part.title,
                version=part.version,
                state="installed" if manifest else "missing",
                origin=str(manifest["origin"]) if manifest else would,
                folder=str(store.folder(part.name, key)),
                mib=round(sum(row["bytes"] for row in manifest["files"].values()) / 2**20, 1)
                if manifest
                else 0.0,
            )
        )
    return found


def build(
    progress: Progress = silent, parts: Iterable[str] | None = None, *, recipes: Recipes | None = None
) -> list[PartReport]:
    """Make what is missing and return what each part took; parts in the cache give their recorded figures.

    Raises:
        PlatformError: A part cannot be made, or the disk has too little room.
    """
    recipes = recipes or Recipes()
    store = _store()
    chosen = recipes.select(None if parts is None else list(parts))
    made = _make_missing(chosen, recipes, store, progress)
    reports = []
    for part in chosen:
        facts = store.manifest(part.name, recipes.key(part))
        if facts is None:
            raise damaged(store.folder(part.name, recipes.key(part)))
        reports.append(
            PartReport(
                name=part.name,
                version=part.version,
                origin=facts["origin"],
                now=part.name in made,
                cold=facts["cold"],
                wall_seconds=facts["wall_seconds"],
                cpu_seconds=facts["cpu_seconds"],
                phases_wall_seconds=facts["phases_wall_seconds"],
            )
        )
    return reports


def verify(*, recipes: Recipes | None = None) -> list[Problem]:
    """Prove that what is installed is what the files say; an empty list is the proof.

    Each part's folder carries the key of today's parts.toml, pins and sources; each file in it has the hash
    that was written down when it was made, none is missing or new; each program starts and tells the right
    version.
    """
    recipes = recipes or Recipes()
    store = _store()
    problems: list[Problem] = []
    for part in recipes.select(None):
        key = recipes.key(part)
        folder = store.folder(part.name, key)
        manifest = store.manifest(part.name, key)
        if manifest is None:
            other = ", ".join(sorted(path.name for path in store.root.glob(f"{part.name}-*")))
            what = f"not installed; there is {other}, of another recipe" if other else "not installed"
            problems.append(Problem(part=part.name, path=str(folder), what=what))
            continue
        problems += compare(part, folder, manifest, key)
        problems += probe(part, folder)
    return problems


def _store() -> Store:
    return Store(cache_dir() / "toolchain")


def _make_missing(chosen: list[Part], recipes: Recipes, store: Store, progress: Progress) -> set[str]:
    """Make the chosen parts that are not installed, one run at a time; return the names of those made."""
    begun = time.monotonic()

    def waiting(message: str) -> None:
        progress(
            Event(part="toolchain", phase="wait", message=message, elapsed_seconds=time.monotonic() - begun)
        )

    made: set[str] = set()
    with store.lock(waiting):
        # Another run may have made them while this one waited.
        missing = [part for part in chosen if store.manifest(part.name, recipes.key(part)) is None]
        if not missing:
            return made
        _check_room(missing, store)
        cold = not store.build_folder.exists()
        store.build_folder.mkdir(parents=True, exist_ok=True)
        for part in missing:
            _make(part, recipes, store, progress, cold=cold)
            made.add(part.name)
        everything = all(store.manifest(part.name, recipes.key(part)) for part in recipes.select(None))
        if everything and os.environ.get(KEEP_VARIABLE) != "1":
            remove(store.build_folder)
    return made


def _make(part: Part, recipes: Recipes, store: Store, progress: Progress, *, cold: bool) -> None:
    """Make one part and put it in place."""
    key = recipes.key(part)
    with (
        store.installing(part.name, key) as folder,
        tempfile.TemporaryDirectory(dir=store.build_folder) as scratch,
    ):
        maker = Maker(
            part=part,
            recipes=recipes,
            folder=folder,
            scratch=Path(scratch),
            build_folder=store.build_folder,
            store=store.root,
            report=progress,
        )
        facts = maker.make()
        maker.say("install", "checking that it runs")
        broken = probe(part, folder)
        if broken:
            raise PlatformError(
                f"The toolchain's part {part.name} was made but does not work: {broken[0].what}.",
                where=broken[0].path,
                fix="./plinth toolchain build",
            )
        write_manifest(folder, {**facts, "key": key, "cold": cold})
    maker.say("done", f"{part.title} {part.version}", 1.0)


def _check_room(missing: list[Part], store: Store) -> None:
    """Refuse to begin what the disk cannot hold."""
    needed = sum(part.free_gib for part in missing)
    free = free_gib(store.root)
    if free < needed:
        # What an interrupted run has already downloaded and compiled need not be found again.
        free += folder_gib(store.build_folder)
    if free < needed:
        raise PlatformError(
            f"Making {', '.join(part.name for part in missing)} needs {needed:.0f} GiB of disk; "
            f"{free:.1f} GiB are free.",
            where=str(store.root),
            fix="Free some space, or set PLINTH_CACHE to a folder on a larger disk.",
        )
