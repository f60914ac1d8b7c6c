"""What is running, in words that somebody who did not build it understands."""

import asyncio
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from infra.local import session
from infra.local.runner.rest import FAILURES, Api, ApiError
from infra.ops import state
from infra.ops.console import screen
from infra.rollout import served

SERVING_NAMESPACE = "serving"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{SERVING_NAMESPACE}/deployments"
CANARIES = f"/apis/flagger.app/v1beta1/namespaces/{SERVING_NAMESPACE}/canaries"
FIRST_RELEASE_SECONDS = 120.0
"""Longest wait for the first stable version: two looks of Flagger's, and pods that start."""


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """One model service as the cluster sees it."""

    name: str
    ready: int
    wanted: int
    model_digest: str
    url: str
    release: str = ""
    """How its release stands, where that is worth telling; empty when nothing is special."""
    reachable: bool = True
    """False while no stable version was made yet, so that requests have nowhere to go."""

    @property
    def host(self) -> str:
        """Return the name by which the gateway knows the service: its address without scheme and port."""
        return self.url.removeprefix("http://").rsplit(":", 1)[0]


@dataclass(frozen=True, kw_only=True)
class Status:
    """The environment at one moment."""

    stack: str
    platform: str
    """``up``, ``starting``, ``broken`` or ``down``."""
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    resources: int = 0
    services: list[ServiceStatus] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Return whether everything that should run does."""
        return self.platform == "up" and not self.problems


def collect(stack: str) -> Status:
    """Ask the platform and the cluster; what cannot be asked is named as a problem."""
    platform = session.current()
    if platform is None:
        return Status(
            stack=stack,
            platform="down",
            resources=state.resource_count(stack),
            problems=["the local platform is down: ./plinth up"],
        )
    problems = [
        f"part '{name}' is {part.state}: {part.message or 'no reason given'} (./plinth logs {name})"
        for name, part in platform.parts.items()
        if part.state != "ready"
    ]
    services: list[ServiceStatus] = []
    try:
        services = asyncio.run(_services(Path(platform.files["kubeconfig"]), platform.endpoints, stack))
    except (*FAILURES, KeyError) as error:
        problems.append(f"the Kubernetes API does not answer: {error}")
    problems += [
        f"service '{s.name}' has {s.ready} of {s.wanted} pods ready (./plinth logs {s.name})"
        for s in services
        if s.ready < s.wanted
    ]
    problems += [
        f"service '{s.name}': {s.release} (./plinth logs flagger)" for s in services if not s.reachable
    ]
    if not services:
        problems.append("no service is deployed: ./plinth up")
    return Status(
        stack=stack,
        platform="up" if platform.ready else ("broken" if platform.failed else "starting"),
        parts={name: asdict(part) for name, part in platform.parts.items()},
        endpoints=platform.endpoints,
        resources=state.resource_count(stack),
        services=services,
        problems=problems,
    )


async def _services(kubeconfig: Path, endpoints: dict[str, str], stack: str) -> list[ServiceStatus]:
    api = Api(kubeconfig)
    try:
        found = await api.get(DEPLOYMENTS)
        canaries = await _canaries(api)
    finally:
        await api.close()
    hostnames, phases = _hostnames(stack), served.phases(canaries.get("items", []))
    port = endpoints.get("gateway", "").rsplit(":", 1)[-1]
    return [
        ServiceStatus(
            name=name,
            ready=item.get("status", {}).get("readyReplicas", 0),
            wanted=item["spec"].get("replicas", 0),
            model_digest=item["metadata"].get("annotations", {}).get("plinth.dev/model-digest", "unknown"),
            url=f"http://{hostnames.get(name, 'unknown')}:{port}",
            release=served.told(phases[name]) if name in phases else "",
            reachable=phases.get(name) not in served.BEGINNING,
        )
        for name, item in served.in_service(found.get("items", [])).items()
    ]


async def _canaries(api: Api) -> Mapping[str, Any]:
    try:
        return await api.get(CANARIES)
    except ApiError as error:
        if error.status != http.client.NOT_FOUND:
            raise
        return {}  # a cluster that knows no releases


def _hostnames(stack: str) -> dict[str, str]:
    latest = state.load(state.state_file(stack)) or {}
    for resource in latest.get("resources", []):
        if resource.get("type") == "pulumi:pulumi:Stack":
            hostnames = resource.get("outputs", {}).get("service_hostnames", {})
            return {str(k): str(v) for k, v in hostnames.items()} if isinstance(hostnames, dict) else {}
    return {}


def show(status: Status) -> None:
    """Print the status for a person."""
    colour = {"up": "green", "starting": "yellow", "broken": "red", "down": "red"}[status.platform]
    screen.out.print(
        f"Stack [bold]{status.stack}[/]: platform [{colour}]{status.platform}[/], "
        f"{status.resources} resources"
    )
    if status.parts:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("part", "state", "port", "restarts", "for"):
            table.add_column(column)
        now = time.time()
        for name, part in status.parts.items():
            shade = "green" if part["state"] == "ready" else "red"
            since = _duration(now - part["since"]) if part["since"] else ""
            table.add_row(
                name, f"[{shade}]{part['state']}[/]", str(part["port"] or ""), str(part["restarts"]), since
            )
        screen.out.print(table)
    for service in status.services:
        shade = "green" if service.ready >= service.wanted else "red"
        screen.out.print(
            f"Service [bold]{service.name}[/]: [{shade}]{service.ready} of {service.wanted} pods ready[/], "
            f"model {service.model_digest[:19]}…, {service.url}"
        )
        if service.release:
            screen.out.print(f"  {service.release}", markup=False)
    for problem in status.problems:
        screen.out.print(f"[red]problem:[/] {problem}")


def as_json(status: Status) -> dict[str, Any]:
    """Return the status as data for ``--json``."""
    document = asdict(status)
    document["healthy"] = status.healthy
    return json.loads(json.dumps(document, default=str))  # type: ignore[no-any-return]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else (f"{minutes} min" if minutes else f"{rest} s")


def wait(stack: str, seconds: float = 30.0) -> Status:
    """Return the status as soon as everything is well, or as it is when the time is over.

    Args:
        stack: Name of the stack.
        seconds: How long to wait: a rolled pod may need a few probes after the engine is satisfied.
    """
    begun = time.monotonic()
    end = begun + seconds
    found = collect(stack)
    while not found.healthy and time.monotonic() < end:
        time.sleep(0.5)
        found = collect(stack)
        if any(not service.reachable for service in found.services):
            end = begun + FIRST_RELEASE_SECONDS
    return found
