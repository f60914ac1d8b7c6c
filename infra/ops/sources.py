"""Which line of which file makes each resource: the program is built once without an engine, and looked at.

The engine's own events carry no source positions; the language host sends them with each registration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import pulumi
from pulumi.runtime import mocks as pulumi_mocks

from infra.errors import PlinthError
from infra.local.paths import repo_root
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as the program asks for it.

    Args:
        type: Type token.
        name: Logical name.
        part: Name of the component around it; its own where there is none.
        place: ``file:line`` within the clone; empty when it is nobody's of this clone.
        inputs: What the program asks for.
    """

    type: str
    name: str
    part: str
    place: str
    inputs: Mapping[str, Any]


class _Monitor(pulumi_mocks.MockMonitor):
    """A resource monitor that keeps where each registration came from."""

    def __init__(self, mocks: pulumi_mocks.Mocks) -> None:
        super().__init__(mocks)
        self.places: dict[tuple[str, str], str] = {}
        self.parents: dict[tuple[str, str], str] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - name of the engine's protocol
        """Keep the parent, and the first line of the stack that belongs to this clone."""
        key = (request.type, request.name)
        self.parents[key] = request.parent
        self.places[key] = next(
            filter(None, (_place(f.pc.uri, f.pc.line) for f in request.stackTrace.frames)), ""
        )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def registered(settings: Settings) -> list[Registered]:
    """Return every resource of a stack, as the program asks for it.

    Raises:
        PlinthError: The settings do not make a program.
    """
    # Only now: seconds of imports, which an `up` does not need.
    from infra import program, providers  # noqa: PLC0415
    from infra.ops import graph  # noqa: PLC0415

    recorder = graph.Recorder(region=settings.aws.region, account=settings.aws.account_id)
    monitor = _Monitor(recorder)
    graph.run_recorded(
        monitor, settings.environment, lambda: program.build(settings, providers.build(settings))
    )
    return [
        Registered(
            type=kind,
            name=name,
            part=_part(monitor.parents.get((kind, name), ""), name),
            place=monitor.places.get((kind, name), ""),
            inputs=inputs,
        )
        for kind, name, inputs in recorder.asked
    ]


def of(settings: Settings) -> dict[str, str]:
    """Return ``type name`` of each resource to ``file:line``; empty if the program cannot be built.

    A report without links is better than none: what keeps the program from being built is said by the engine.
    """
    try:
        return {f"{one.type} {one.name}": one.place for one in registered(settings) if one.place}
    except (PlinthError, pulumi.RunError):
        return {}


def _part(parent: str, name: str) -> str:
    kind, _, parent_name = parent.rpartition("::")
    return name if not parent or kind.endswith("pulumi:pulumi:Stack") else parent_name


def _place(uri: str, line: int) -> str:
    """Return a line of this clone's code, or nothing for anybody else's."""
    root = f"{repo_root()}/"
    path = unquote(urlsplit(uri).path)
    own = path.startswith(root) and not path.startswith((f"{root}.venv/", f"{root}infra/ops/"))
    return f"{path.removeprefix(root)}:{line}" if own else ""
