"""Judges each resource with its true values when the engine is about to register it, during an update."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.output import Unknown

from infra.errors import RefusedError
from policies.core import PolicySettings, Resource, judge_resource, normalise
from policies.core.values import UNKNOWN_SENTINELS
from policies.families import FAMILIES
from policies.judgement import Judgement
from policies.waivers import Waiver, apply
from policies.waivers import load as load_waivers

_UNKNOWN = min(UNKNOWN_SENTINELS)


def install(settings: PolicySettings, seen: frozenset[tuple[str, str]] | None) -> None:
    """Judge every resource that is registered from here on; what breaks a mandatory control is refused.

    Args:
        settings: Settings of the controls.
        seen: Type and name of what a rehearsal saw; anything else is refused. None: nothing was rehearsed.
    """
    waivers = load_waivers()

    async def transform(args: pulumi.ResourceTransformArgs) -> None:
        await require_allowed(args, settings, seen, waivers)

    pulumi.runtime.register_resource_transform(transform)


async def require_allowed(
    args: pulumi.ResourceTransformArgs,
    settings: PolicySettings,
    seen: frozenset[tuple[str, str]] | None,
    waivers: Sequence[Waiver],
) -> None:
    """Refuse a resource that nobody judged, or that breaks a mandatory control with its true values.

    Raises:
        RefusedError: With the reason; the engine then registers nothing.
    """
    if seen is not None and not args.type_.startswith("pulumi:") and (args.type_, args.name) not in seen:
        raise RefusedError(
            f"Resource '{args.name}' ({args.type_}) is registered now, and was not there when the "
            "program was judged.",
            where="control judged-before-registered",
            fix="Make what the program registers depend on its settings alone.",
        )
    resource = Resource(
        urn=f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{args.type_}::{args.name}",
        type=args.type_,
        props=normalise(await _plain(args.props)),
        protect=args.opts.protect is True,
    )
    findings = [f for family in FAMILIES for f in judge_resource(family, resource, settings)]
    applied = apply(findings, waivers, settings.environment, whole=False)
    own = tuple(finding for finding in applied.findings if finding.urn == resource.urn)
    judgement = Judgement(findings=own, settings=settings, judged=1, unjudged={})
    if judgement.blocking:
        raise RefusedError(judgement.refusal(), where="control judged-before-registered")


async def _plain(value: Any) -> Any:
    """Return a value with its outputs and secrets opened; what is not known stays so."""
    if isinstance(value, Unknown):
        return _UNKNOWN
    if isinstance(value, pulumi.Output):
        return await _plain(await value.future(with_unknowns=True))
    if isinstance(value, Mapping):
        return {key: await _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [await _plain(item) for item in value]
    return value
