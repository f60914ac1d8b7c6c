"""Everything that must be true before the supervisor starts, and its start."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from infra.errors import PlatformError
from infra.local import ports
from infra.local.aws_api.actions import AWS_DOMAINS
from infra.local.certs import Authority
from infra.local.control_plane import access
from infra.local.paths import repo_root
from infra.local.session.homes import POLL
from infra.local.supervisor import processes
from infra.local.supervisor.layout import PORTS, Site, instance
from infra.local.supervisor.status import Platform

SUPERVISOR_SECONDS = 30.0
"""Seconds until the supervisor has written its first status; it takes half a second on idle cores."""
PROGRAMS = ("kube", "etcd", "kwok", "prometheus", "alertmanager", "flagger")
FILES = ("gateway-api-crds", "flagger-crds", "kwok-stages")
"""What the platform needs of the toolchain."""
TOOLCHAIN_PARTS = ("kube", "monitoring", "rollout")
"""The parts of the toolchain that hold all of them."""


class Tools(Protocol):
    """The part of the toolchain that the platform uses."""

    def bin(self, name: str) -> Path:
        """Return the path of a program."""

    def file(self, name: str) -> Path:
        """Return the path of a file or folder."""


def prepare(root: Path, tools: Tools) -> Site:
    """Write everything that the supervisor needs; nothing of the platform runs meanwhile.

    Raises:
        PlatformError: A tool is missing, no port is free, or a key that cannot be replaced is damaged.
    """
    processes.sweep(root)
    programs = {name: tools.bin(name) for name in PROGRAMS}
    programs |= {name: tools.file(name) for name in FILES}
    for name, path in programs.items():
        if not path.exists():
            raise PlatformError(
                f"The toolchain lacks {name}.", where=str(path), fix="./plinth toolchain build"
            )
    chosen, moved = ports.assign(root / "local" / "ports.json", PORTS)
    site = Site(root, chosen, programs)
    for folder in (site.logs, site.aws, site.kube, site.xds, site.monitoring):
        folder.mkdir(parents=True, exist_ok=True)
    processes.rotate(site.log("supervisor"))
    with site.log("supervisor").open("a") as log:
        log.writelines(f"{sentence}\n" for sentence in moved)
    access.prepare(site)
    # Made here too, so that the environment of a local run is complete before the process answers.
    Authority(site.aws, "aws-ca", domains=AWS_DOMAINS)
    site.save()
    return site


def launch(site: Site, parts: tuple[str, ...] | None) -> None:
    """Start the supervisor, detached from this terminal, and wait until it has taken over.

    Raises:
        PlatformError: It did not start; holds the last lines of its log.
    """
    site.status.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "infra.local.supervisor", f"--site={site.local / 'site.json'}"]
    if parts is not None:
        argv.append(f"--parts={','.join(parts)}")
    env = {name: value for name, value in os.environ.items() if name != processes.MARKER}
    env |= {processes.SUPERVISOR_MARKER: instance(site.home), "PLINTH_HOME": str(site.home)}
    with site.log("supervisor").open("ab") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=repo_root(),
            start_new_session=True,
        )
    deadline = time.monotonic() + SUPERVISOR_SECONDS
    while Platform.load(site.status) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise PlatformError(
                "The supervisor of the local platform did not start: "
                + " | ".join(processes.last_lines(site.log("supervisor"))),
                where=str(site.log("supervisor")),
            )
        time.sleep(POLL / 2)
    process.returncode = 0  # it lives on by itself: nobody waits for it here
