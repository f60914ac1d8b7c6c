"""Making one part: from its release archive where that can be had, otherwise from its Go modules."""

import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.toolchain import download, golang
from infra.local.toolchain.fewer_plugins import MODULE as PROMETHEUS
from infra.local.toolchain.fewer_plugins import fewer_plugins
from infra.local.toolchain.fewer_providers import MODULE as FLAGGER
from infra.local.toolchain.fewer_providers import fewer_providers
from infra.local.toolchain.filters import FILTERS, Filter
from infra.local.toolchain.gorunner import GoRunner, failed
from infra.local.toolchain.progress import Event, Progress
from infra.local.toolchain.recipe import Build, Copy, Official, Part, Recipes

ALL_FILTERS = FILTERS | {
    "fewer-plugins": Filter(PROMETHEUS, fewer_plugins),
    "fewer-providers": Filter(FLAGGER, fewer_providers),
}


@dataclass
class Maker:
    """Makes one part in a folder.

    Args:
        part: What to make.
        recipes: Where it is written down.
        folder: An empty folder to fill.
        scratch: A folder for sources while building.
        build_folder: The caches of modules and compiled packages.
        store: The folder in which a Go from the package index is kept.
        report: Told of progress.
    """

    part: Part
    recipes: Recipes
    folder: Path
    scratch: Path
    build_folder: Path
    store: Path
    report: Progress
    started: float = field(default_factory=time.monotonic)

    def make(self) -> dict[str, object]:
        """Fill the folder; return the facts for the manifest.

        Raises:
            PlatformError: A download, a module or a build failed; the message ends with the reason.
        """
        official = self.part.official()
        origin = "built from Go modules"
        runner: GoRunner | None = None
        if official and self._fetch(official):
            origin = "official release"
        else:
            self.say("go", "looking for Go")
            go = golang.find_go(self.recipes.go, self.store)
            runner = GoRunner(self.part, go, golang.environment(self.build_folder, go), self.say)
            self._build(runner)
        return {
            "part": self.part.name,
            "title": self.part.title,
            "version": self.part.version,
            "origin": origin,
            "go": golang.version_of(runner.go) if runner else None,
            "wall_seconds": round(self.elapsed, 3),
            "cpu_seconds": round(runner.cpu_seconds if runner else 0.0, 3),
            "phases_wall_seconds": {name: round(seconds, 3) for name, seconds in runner.phases.items()}
            if runner
            else {},
        }

    @property
    def elapsed(self) -> float:
        """Return the wall time since the part was begun, seconds."""
        return time.monotonic() - self.started

    def say(self, phase: str, message: str, fraction: float | None = None) -> None:
        """Report one step."""
        event = Event(
            part=self.part.name, phase=phase, message=message, elapsed_seconds=self.elapsed, fraction=fraction
        )
        self.report(event)

    def _fetch(self, official: Official) -> bool:
        """Install from the release archive; False when its server is out of reach."""
        self.say("download", "asking for the official release")
        archive = self.scratch / "release.tar.gz"

        def watch(done: int, total: int | None) -> None:
            self.say("download", f"{done >> 20} MiB of the official release", done / total if total else None)

        try:
            download.fetch(official.url, official.sha256, archive, watch=watch)
        except download.OutOfReachError:
            self.say("download", "the official release is out of reach; building it")
            return False
        download.unpack(archive, self.folder / official.to)
        return True

    def _build(self, runner: GoRunner) -> None:
        """Build every binary, then copy the files that come as they are."""
        for build in self.part.builds:
            work = self._workspace(build, runner)
            packages = runner.download(build.package, work)
            target = self.folder / build.binary
            target.parent.mkdir(parents=True, exist_ok=True)
            runner.compile(build, work, target, packages)
            if build.output:
                self._write_output(build, target)
        for copy in self.part.copies:
            self._copy(copy, runner)

    def _workspace(self, build: Build, runner: GoRunner) -> Path:
        """Return a copy of the Go module, with its filtered dependency if it has one."""
        work = self.scratch / f"{build.module}{'-' + build.filter if build.filter else ''}"
        if work.exists():
            return work
        shutil.copytree(self.recipes.root / "go" / build.module, work)
        if build.filter:
            chosen = ALL_FILTERS[build.filter]
            source = runner.module_folder(chosen.module, work)
            self.say("download", f"leaving out what is not in use of {chosen.module}")
            chosen.make(source, work / build.package, work / "filtered")
            runner.run(["mod", "edit", f"-replace={chosen.module}=./filtered"], work)
        return work

    def _write_output(self, build: Build, binary: Path) -> None:
        """Keep what the new binary prints as a file beside it."""
        output = build.output or {}
        said = subprocess.run([binary, *output["args"]], capture_output=True, timeout=120, check=False)
        if said.returncode:
            raise failed(
                self.part, f"{binary.name} {' '.join(output['args'])}", said.stderr.decode(errors="replace")
            )
        (self.folder / output["to"]).write_bytes(said.stdout)

    def _copy(self, copy: Copy, runner: GoRunner) -> None:
        """Copy files out of a module."""
        source = runner.module_folder(copy.source, self.recipes.root / "go" / copy.module)
        for pattern in copy.files:
            found = [path for path in sorted(source.glob(pattern)) if path.name != "kustomization.yaml"]
            if not found:
                raise failed(self.part, f"copying {pattern}", f"{copy.source} holds no such file")
            for path in found:
                inside = path.relative_to(source / copy.strip) if copy.strip else Path(path.name)
                target = self.folder / copy.to / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                target.chmod(0o755 if copy.executable else 0o644)
