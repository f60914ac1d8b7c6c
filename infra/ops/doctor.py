"""Looks whether this machine can run Plinth, and says what to do where it cannot."""

import os
import platform as machine
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import psutil

from infra.local import aws_api, session, toolchain
from infra.local.aws_api import journal, replaying
from infra.local.paths import cache_dir, home
from infra.ops import state

GIB = 1024**3
CACHE_GIB = 14
"""Disk for a cold toolchain build: about 10 GiB of build cache, dropped at the end, and what stays."""
INSTALLED_GIB = 2
"""Disk for the installed toolchain and one clone's state."""
MEMORY_GIB = 6
"""Memory for compiling the largest provider; running the platform takes about 2."""
Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    check: str
    verdict: Verdict
    seen: str
    fix: str = ""


def examine(stack: str) -> list[Finding]:
    """Run every check; a check that itself breaks is a problem and never hides the others."""
    findings = []
    for check in _CHECKS:
        try:
            findings.append(check(stack))
        except Exception as error:  # noqa: BLE001 - a broken check is a finding, and the others still run
            name = check.__name__.removeprefix("_")
            findings.append(Finding(check=name, verdict="problem", seen=f"{type(error).__name__}: {error}"))
    return findings


def _python(_: str) -> Finding:
    return Finding(check="python", verdict="ok", seen=machine.python_version())


def _system(_: str) -> Finding:
    seen = f"{machine.system()} {machine.machine()}, {os.cpu_count()} cores"
    if sys.platform != "linux":
        return Finding(
            check="system", verdict="warning", seen=seen, fix="Only Linux is proven; tell us how it goes."
        )
    return Finding(check="system", verdict="ok", seen=seen)


def _memory(_: str) -> Finding:
    available = psutil.virtual_memory().available / GIB
    seen = f"{available:.1f} GiB available"
    if available < MEMORY_GIB:
        fix = f"Close something: the toolchain build needs {MEMORY_GIB} GiB, the platform about 2."
        return Finding(check="memory", verdict="warning", seen=seen, fix=fix)
    return Finding(check="memory", verdict="ok", seen=seen)


def _disk(_: str) -> Finding:
    place = cache_dir()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / GIB
    needed = INSTALLED_GIB if _installed() else CACHE_GIB
    seen = f"{free:.0f} GiB free for the cache in {cache_dir()}"
    if free < needed:
        return Finding(
            check="disk",
            verdict="problem",
            seen=seen,
            fix=f"Free {needed} GiB, or move it with PLINTH_CACHE.",
        )
    return Finding(check="disk", verdict="ok", seen=seen)


def _writable(_: str) -> Finding:
    probe = home() / ".doctor"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        return Finding(
            check="home",
            verdict="problem",
            seen=f"{home()}: {error.strerror}",
            fix="Make it writable, or choose another folder with PLINTH_HOME.",
        )
    return Finding(check="home", verdict="ok", seen=f"{home()} is writable")


def _loopback(_: str) -> Finding:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Finding(check="loopback", verdict="ok", seen=f"free ports can be bound (tried {port})")


def _toolchain(_: str) -> Finding:
    if _installed():
        return Finding(check="toolchain", verdict="ok", seen="installed")
    return Finding(
        check="toolchain",
        verdict="warning",
        seen="not all parts are installed yet",
        fix="./plinth toolchain build (or the first ./plinth up, which does it)",
    )


def _platform(_: str) -> Finding:
    current = session.current()
    if current is None:
        return Finding(check="platform", verdict="ok", seen="down")
    unwell = [f"{name} {part.state}" for name, part in current.parts.items() if part.state != "ready"]
    if unwell:
        return Finding(
            check="platform", verdict="problem", seen=", ".join(unwell), fix="./plinth logs PART; ./plinth up"
        )
    return Finding(check="platform", verdict="ok", seen=f"up, {len(current.parts)} parts ready")


def _journal(_: str) -> Finding:
    path = home() / "local" / "aws" / "journal"
    records = journal.count(path)
    seen = f"{records:,} records" + (f", {path.stat().st_size / 1e6:.1f} MB" if records else "")
    if records < replaying.LARGE_RECORDS:
        return Finding(check="journal", verdict="ok", seen=seen)
    return Finding(
        check="journal",
        verdict="warning",
        seen=f"{seen}: each start of the local AWS API replays it",
        fix=f"If starts take too long: {replaying.RESET}.",
    )


def _outside(_: str) -> Finding:
    """Say who was asked for beyond the local AWS API: a library that reports home would do it on AWS too."""
    current = session.current()
    answer = aws_api.health(current.endpoints["aws_proxy"]) if current else None
    if answer is None:
        return Finding(check="outside", verdict="ok", seen="the local AWS API is down")
    refused = answer["refused_hosts"]
    if not refused:
        return Finding(check="outside", verdict="ok", seen="nothing asked for hosts beyond the local AWS API")
    return Finding(
        check="outside",
        verdict="warning",
        seen="refused: " + ", ".join(f"{host} ({count:,} times)" for host, count in refused.items()),
        fix="Find out who asks (./plinth logs aws) and switch it off: on AWS it would get an answer.",
    )


def _state(stack: str) -> Finding:
    path = state.state_file(stack)
    if not path.exists():
        return Finding(check="state", verdict="ok", seen="none yet")
    if not state.is_whole(path):
        return Finding(
            check="state", verdict="problem", seen=f"{path} is damaged", fix="./plinth up restores the backup"
        )
    return Finding(check="state", verdict="ok", seen=f"{state.resource_count(stack)} resources")


def _credentials(_: str) -> Finding:
    real = sorted(name for name in os.environ if name.startswith("AWS_") and "KEY" in name)
    if real:
        return Finding(
            check="credentials",
            verdict="ok",
            seen=f"{', '.join(real)} set in this shell; local runs leave them outside",
        )
    return Finding(check="credentials", verdict="ok", seen="no AWS keys in this shell")


def _installed() -> bool:
    return all(part.state == "installed" for part in toolchain.status())


_CHECKS: tuple[Callable[[str], Finding], ...] = (
    _python,
    _system,
    _memory,
    _disk,
    _writable,
    _loopback,
    _toolchain,
    _platform,
    _journal,
    _outside,
    _state,
    _credentials,
)
