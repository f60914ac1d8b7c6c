"""Judge resources from anywhere with all families."""

from collections.abc import Iterable, Sequence
from typing import Any

from policies.core import Family, Finding, PolicySettings, Resource, Stack, judge_relations, judge_resource
from policies.core.checks import merge
from policies.families import FAMILIES
from policies.packs import findings_of


def evaluate(
    resources: Iterable[Resource],
    settings: PolicySettings | None = None,
    families: Sequence[Family[Any]] = FAMILIES,
) -> list[Finding]:
    """Return one finding for each control and each resource that it has a say in.

    Args:
        resources: All resources of one stack, or all manifests that are deployed together.
        settings: Settings of the controls; the strictest when left out.
        families: Families to run.
    """
    settings = settings or PolicySettings()
    stack = Stack(resources)
    findings = [
        finding
        for family in families
        for resource in stack.resources
        for finding in judge_resource(family, resource, settings)
    ]
    findings += [finding for family in families for finding in judge_relations(family, stack, settings)]
    return findings_of(merge(findings), settings)
