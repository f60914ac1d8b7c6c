"""Bad days of machines: a zone is gone, a disk is full, a clock is wrong.

What a laptop does for real and what it stands in for is said with each: its simulated nodes have zones, and
its serving node has none, so that of the serving pods half are killed together with a zone's nodes.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from infra.errors import PlatformError
from infra.local import nodes, session
from infra.local.paths import home
from infra.local.runner.rest import FAILURES, Api
from infra.local.runner.sandbox import kill_marked, marked_processes
from infra.ops import status
from infra.ops.drills.places import STACK
from infra.ops.drills.scenarios import Scenario, World, nothing

ZONE = "local-a"
FULL_BYTES = 1
"""Size up to which a file may grow on a disk that is full."""
LATE_SECONDS = 7200.0
"""By how much the clock of the issuer is behind: longer than a token lives."""
PLACED_SECONDS = 60.0
"""Longest wait until what ran in a lost zone has its place in the other one."""


# A zone


def _kubeconfig() -> Path:
    return Path(session.ready("drill").files["kubeconfig"])


def _lose_zone(world: World) -> None:
    world.notes["pods"] = asyncio.run(_delete_zone(_kubeconfig()))


async def _delete_zone(kubeconfig: Path) -> int:
    """Delete the zone's nodes with all that ran there, as the cloud's controller does with lost machines."""
    api = Api(kubeconfig)
    try:
        gone = [
            node
            for node in (await api.get("/api/v1/nodes"))["items"]
            if node["metadata"]["labels"].get("topology.kubernetes.io/zone") == ZONE
        ]
        names = {node["metadata"]["name"] for node in gone}
        everywhere = (await api.get("/api/v1/pods"))["items"]
        lost = [pod for pod in everywhere if pod["spec"].get("nodeName") in names]
        lost += _half_of_each([pod for pod in everywhere if _serves(pod)])
        for pod in lost:
            kill_marked(home() / "local" / "pods" / pod["metadata"]["uid"])
        for node in gone:
            await api.delete_now(f"/api/v1/nodes/{node['metadata']['name']}", uid=node["metadata"]["uid"])
        for pod in lost:
            meta = pod["metadata"]
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            with contextlib.suppress(*FAILURES):  # the controllers delete them as well
                await api.delete_now(path, uid=meta["uid"])
        return len(lost)
    finally:
        await api.close()


def _serves(pod: dict[str, Any]) -> bool:
    return bool(pod["metadata"]["namespace"] == status.SERVING_NAMESPACE)


def _half_of_each(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every second pod of each service. Pure."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for pod in sorted(pods, key=lambda one: str(one["metadata"]["name"])):
        owner = pod["metadata"].get("generateName", pod["metadata"]["name"])
        rows.setdefault(owner, []).append(pod)
    return [pod for same in rows.values() for pod in same[::2]]


def _zone_seen(_: World) -> str | None:
    problems = [one for one in status.collect(STACK).problems if "pods ready" in one]
    return f"./plinth status: {problems[0]}" if problems else None


def _zone_back(world: World) -> None:
    """Wait until all that ran in the lost zone has a place in the other one, then let the nodes return."""
    end = time.monotonic() + PLACED_SECONDS
    while waiting := asyncio.run(_waiting(_kubeconfig())):
        if time.monotonic() > end:
            raise PlatformError(f"Without zone {ZONE} these pods have no place: {', '.join(waiting)}.")
        time.sleep(1)
    world.steps.say("everything runs in the other zone; the lost one returns")
    asyncio.run(_return_nodes(_kubeconfig()))


async def _waiting(kubeconfig: Path) -> list[str]:
    """Return the pods that no node has."""
    api = Api(kubeconfig)
    try:
        rows = (await api.get("/api/v1/pods"))["items"]
    finally:
        await api.close()
    return [str(pod["metadata"]["name"]) for pod in rows if not pod["spec"].get("nodeName")]


async def _return_nodes(kubeconfig: Path) -> None:
    api = Api(kubeconfig)
    try:
        there = {node["metadata"]["name"] for node in (await api.get("/api/v1/nodes"))["items"]}
        for node in nodes.manifests():
            name = node["metadata"]["name"]
            if name not in there:
                await api.create("/api/v1/nodes", node)
                status_of = {"status": nodes.capacity(node)["status"]}
                await api.patch(f"/api/v1/nodes/{name}/status", status_of)
    finally:
        await api.close()


# A disk


def _serving() -> Iterator[psutil.Process]:
    """Yield the processes of the pods of this home that serve."""
    folder = f"{home() / 'local' / 'pods'}/"
    for place, processes in marked_processes().items():
        if place.startswith(folder):
            yield from processes


def _limit_files(size: int) -> int:
    """Let no file of the serving processes grow beyond a size; return how many processes there are."""
    found = 0
    for process in _serving():
        with contextlib.suppress(psutil.Error):
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (size if size > 0 else hard, hard))
            found += 1
    return found


def _fill_disk(world: World) -> None:
    world.notes["processes"] = _limit_files(FULL_BYTES)
    if not world.notes["processes"]:
        raise PlatformError("No process serves, so there is none whose disk could be full.")


def _users_refused(world: World) -> str | None:
    bad = [one for one in list(world.load.answers) if one.at > world.began and not one.decision]
    return f"callers: {bad[0].outcome}" if bad else None


def _free_disk(_: World) -> None:
    _limit_files(0)


# A clock


def _turn_clock(world: World) -> None:
    world.load.late_seconds = LATE_SECONDS


def _set_clock(world: World) -> None:
    world.load.late_seconds = 0.0


ALL: tuple[Scenario, ...] = (
    Scenario(
        name="clock-skew", title="the clock of the tokens' issuer is two hours behind", inject=_turn_clock,
        notice=_users_refused, mend=_set_clock, lost=nothing,
        commands=("./plinth status", "./plinth alerts"),
    ),
    Scenario(
        name="disk-full", title="no file of the serving pods can grow, as on a full disk", inject=_fill_disk,
        notice=_users_refused, mend=_free_disk, lost=nothing,
        commands=("./plinth status", "./plinth alerts", "./plinth audit verify"),
    ),
    Scenario(
        name="zone-lost", title="the nodes of one zone and half of the serving pods are gone at once",
        inject=_lose_zone, notice=_zone_seen, mend=_zone_back, lost=nothing,
        commands=("./plinth status", "./plinth audit verify"),
    ),
)  # fmt: skip
"""Every scenario of machines."""
