"""What shows that the controls work: the fixtures, and whether all fronts say the same of them.

The fixtures are data of the project's tests (``tests/policies``), so this module works in a checkout.
"""

import http.client
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from policies.admission import admission_policies
from policies.core import PolicyError, PolicySettings, Resource, Verdict
from policies.core.loaders import from_manifests
from policies.core.values import UNKNOWN_SENTINELS
from policies.families import FAMILIES
from policies.judge import evaluate

TESTS = Path(__file__).resolve().parents[1] / "tests" / "policies"
"""Where the fixtures are."""
LOWEST_KILL_RATE = 0.95
"""Part of the harmful mutations that the right control has to find; the bar of the project."""
KINDS = ("clean", "violating")
DAY = "2026-06-01"
"""The day on which the fixtures are judged, so that their dates stay right."""
Admit = Callable[[dict[str, Any]], str | None]
"""Asks an API server for an object; returns its refusal, or None when it would let it in."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fixture: a clean stack with a few edits.

    Args:
        control: Control that it is about.
        name: What it shows.
        kind: ``clean`` or ``violating``.
        shows: ``value``, ``absent`` or ``unknown``.
        stack: Resources as the stack files have them, edits made.
        touched: Names of the resources that the edits change or put in.
        settings: Settings of the controls.
        own_settings: Whether the fixture brings settings of its own, which no cluster has.
    """

    control: str
    name: str
    kind: str
    shows: str
    stack: list[dict[str, Any]]
    touched: frozenset[str]
    settings: PolicySettings
    own_settings: bool


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How often two fronts say the same of a fixture that both can see."""

    compared: int
    differences: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    """Fixtures that the second front does not take at all, with the reason."""

    @property
    def share(self) -> float:
        """Part of the comparisons in which they agree, 0 to 1; 0 when there was none."""
        return 1 - len(self.differences) / self.compared if self.compared else 0.0


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """What the controls found when each field of the clean stacks was changed in every way.

    Args:
        mutants: Changes that were tried.
        harmful: Those that must make exactly one control fire.
        survived: Harmful ones that fired the wrong controls or none, each in a sentence.
        alarms: Harmless ones that fired any.
    """

    mutants: int
    harmful: int
    survived: tuple[str, ...]
    alarms: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Part of the harmful ones that the right control found, 0 to 1."""
        return 1 - len(self.survived) / self.harmful if self.harmful else 0.0


def mutation() -> Mutation:
    """Change each field of the clean stacks and see which controls fire; the tests do the very same."""
    module = helpers("test_mutation")
    if not hasattr(module, "_Judge"):
        raise PolicyError("The mutations of this checkout cannot be counted.", where=str(TESTS))
    count, harmful = 0, 0
    survived: list[str] = []
    alarms: list[str] = []
    for name in helpers().stack_names():
        judge = module._Judge(name)  # noqa: SLF001 - the test owns it, and shows the same figure
        for mutant in module._mutants(name):  # noqa: SLF001 - same
            wrong = mutant.judge(judge.fired(mutant))
            count += 1
            harmful += not mutant.harmless
            if wrong:
                (alarms if mutant.harmless else survived).append(f"{name}: {wrong}")
    return Mutation(mutants=count, harmful=harmful, survived=tuple(survived), alarms=tuple(alarms))


def counts() -> dict[str, dict[str, int]]:
    """Return control to number of fixtures: clean, violating, and of these absent and unknown ones."""
    found: dict[str, dict[str, int]] = {}
    for control, table in helpers().fixtures().items():
        shows = [case.get("kind", "value") for case in table["violating"]]
        found[control] = {
            "clean": len(table["clean"]),
            "violating": len(table["violating"]),
            "absent": shows.count("absent"),
            "unknown": shows.count("unknown"),
        }
    return found


def impossible() -> dict[str, dict[str, str]]:
    """Return what a few controls cannot have (``unknown``, ``absent``) to the control and the reason."""
    module = helpers("impossible")
    return {"unknown": dict(module.NEVER_UNKNOWN), "absent": dict(module.NEVER_ABSENT)}


