"""Builds the services that a stack runs and writes down what may run: the releases file.

On a laptop the built image goes into the local image store, from which the pod runner starts it.
In CI the same file is written after the push to the registry; the program reads nothing else.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra import naming
from infra.errors import PlinthError
from infra.local import images
from infra.local.paths import cache_dir, home, repo_root
from infra.settings import Settings

BUILD_SECONDS = 300
"""Longest build of one service: training on two busy cores takes about 20 s."""
RECORD = "packed-from.json"
"""File beside a packed service that says what it was packed from."""
PACKAGE = "package.json"
"""File beside it that the packing itself writes."""
MOST_SHARED = 8
"""Packed states of one service that the cache of all clones keeps, the latest ones; each is below a MB."""
COMPILED = ("__pycache__",)
"""Folders that differ from run to run and that nothing is packed from."""


def releases_file(stack: str) -> Path:
    """Return where the releases of a stack are written."""
    return home() / "releases" / f"{stack}.json"


def build(settings: Settings) -> dict[str, dict[str, str]]:
    """Build every service of the stack, store its image, and write the releases file.

    A service whose data and code did not change comes out of the cache with the same digests.

    Returns:
        Service to ``image`` and ``model_digest``.

    Raises:
        PlinthError: A service does not exist or does not build; the releases file is left as it was.
    """
    sources = _sources()
    names = sorted(settings.services)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # each one is a process of its own
        built = list(pool.map(lambda name: _build_one(name, settings, sources), names))
    releases = dict(zip(names, built, strict=True))
    path = releases_file(settings.environment)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = json.dumps(releases, indent=2) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    return releases


def _build_one(service: str, settings: Settings, sources: Mapping[str, str]) -> dict[str, str]:
    module = service.replace("-", "_")
    if not (repo_root() / "services" / module / "packaging.py").is_file():
        known = sorted(p.parent.name.replace("_", "-") for p in repo_root().glob("services/*/packaging.py"))
        raise PlinthError(
            f"There is no service '{service}'.",
            where=f"stacks/Pulumi.{settings.environment}.yaml, key plinth:services",
            fix=f"Use one of: {', '.join(known)}.",
        )
    out = home() / "build" / service
    package = (
        _packed(out, sources) or _taken_over(service, out, sources) or _package(service, module, out, sources)
    )
    image = images.put(
        out / "bento",
        service,
        {"model_digest": package["model_digest"]},
        repository=naming.repository(
            settings.environment, service, account_id=settings.aws.account_id, region=settings.aws.region
        ),
    )
    return {"image": str(image), "model_digest": package["model_digest"]}


def _packed(out: Path, sources: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what was packed before, when neither its sources nor what was packed have changed since.

    To find out by asking the package takes seconds of imports, each time.
    """
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        if record == _record(out, sources):
            return dict(json.loads((out / PACKAGE).read_text(encoding="utf-8")))
    except (OSError, ValueError, PlinthError):
        pass  # nothing usable from before
    return None


def _shared(service: str, sources: Mapping[str, str]) -> Path:
    """Return where all clones keep what these sources were packed into."""
    key = hashlib.sha256(json.dumps(dict(sources), sort_keys=True).encode()).hexdigest()[:32]
    return cache_dir() / "packed" / service / key


def _taken_over(service: str, out: Path, sources: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what another clone, or this one before a purge, packed from the very same sources."""
    kept = _shared(service, sources)
    if _packed(kept, sources) is None:
        return None
    try:
        out.mkdir(parents=True, exist_ok=True)
        _copy(kept, out)
        os.utime(kept)  # it is of use: among the latest again
    except OSError:
        return None  # it was removed meanwhile; packing anew always works
    return _packed(out, sources)


def _share(service: str, out: Path, sources: Mapping[str, str]) -> None:
    """Keep what was packed for all clones; a cache that cannot be written is no reason to fail."""
    kept = _shared(service, sources)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".new-") as folder:
            new = Path(folder) / "new"
            new.mkdir()
            _copy(out, new)
            shutil.rmtree(kept, ignore_errors=True)  # there only when it was damaged
            new.rename(kept)
        by_age = sorted(kept.parent.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[MOST_SHARED:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        pass


def _copy(source: Path, target: Path) -> None:
    """Copy a packed service; its record comes last, so that a copy that was cut off counts as none."""
    (target / RECORD).unlink(missing_ok=True)
    shutil.rmtree(target / "bento", ignore_errors=True)
    shutil.copytree(source / "bento", target / "bento", ignore=shutil.ignore_patterns(*COMPILED))
    package = json.loads((source / PACKAGE).read_text(encoding="utf-8"))
    package["bento"] = str(target / "bento")
    (target / PACKAGE).write_text(json.dumps(package, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    shutil.copyfile(source / RECORD, target / RECORD)


def _sources() -> dict[str, str]:
    """Return what every packed service depends on: code and contracts, libraries, Python."""
    return {
        "services": images.digest_of(repo_root() / "services", skipped=COMPILED),
        "libraries": hashlib.sha256((repo_root() / "requirements.lock").read_bytes()).hexdigest(),
        "python": sys.version,
    }


def _record(out: Path, sources: Mapping[str, str]) -> dict[str, str]:
    """Return what a packed service depends on, and what it is."""
    return {**sources, "bento": images.digest_of(out / "bento", skipped=COMPILED)}


def _package(service: str, module: str, out: Path, sources: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", f"services.{module}.packaging", "--out", str(out)]
    try:
        done = subprocess.run(
            command, cwd=repo_root(), capture_output=True, text=True, check=False, timeout=BUILD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise PlinthError(
            f"Building service '{service}' took more than {BUILD_SECONDS} s.",
            fix=f"See where it stands: python -m services.{module}.packaging --out OUT",
        ) from None
    if done.returncode != 0:
        raise PlinthError(
            f"Service '{service}' does not build:\n{(done.stderr or done.stdout).strip()[-3000:]}",
            where=f"services/{module}/",
            fix="Correct what is named above, then run './plinth up' again.",
        )
    package = json.loads(done.stdout)
    assert isinstance(package, dict)
    (out / RECORD).write_text(json.dumps(_record(out, sources)), encoding="utf-8")
    _share(service, out, sources)
    return package
