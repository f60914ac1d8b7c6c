"""Pack a service: model and code as one bento, the same bytes for the same tree.

``python -m services.<service>.packaging --out DIR`` writes ``DIR/bento`` (what ``bentoml serve``
runs) and ``DIR/package.json`` (digest, figures, from which commit), and prints the latter. The commit
stands outside of the bento on purpose: a commit that changes no byte of the service must not change
its digest and roll it out again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from services.lifecycle.closure import ROOT, needed
from services.readiness.digests import json_digest, tree_digest
from services.readiness.errors import ModelRefusedError, ServiceError
from services.readiness.manifest import write_manifest
from services.readiness.model import verify

SERVING_LIBRARIES = (
    "bentoml",
    "boto3",
    "httptools",
    "joserfc",
    "numpy",
    "onnxruntime",
    "prometheus-client",
    "pydantic",
    "pyyaml",
    "starlette",
    "uvloop",
)
"""What every serving environment needs, pinned to the installed versions."""

SERVING_FILES = ("contract.yaml", "example.json")
"""Files of a service's folder that serving reads: its limits, and the example of its description."""

PACKAGE_FILE = "package.json"

EPOCH = "1970-01-01T00:00:00+00:00"
"""Stands for the time of creation, which would make each build differ."""

BUILD_TIMEOUT_SECONDS = 120
"""``bentoml build`` takes about 3 s; two minutes is a stuck process."""

NO_UV = """#!/bin/sh
echo "bentoml build asked for uv; a build of this service uses no network" >&2
exit 1
"""


@dataclass(frozen=True, kw_only=True)
class Packable:
    """A service that can be packed.

    Args:
        name: As Kubernetes, BentoML, metrics and records know it.
        entry: The class that serves, as ``module:Class``.
        features_digest: Names the feature list; a model made for another one is refused.
        inputs: Returns all that a model depends on, without training one.
        train: Makes a model folder; imports what it needs only when it is called.
    """

    name: str
    entry: str
    features_digest: str
    inputs: Callable[[], dict[str, Any]]
    train: Callable[[Path], Any]

    @property
    def module(self) -> str:
        """Return the name of the service's folder."""
        return self.entry.split(".")[1]

    def serving_code(self) -> tuple[str, ...]:
        """Return the files that serve: the entry's module and all that it imports."""
        return needed(self.entry.partition(":")[0].replace(".", "/") + ".py")


def cache_folder() -> Path:
    """Return where models are kept between builds: ``$PLINTH_CACHE``, or the user's cache folder."""
    given = os.environ.get("PLINTH_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plinth"


def cached_model(service: Packable, cache: Path) -> Path:
    """Return a verified model folder for this data, code and libraries; train it when there is none.

    Safe when two builds run at once: a folder appears whole, and the second finds it.

    Raises:
        DataError: The data set is not what its schema says.
        TrainingError: The model missed a limit.
    """
    key = json_digest(service.inputs()).removeprefix("sha256:")
    folder = cache / "models" / service.module / key
    try:
        verify(folder, features_digest=service.features_digest)
    except ModelRefusedError:
        shutil.rmtree(folder, ignore_errors=True)  # absent, or damaged: it can be made again
    else:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".training-") as temporary:
        made = Path(temporary) / "model"
        service.train(made)
        write_manifest(made)
        try:
            made.rename(folder)
        except OSError:
            verify(folder, features_digest=service.features_digest)  # another build was faster
    return folder


def _stage(service: Packable, folder: Path, model: Path) -> None:
    """Lay out what goes into the bento, and nothing else."""
    for name in service.serving_code():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    shutil.copytree(model, folder / "services" / service.module / "model")
    for file in SERVING_FILES:
        name = f"services/{service.module}/{file}"
        shutil.copyfile(ROOT / name, folder / name)
    shutil.copyfile(ROOT / "services" / service.module / "README.md", folder / "README.md")
    bentofile = {
        "service": service.entry,
        "name": service.name,
        "description": "file: ./README.md",
        "labels": {"app": "plinth"},
        "include": ["services/**"],
        "python": {
            "lock_packages": False,  # pinned below; locking would ask a package index
            "packages": [f"{name}=={version(name)}" for name in SERVING_LIBRARIES],
        },
        "docker": {"python_version": f"{sys.version_info.major}.{sys.version_info.minor}"},
    }
    (folder / "bentofile.yaml").write_text(yaml.safe_dump(bentofile), encoding="utf-8")


