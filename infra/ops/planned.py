"""The resources of a stack as a first preview shows them to the policies, without an engine.

Unlike :mod:`infra.ops.graph`, which answers with made-up outputs so that a reader sees names, nothing is
answered here: what AWS or the cluster would decide stays unknown, and each property keeps the resources that
feed it. This is what controls have to judge before anything exists.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.proto import resource_pb2

from infra import program, providers
from infra.ops.graph import run_recorded
from infra.settings import Settings
from policies.core import Resource, normalise


class _Monitor(pulumi_mocks.MockMonitor):
    """A resource monitor that keeps each registration as it came, and answers with what was asked for."""

    def __init__(self) -> None:
        super().__init__(_NoMocks())
        self.seen: list[Resource] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - name of the engine's protocol
        """Keep a registration; the identity and all outputs stay unknown."""
        urn = self.make_urn(request.parent, request.type, request.name)
        self.seen.append(
            Resource(
                urn=urn,
                type=request.type,
                props=normalise(json_format.MessageToDict(request.object)),
                protect=bool(request.protect),
                dependencies=tuple(request.dependencies),
                property_dependencies={
                    key: tuple(value.urns) for key, value in request.propertyDependencies.items()
                },
            )
        )
        return resource_pb2.RegisterResourceResponse(urn=urn, object=request.object)


class _NoMocks(pulumi_mocks.Mocks):
    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Refuse: the monitor itself answers."""
        raise NotImplementedError(f"nothing is read: {args.name}")

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """Refuse: the program asks nobody but its settings."""
        raise NotImplementedError(f"the program made an unexpected call: {args.token}")


def resources(settings: Settings) -> list[Resource]:
    """Return what a first preview of a stack would show to the policies."""
    return recorded(lambda: program.build(settings, providers.build(settings)), settings.environment)


def recorded(body: Callable[[], object], stack: str) -> list[Resource]:
    """Return what a first preview of any program would show to the policies.

    Args:
        body: The program.
        stack: Name of its stack.
    """
    monitor = _Monitor()
    run_recorded(monitor, stack, body, preview=True)
    return monitor.seen
