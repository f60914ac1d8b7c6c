"""Judges each resource with its true values when the program registers it, during an update."""

from collections.abc import Callable, Sequence
from typing import Any

import pulumi
from google.protobuf import json_format  # type: ignore[import-untyped]

from infra.errors import RefusedError
from policies.core import PolicySettings, Resource, judge_resource, normalise
from policies.families import FAMILIES
from policies.judgement import Judgement
from policies.waivers import Waiver, apply
from policies.waivers import load as load_waivers

WHERE = "control judged-before-registered, the program itself"
_ENGINES_OWN = "pulumi:"
"""Beginning of types that are the engine's own: the stack, its providers."""


def install(settings: PolicySettings, seen: frozenset[tuple[str, str]] | None) -> None:
    """Judge every resource that is registered from here on; what breaks a mandatory control is refused.

    It stands in the one call by which all resources of a program reach the engine. A resource transform
    would be told of them too, but at the price of a call back from the engine for each of them, and what it
    refuses ends in a traceback.

    Args:
        settings: Settings of the controls.
        seen: Type and name of what a rehearsal saw; anything else is refused. None: nothing was rehearsed.
    """
    monitor = pulumi.runtime.settings.get_monitor()
    if monitor is not None:
        monitor.RegisterResource = guarded(monitor.RegisterResource, settings, seen, load_waivers())


def guarded(
    register: Callable[..., Any],
    settings: PolicySettings,
    seen: frozenset[tuple[str, str]] | None,
    waivers: Sequence[Waiver],
) -> Callable[..., Any]:
    """Return a registration that judges first. The SDK calls it in several threads at once."""

    def call(request: Any, *rest: Any, **options: Any) -> Any:
        try:
            require_allowed(request, settings, seen, waivers)
        except RefusedError as error:
            # The one error that the engine's language host shows without a traceback.
            raise pulumi.RunError(str(error)) from None
        return register(request, *rest, **options)

    return call


def require_allowed(
    request: Any,
    settings: PolicySettings,
    seen: frozenset[tuple[str, str]] | None,
    waivers: Sequence[Waiver],
) -> None:
    """Refuse a resource that nobody judged, or that breaks a mandatory control with its true values.

    Args:
        request: A RegisterResourceRequest of the engine's protocol.
        settings: Settings of the controls.
        seen: As for :func:`install`.
        waivers: Exceptions.

    Raises:
        RefusedError: With the reason; it is then not registered.
    """
    kind, name = request.type, request.name
    if seen is not None and not kind.startswith(_ENGINES_OWN) and (kind, name) not in seen:
        raise RefusedError(
            f"Resource '{name}' ({kind}) is registered now, and was not there when the program was judged.",
            where=WHERE,
            fix="Make what the program registers depend on its settings alone.",
        )
    if request.remote:
        raise RefusedError(
            f"Resource '{name}' ({kind}) is built by another program, whose resources nobody here can judge.",
            where=WHERE,
            fix="Build it from the resources themselves, in this program.",
        )
    resource = Resource(
        urn=f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{kind}::{name}",
        type=kind,
        props=normalise(json_format.MessageToDict(request.object)),
        protect=bool(request.protect),
    )
    findings = [f for family in FAMILIES for f in judge_resource(family, resource, settings)]
    applied = apply(findings, waivers, settings.environment, whole=False)
    own = tuple(finding for finding in applied.findings if finding.urn == resource.urn)
    judgement = Judgement(findings=own, settings=settings, judged=1, unjudged={})
    if judgement.blocking:
        raise RefusedError(judgement.refusal(), where=WHERE, fix="Correct what is named above.")