@cache
def helpers(name: str = "fixture_stacks") -> ModuleType:
    """Return a module of the tests, by default the one that reads the fixtures.

    Raises:
        PolicyError: This is no checkout.
    """
    if not (TESTS / f"{name}.py").is_file():
        raise PolicyError(
            "The fixtures of the controls are not here.", where=str(TESTS), fix="Run this in a checkout."
        )
    sys.path.insert(0, str(TESTS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(TESTS))


def cases(kinds: tuple[str, ...] = KINDS) -> Iterator[Case]:
    """Give every fixture."""
    fixtures = helpers()
    for control, table in fixtures.fixtures().items():
        for kind in kinds:
            for case in table[kind]:
                yield Case(
                    control=control,
                    name=case["name"],
                    kind=kind,
                    shows=case.get("kind", "value"),
                    stack=fixtures.edited(fixtures.load(table.get("stack", "reference")), case),
                    touched=frozenset({*case.get("set", ()), *(e["name"] for e in case.get("add", ()))}),
                    settings=PolicySettings.parse({"today": DAY, **case.get("settings", {})}),
                    own_settings=bool(case.get("settings")),
                )


def manifest(case: Case, entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return a resource of a fixture as a Kubernetes manifest; None when it cannot be written as one.

    What the clean stack leaves unknown, because it comes from another resource, is known in a manifest. A
    fixture about something unknown has none.
    """
    package, version, kind = entry["type"].split(":")
    if package != "kubernetes" or case.shows == "unknown" or entry["name"] not in case.touched:
        return None
    if version.startswith("helm.sh/") or kind.endswith(("List", "Patch")):
        return None  # names of the provider, not objects that a file or an API server could hold
    known: dict[str, Any] = _known(helpers().raw_props(entry))
    return {**known, "apiVersion": version.removeprefix("core/"), "kind": kind}


def _known(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _known(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_known(item, key) for item in value]
    if isinstance(value, str) and value in UNKNOWN_SENTINELS:
        return "serving" if key == "namespace" else "scorer"
    # The wire knows no whole numbers; the API server wants them.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pack_and_manifests() -> Agreement:
    """Compare the pack's verdict on each Kubernetes object of the fixtures with that on its manifest."""
    compared, differences = 0, []
    for case in cases():
        for entry in case.stack:
            written = manifest(case, entry)
            if written is None:
                continue
            (resource,) = helpers().resources([entry])
            compared += 1
            by_pack = _answers([resource], case.settings)
            by_file = _answers(from_manifests(json.dumps(written)), case.settings)
            if by_pack != by_file:
                odd = ", ".join(sorted(by_pack ^ by_file))
                differences.append(f"{case.control}: {case.name}: {entry['name']}: {odd}")
    return Agreement(compared=compared, differences=tuple(differences))


def refusal(status: int, message: str) -> str | None:
    """Return what an API server's error says of an object: refused by policies, or not taken at all."""
    if status == http.client.CONFLICT:
        return None  # an object of that name exists: the policies had let it through
    if status == http.client.FORBIDDEN and "ValidatingAdmissionPolicy" in message:
        return message
    return f"not taken: {message.replace('[', '(')}"


def pack_and_admission(admit: Admit, environment: str = "prod") -> Agreement:
    """Compare the pack's verdict on each fixture that an API server can see with the server's own.

    Args:
        admit: The API server.
        environment: Whose admission policies it has; controls that are advice there refuse nothing.
    """
    admitted = {
        control
        for policy in admission_policies(PolicySettings(environment=environment))
        for control in policy.controls
        if "Deny" in policy.binding["validationActions"]
    }
    compared, differences, unseen = 0, [], []
    for case in cases():
        if case.control not in admitted or case.own_settings:
            continue
        for entry in case.stack:
            written = manifest(case, entry)
            if written is None:
                continue
            (resource,) = helpers().resources([entry])
            wanted = _answers([resource], case.settings) & admitted
            said = admit(written)
            if said is not None and "[" not in said:
                unseen.append(f"{case.control}: {case.name}: {said}")
                continue
            compared += 1
            named = {control for control in admitted if f"[{control}]" in (said or "")}
            if not (named <= wanted and bool(named) == bool(wanted)):
                differences.append(
                    f"{case.control}: {case.name}: pack {sorted(wanted)}, server: {said or 'let in'}"
                )
    return Agreement(compared=compared, differences=tuple(differences), unseen=tuple(unseen))


def _answers(resources: list[Resource], settings: PolicySettings) -> frozenset[str]:
    """Return the controls that block by the resources alone, relations left out."""
    related = {check.control for family in FAMILIES for check in family.relations}
    alone = {check.control for family in FAMILIES for check in family.checks}
    findings = evaluate(resources, settings)
    return frozenset(
        finding.control
        for finding in findings
        if finding.verdict in (Verdict.FAILED, Verdict.UNDECIDED) and finding.control in alone - related
    )
