"""The policies of the pack: one for each family, one for relations, and one for advice in each case.

The SDK takes a resource apart anew for every policy, so families share one reading: the first
policy that is asked about a resource normalises it and keeps it for the others and for the
relations. Relations thereby see inputs, which are exact, where the engine offers them outputs,
in which one unknown can hide a whole object.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.core import (
    Family,
    Finding,
    PolicyError,
    PolicySettings,
    Resource,
    Stack,
    Verdict,
    judge_relations,
    judge_resource,
    normalise,
)
from policies.core.resources import canonical
from policies.core.settings import ENVIRONMENTS, PACKS
from policies.families import FAMILIES
from policies.packs import ADVICE, RELATIONS, RELATIONS_ADVICE, findings_of, waivers_of
from policies.procedure import control_of
from policies.report import render
from policies.waivers import Matches, Waiver, excuse, faults, load

_SCHEMA = PolicyConfigSchema(
    properties={
        "environment": {"type": "string", "enum": list(ENVIRONMENTS)},
        "registries": {"type": "array", "items": {"type": "string"}},
        "accounts": {"type": "array", "items": {"type": "string"}},
        "owns_account": {"type": "boolean"},
        "today": {"type": "string"},
        "packs": {"type": "array", "items": {"type": "string", "enum": list(PACKS)}},
    }
)


def policies(waivers: Sequence[Waiver] | None = None) -> list[Policy]:
    """Return all policies of the pack, sharing one reading of each resource.

    Args:
        waivers: Exceptions; the project's own file when left out.
    """
    pack = _Pack(FAMILIES, load() if waivers is None else waivers)
    return [
        *(_resource_policy(family.name, family.title, pack.judge(family)) for family in FAMILIES),
        _resource_policy(ADVICE, "Controls that are advice in this environment.", pack.advise, advice=True),
        _stack_policy(RELATIONS, "What belongs together stands together.", pack.judge_stack),
        _stack_policy(
            RELATIONS_ADVICE, "Relations that are advice in this environment.", pack.advise_stack, advice=True
        ),
    ]


@dataclass
class _Reading:
    """One resource as it was read for one round of policies."""

    resource: Resource
    asked: set[str] = field(default_factory=set)
    advice: list[Finding] = field(default_factory=list)


class _Pack:
    """What the policies of one pack share. Rounds run in parallel threads, each round in one thread."""

    def __init__(self, families: tuple[Family[Any], ...], waivers: Sequence[Waiver]) -> None:
        self._families = families
        self._waivers = waivers
        self._waived: list[Finding] = []
        self._matched: Matches = defaultdict(set)
        self._prefixes = tuple({prefix for family in families for prefix in family.prefixes})
        self._related = frozenset().union(*(family.related_kinds for family in families))
        self._round = threading.local()
        self._inputs: dict[str, Resource] = {}
        self._stack_advice: list[Finding] = []

    def judge(self, family: Family[Any]) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
        """Return the validation of a family's policy."""

        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if not args.resource_type.startswith(family.prefixes):
                args.not_applicable("No control of this family speaks of this type.")
            reading = self._read(args, family.name)
            settings = PolicySettings.parse(args.get_config())
            findings = judge_resource(family, reading.resource, settings)
            reading.advice += self._report(findings, settings, report)

        return validate

    def advise(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        """Report what the families' policies left as advice about the same resource."""
        if not args.resource_type.startswith(self._prefixes):
            args.not_applicable("No control speaks of this type.")
        for message, _ in render(self._read(args, ADVICE).advice):
            report(message, None)

    def judge_stack(self, args: StackValidationArgs, report: ReportViolation) -> None:
        """Judge all relations."""
        settings = PolicySettings.parse(args.get_config())
        inputs, self._inputs = self._inputs, {}  # of this run only: the next one reads its own
        stack = Stack(
            _related_resource(resource, inputs.get(resource.urn))
            for resource in args.resources
            if canonical(resource.resource_type) in self._related
        )
        findings = [f for family in self._families for f in judge_relations(family, stack, settings)]
        advice = self._report(findings, settings, report)
        matched, self._matched = self._matched, defaultdict(set)
        in_force = waivers_of(self._waivers, settings)
        self._report(faults(in_force, settings.environment, matched), settings, report)
        waived, self._waived = self._waived, []
        self._stack_advice = [*advice, *waived]

    def advise_stack(self, _: StackValidationArgs, report: ReportViolation) -> None:
        """Report what the relations left as advice."""
        for message, urn in render(self._stack_advice):
            report(message, urn)
        self._stack_advice = []

    def _report(
        self, findings: list[Finding], settings: PolicySettings, report: ReportViolation
    ) -> list[Finding]:
        """Report what stops the change, waivers applied; return what is advice."""
        in_force = findings_of(findings, settings)
        excused = excuse(in_force, self._waivers, settings.environment, self._matched)
        self._waived += [finding for finding in excused if finding.verdict is Verdict.WAIVED]
        blocking = [finding for finding in excused if finding.verdict.blocks]
        advice = [
            finding
            for finding in blocking
            if not finding.internal and control_of(finding.control).level(settings.environment) == "advisory"
        ]
        for message, urn in render(finding for finding in blocking if finding not in advice):
            report(message, urn if urn.startswith("urn:pulumi:") else None)
        return advice

    def _read(self, args: ResourceValidationArgs, policy: str) -> _Reading:
        """Return the reading of this round: a policy that asks a second time starts a new round."""
        reading: _Reading | None = getattr(self._round, "reading", None)
        if reading is None or reading.resource.urn != args.urn or policy in reading.asked:
            resource = Resource(
                urn=args.urn,
                type=args.resource_type,
                props=normalise(args.props, unknown_error=UnknownValueError),
                protect=bool(args.opts and args.opts.protect),
            )
            reading = self._round.reading = _Reading(resource)
            if resource.kind in self._related:
                self._inputs[args.urn] = resource
        reading.asked.add(policy)
        return reading


def _related_resource(resource: PolicyResource, inputs: Resource | None) -> Resource:
    """Return a resource of the stack with its inputs, or with its outputs if it was not asked about."""
    return Resource(
        urn=resource.urn,
        type=resource.resource_type,
        props=inputs.props if inputs else normalise(resource.props, unknown_error=UnknownValueError),
        protect=bool(resource.opts and resource.opts.protect),
        dependencies=_urns(resource.dependencies),
        property_dependencies={
            key: _urns(sources) for key, sources in resource.property_dependencies.items()
        },
    )


def _urns(resources: Iterable[PolicyResource]) -> tuple[str, ...]:
    return tuple(resource.urn for resource in resources)


def _guarded(validate: Callable[[Any, ReportViolation], None]) -> Callable[[Any, ReportViolation], None]:
    """Turn whatever breaks into a violation: a crash would hide every other policy, a pass would lie."""

    def guarded(args: Any, report: ReportViolation) -> None:
        try:
            validate(args, report)
        except Exception as error:
            if type(error).__name__ == "_NotApplicableError":
                raise
            report(_broken(error), None)

    return guarded


def _broken(error: Exception) -> str:
    if isinstance(error, PolicyError):
        return str(error)
    return (
        f"The policy itself broke ({type(error).__name__}), so nothing is known of this resource.\n"
        "  fix: this is a bug of the policy pack; report it with the type of the resource."
    )


def _resource_policy(
    name: str,
    description: str,
    validate: Callable[[ResourceValidationArgs, ReportViolation], None],
    *,
    advice: bool = False,
) -> ResourceValidationPolicy:
    return ResourceValidationPolicy(
        name=name,
        description=description,
        validate=_guarded(validate),
        enforcement_level=_level(advice=advice),
        config_schema=_SCHEMA,
    )


def _stack_policy(
    name: str,
    description: str,
    validate: Callable[[StackValidationArgs, ReportViolation], None],
    *,
    advice: bool = False,
) -> StackValidationPolicy:
    return StackValidationPolicy(
        name=name,
        description=description,
        validate=_guarded(validate),
        enforcement_level=_level(advice=advice),
        config_schema=_SCHEMA,
    )


def _level(*, advice: bool) -> EnforcementLevel:
    return EnforcementLevel.ADVISORY if advice else EnforcementLevel.MANDATORY
