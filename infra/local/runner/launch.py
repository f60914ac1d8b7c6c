"""From a plan to a running process: image, configuration, room, port."""

import asyncio
import base64
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local import images
from infra.local.runner import MAX_PROCESSES
from infra.local.runner.environment import (
    EnvironmentConfigError,
    aws_environment,
    base_environment,
    container_environment,
    expand,
    forced_environment,
    referenced,
)
from infra.local.runner.node import HOST_IP
from infra.local.runner.plan import NotByDigestError, ProcessPlan, UnsupportedError
from infra.local.runner.pools import Addresses, Ports
from infra.local.runner.rest import FAILURES, Api, ApiError
from infra.local.runner.sandbox import Record, Sandbox, marked_processes
from infra.local.runner.status import Waiting
from infra.local.runner.volumes import make_volumes, translate

_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all pods of this runner share."""

    api: Api
    home: Path
    """The ``local`` folder of the home."""
    addresses: Addresses = field(default_factory=Addresses)
    ports: Ports = field(default_factory=Ports)
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while processes are counted and one is started, so that two pods do not take the last place."""


class NoRoomError(Exception):
    """The machine serves as many pods as it may."""


OBSTACLES: dict[type[Exception], str] = {
    UnsupportedError: "UnsupportedByLocalRunner",
    NotByDigestError: "ImageNotByDigest",
    images.ImageMissingError: "ImageNotInLocalStore",
    images.ImageTamperedError: "ImageTampered",
    EnvironmentConfigError: "CreateContainerConfigError",
    NoRoomError: "TooManyServingProcesses",
    OSError: "RunContainerError",
    **dict.fromkeys(FAILURES, "ApiServerUnreachable"),
}
"""Why a pod may not start, and the reason that its status shows for it."""


def as_waiting(error: Exception) -> Waiting:
    """Return what the status shows for one of :data:`OBSTACLES`."""
    reason = next(reason for kind, reason in OBSTACLES.items() if isinstance(error, kind))
    return Waiting(reason=reason, message=str(error))


async def launch(
    shared: Shared, pod: Mapping[str, Any], plan: ProcessPlan, sandbox: Sandbox, log: Path, *, pod_ip: str
) -> Record:
    """Start the pod's process and return its record.

    Raises:
        Exception: One of :data:`OBSTACLES`; nothing runs then.
    """
    # Hashing a large model takes seconds; the other pods' probes must not wait for it.
    image = await asyncio.to_thread(images.get, plan.digest)
    sources = await _sources(shared.api, pod)

    def lookup(resource: str, name: str) -> Mapping[str, Any] | None:
        return sources.get((resource, name))

    own = container_environment(pod, lookup, pod_ip=pod_ip, host_ip=HOST_IP)
    if sandbox.record is None:
        meta = pod["metadata"]
        sandbox.prepare(
            Record(
                namespace=meta["namespace"],
                pod=meta["name"],
                uid=meta["uid"],
                pod_ip=pod_ip,
                acknowledged_at=time.time(),
            )
        )
    record = sandbox.record
    assert record is not None
    volumes = sandbox.folder / "volumes"
    make_volumes(pod, lookup, volumes)
    environment = {
        **base_environment(sandbox.folder, sandbox.fresh_temporary()),
        **aws_environment(shared.home),
        **{name: translate(value, pod, volumes) for name, value in own.items()},
        **forced_environment(sandbox.folder),
    }
    options = [translate(expand(word, own), pod, volumes) for word in plan.options]
    async with shared.starting:
        check_room(sandbox.folder)
        port = shared.ports.take()
        sandbox.start(serve_command(image.bento, port, options), environment, log, port=port)
    return record


def serve_command(bento: Path, port: int, options: Sequence[str]) -> list[str]:
    """Return the command of a bento's server on a loopback port."""
    place = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "bentoml", "serve", str(bento), *place, *options]


def check_room(own: Path) -> None:
    """Refuse another process when :data:`MAX_PROCESSES` pods have processes on this machine, over all homes.

    Raises:
        NoRoomError: They have.
    """
    others = len(marked_processes().keys() - {str(own)})
    if others >= MAX_PROCESSES:
        raise NoRoomError(
            f"{others} pods have processes on this machine, and {MAX_PROCESSES} is the most that fits a "
            "laptop's memory; scale a service down or run ./plinth down elsewhere"
        )


async def _sources(api: Api, pod: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, str]]:
    """Fetch the config maps and secrets that the pod names; absent ones are left out."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for resource, name in sorted(referenced(pod)):
        try:
            answer = await api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/{resource}/{name}")
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            continue
        data = answer.get("data") or {}
        if resource == "secrets":
            data = {key: base64.b64decode(value).decode() for key, value in data.items()}
        found[resource, name] = data
    return found
