"""Checks, the families that hold them, and how they are run: an error inside a check is a violation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from policies.core.relations import Stack
from policies.core.resources import Resource
from policies.core.settings import PolicySettings
from policies.core.verdicts import Finding, Outcome, Verdict

View = TypeVar("View")
"""What the checks of a family look at: the resource itself, or what the family made of it once."""


@dataclass(frozen=True)
class Check(Generic[View]):
    """A pure check of one resource.

    Args:
        control: Id of the control that it decides.
        kinds: Canonical types to which it applies; empty for all that the family has a view of.
        rule: Gives an outcome for each place it looks at; none means not applicable.
    """

    control: str
    kinds: frozenset[str]
    rule: Callable[[View, PolicySettings], Iterable[Outcome]]


@dataclass(frozen=True)
class RelationCheck:
    """A pure check of one resource together with the others of its stack.

    Args:
        control: Id of the control that it decides.
        kinds: Canonical types of the resources that it judges.
        rule: Gives an outcome for each place it looks at; none means not applicable.
    """

    control: str
    kinds: frozenset[str]
    rule: Callable[[Resource, Stack, PolicySettings], Iterable[Outcome]]


@dataclass(frozen=True)
class Family(Generic[View]):
    """Checks of one subject that are run together, so that a resource is read once for all of them.

    Args:
        name: Name of the family; also of its policy in the pack.
        title: One sentence on what it protects.
        prefixes: Beginnings of the type tokens that may concern it.
        view: Makes of a resource what the checks look at; None when the family has no say in it.
        checks: Checks of single resources.
        relations: Checks of resources in their stack.
        reads: Further canonical types that relations look at.
    """

    name: str
    title: str
    prefixes: tuple[str, ...]
    view: Callable[[Resource], View | None]
    checks: tuple[Check[View], ...]
    relations: tuple[RelationCheck, ...] = ()
    reads: frozenset[str] = frozenset()

    @property
    def related_kinds(self) -> frozenset[str]:
        """All canonical types that the relations judge or look at."""
        return self.reads.union(*(relation.kinds for relation in self.relations))


def judge_resource(family: Family[View], resource: Resource, settings: PolicySettings) -> list[Finding]:
    """Return one finding for each control of a family that has a say in a resource."""
    if not resource.type.startswith(family.prefixes):
        return []
    try:
        view = family.view(resource)
    except Exception as error:  # noqa: BLE001 - whatever breaks must block, and the change goes on to the next check
        return [_broken(check.control, resource, error) for check in family.checks]
    if view is None:
        return []
    kind = resource.kind
    findings = []
    for check in family.checks:
        if check.kinds and kind not in check.kinds:
            continue
        try:
            findings.append(_conclude(check.control, resource, tuple(check.rule(view, settings))))
        except Exception as error:  # noqa: BLE001 - same
            findings.append(_broken(check.control, resource, error))
    return findings


def judge_relations(family: Family[View], stack: Stack, settings: PolicySettings) -> list[Finding]:
    """Return one finding for each relation of a family and each resource that it judges."""
    findings = []
    for check in family.relations:
        for resource in stack.resources:
            if resource.kind not in check.kinds:
                continue
            try:
                outcomes = tuple(check.rule(resource, stack, settings))
                findings.append(_conclude(check.control, resource, outcomes))
            except Exception as error:  # noqa: BLE001 - same
                findings.append(_broken(check.control, resource, error))
    return findings


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding for each control and resource: the worst, as a failure is not undone by a pass."""
    worst: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = (finding.control, finding.urn)
        if key not in worst or finding.verdict > worst[key].verdict:
            worst[key] = finding
    return list(worst.values())


def _conclude(control: str, resource: Resource, outcomes: tuple[Outcome, ...]) -> Finding:
    verdict = max((outcome.verdict for outcome in outcomes), default=Verdict.NOT_APPLICABLE)
    decisive = [outcome for outcome in outcomes if outcome.verdict is verdict and verdict.blocks]
    message = _told(decisive)
    if verdict is Verdict.UNDECIDED:
        message = f"cannot be decided: {message}"
    return Finding(
        control=control,
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        verdict=verdict,
        message=message,
        path=decisive[0].path if decisive else "",
    )


def _told(outcomes: list[Outcome]) -> str:
    """Return what was found, places that share a reason named together."""
    places: dict[str, dict[str, None]] = {}
    for outcome in outcomes:
        places.setdefault(outcome.reason, {})[outcome.path] = None
    return "; ".join(f"{', '.join(paths)} {reason}".strip() for reason, paths in places.items())


def _broken(control: str, resource: Resource, error: Exception) -> Finding:
    """Return the finding of a check that broke: the place in the code, never the error's own text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "unknown place"
    return Finding(
        control=control,
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        verdict=Verdict.FAILED,
        message=f"the check itself broke ({type(error).__name__} at {place}), so nothing is known",
        internal=True,
    )