def _run_bentoml(service: Packable, stage: Path, home: Path, tag: str) -> Path:
    """Run ``bentoml build`` without a network and return the bento's folder."""
    tools = home / "tools"
    tools.mkdir(parents=True)
    # BentoML looks for uv before it knows that it needs none, and would install one.
    uv = tools / "uv"
    uv.write_text(NO_UV, encoding="utf-8")
    uv.chmod(0o755)
    environment = {
        **os.environ,
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = [sys.executable, "-m", "bentoml", "build", "--version", tag, str(stage)]
    try:
        done = subprocess.run(
            argv,
            cwd=stage,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"bentoml build did not end within {BUILD_TIMEOUT_SECONDS} s.") from error
    folder = home / "bentos" / service.name / tag
    if done.returncode or not (folder / "bento.yaml").is_file():
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise ServiceError(f"bentoml build failed with exit code {done.returncode}:\n{tail}")
    return folder


def _settle(bento: Path) -> None:
    """Take out of a bento what differs from build to build."""
    path = bento / "bento.yaml"
    info = yaml.safe_load(path.read_text(encoding="utf-8"))
    info["creation_time"] = EPOCH
    path.write_text(yaml.safe_dump(info, sort_keys=True), encoding="utf-8")
    for path in sorted(bento.rglob("*")):
        if path.name == "__pycache__":
            shutil.rmtree(path)
        elif path.is_file():
            # The mode follows the umask of who installed or cloned; an image's digest covers it.
            path.chmod(0o755 if path.suffix == ".sh" else 0o644)


def _is_current(service: Packable, out_dir: Path, tag: str) -> bool:
    """Tell whether the folder already holds this very bento, unaltered."""
    try:
        package = json.loads((out_dir / PACKAGE_FILE).read_text(encoding="utf-8"))
        return bool(
            package["bento_tag"] == f"{service.name}:{tag}"
            and package["bento_digest"] == tree_digest(out_dir / "bento")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _swap_in(bento: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".swap-") as swap:
        shutil.copytree(bento, Path(swap) / "new")
        if target.exists():
            target.rename(Path(swap) / "previous")
        (Path(swap) / "new").rename(target)


def provenance() -> dict[str, Any] | None:
    """Return the commit of the services' code and whether files differ from it; ``None`` without git."""

    def git(*arguments: str) -> str:
        argv = ["git", "-C", str(ROOT), *arguments, "--", "services"]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        commit, changed = git("log", "-1", "--format=%H"), git("status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "modified": bool(changed)} if commit else None


def build(service: Packable, out_dir: Path, *, cache: Path | None = None) -> Path:
    """Pack the service into ``out_dir/bento`` and describe it in ``out_dir/package.json``.

    Args:
        service: What is packed.
        out_dir: Made when absent. Its ``bento`` is replaced whole, and only when the build is done.
        cache: Where models are kept between builds; see :func:`cache_folder`.

    Returns:
        The folder of the bento.

    Raises:
        ServiceError: The data, the model or the build is not fit; nothing was replaced.
    """
    out_dir = out_dir.resolve()
    target = out_dir / "bento"
    if target.exists() and not (target / "bento.yaml").is_file():
        raise ServiceError(
            "The folder to replace is not a bento.",
            where=str(target),
            fix="remove it, or choose another --out",
        )
    model = cached_model(service, cache or cache_folder())
    record = verify(model, features_digest=service.features_digest)
    out_dir.mkdir(parents=True, exist_ok=True)
    # BentoML refuses to build below a hidden folder, and `out_dir` may well be one; so the work is
    # done in the system's temporary folder, and the result moves in by one rename.
    with tempfile.TemporaryDirectory(prefix="plinth-build-") as workplace:
        stage = Path(workplace) / "stage"
        _stage(service, stage, model)
        tag = tree_digest(stage).removeprefix("sha256:")[:16]  # 64 bits name a build among its kind
        if not _is_current(service, out_dir, tag):
            bento = _run_bentoml(service, stage, Path(workplace) / "home", tag)
            _settle(bento)
            _swap_in(bento, target)
    package = {
        "service": service.name,
        "bento": str(target),
        "bento_digest": tree_digest(target),
        "bento_tag": f"{service.name}:{tag}",
        "model_digest": record["model_digest"],
        "model_bytes": record["model_bytes"],
        "metrics": record["metrics"],
        "provenance": provenance(),
    }
    content = json.dumps(package, indent=2, sort_keys=True) + "\n"
    (out_dir / PACKAGE_FILE).write_text(content, encoding="utf-8")
    return target


def main(service: Packable, arguments: list[str] | None = None) -> int:
    """Build from the command line; prints the package as JSON, or one message and exit code 1."""
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{service.module}.packaging",
        description="Train or reuse the model, and pack the service as a bento; uses no network.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for bento/ and package.json")
    parser.add_argument("--cache", type=Path, help="folder that keeps models between builds")
    options = parser.parse_args(arguments)
    try:
        build(service, options.out, cache=options.cache)
        sys.stdout.write((options.out / PACKAGE_FILE).read_text(encoding="utf-8"))
    except (ServiceError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
