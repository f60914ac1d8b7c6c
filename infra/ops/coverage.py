"""How good the policies are: the bar of the project, item by item, each with its figure."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.local.paths import repo_root
from infra.ops import compliance, graph, planned, rehearse
from infra.policy_settings import policy_settings
from infra.settings import Settings
from policies import proof
from policies.catalog import LARGEST_NUMBER, catalog
from policies.core import Resource
from policies.core.values import ABSENT, UNKNOWN, UNKNOWN_SENTINELS, Value
from policies.judgement import Judgement
from policies.pace import milliseconds_per_resource
from policies.waivers import LONGEST_DAYS, load

LEAST_CLEAN, LEAST_VIOLATING = 2, 3
MOST_MILLISECONDS = 5.0
"""CPU time of the whole pack for each resource; both numbers are the bar of the project."""
PACED_STACK = "prod"
"""Stack on which the time is taken: the largest one that is for real."""


ADMITTED_STACK = "local"
"""Stack whose API server is asked."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of the bar.

    Args:
        number: Its number.
        says: What is measured.
        figure: What was found.
        bar: What it has to be.
        met: Whether it is; None where it could not be measured here.
        missing: What is missing, when it is not met.
    """

    number: int
    says: str
    figure: str
    bar: str
    met: bool | None
    missing: tuple[str, ...] = ()


def measure(admit: proof.Admit | None = None) -> list[Item]:
    """Return every item of the bar.

    Args:
        admit: An API server of the local platform; None where there is none.
    """
    stacks = {name: (settings, planned.resources(settings)) for name, settings in _stacks().items()}
    judged = {name: rehearse.judged(settings, known) for name, (settings, known) in stacks.items()}
    return [
        _controls(),
        _fixtures(),
        _undecided(judged),
        _violations(judged),
        _mutation(),
        *_agreement(admit),
        _pace(*stacks[PACED_STACK]),
        _waivers(judged),
        _gate(),
        _map(),
    ]


def as_json(items: list[Item]) -> dict[str, Any]:
    """Return the items as data for ``--json``."""
    return {
        "met": all(item.met is not False for item in items),
        "items": [asdict(item) for item in items],
    }


def _stacks() -> dict[str, Settings]:
    return {
        path.name.removeprefix("Pulumi.").removesuffix(".yaml"): released(graph.stack_settings(path))
        for path in sorted((repo_root() / "stacks").glob("Pulumi.*.yaml"))
    }


def released(settings: Settings) -> Settings:
    """Return settings whose images come from the account's own registry, as those of a release do."""
    raw = settings.model_dump(mode="json")
    registry = f"{settings.aws.account_id}.dkr.ecr.{settings.aws.region}.amazonaws.com"
    for name, release in raw["releases"].items():
        release["image"] = f"{registry}/{name}@{graph.DIGEST}"
    return Settings.parse(raw, stack=settings.environment, environ={})


def _controls() -> Item:
    rows = catalog().controls
    listed = {control.number for control in rows if control.number}
    incomplete = [c.id for c in rows if not (c.frameworks and c.types and c.fix)]
    absent = sorted(set(range(1, LARGEST_NUMBER + 1)) - listed)
    return Item(
        number=1,
        says="controls, each with ids, standard, types and fix",
        figure=f"{len(rows)} controls, {len(listed)} of the {LARGEST_NUMBER} rows",
        bar=f"all {LARGEST_NUMBER} rows",
        met=not absent and not incomplete,
        missing=(*incomplete, *(f"row {number}" for number in absent)),
    )


def _fixtures() -> Item:
    counts = proof.counts()
    few = [
        f"{control.id}: {counts.get(control.id, {})}"
        for control in catalog().controls
        if counts.get(control.id, {}).get("clean", 0) < LEAST_CLEAN
        or counts.get(control.id, {}).get("violating", 0) < LEAST_VIOLATING
    ]
    excused = proof.impossible()
    few += [
        f"{control.id}: none that is {kind}, and no reason why"
        for control in catalog().controls
        for kind, reasons in excused.items()
        if not counts.get(control.id, {}).get(kind) and control.id not in reasons
    ]
    total = {key: sum(row[key] for row in counts.values()) for key in ("clean", "violating")}
    shown = {key: sum(row[key] > 0 for row in counts.values()) for key in ("absent", "unknown")}
    return Item(
        number=1,
        says="fixtures",
        figure=(
            f"{total['clean']} clean, {total['violating']} violating; {shown['unknown']} controls with an "
            f"unknown value and {len(excused['unknown'])} where there can be none, {shown['absent']} with an "
            f"absent block and {len(excused['absent'])} where there can be none"
        ),
        bar=f"{LEAST_CLEAN} clean and {LEAST_VIOLATING} violating for each control, unknown and absent ones "
        "among them",
        met=not few,
        missing=tuple(few),
    )


def _undecided(judged: Mapping[str, Judgement]) -> Item:
    found = [
        f"{name}: {finding.control}: {finding.name}"
        for name, judgement in judged.items()
        for finding in judgement.findings
        if finding.verdict.name == "UNDECIDED"
    ]
    return Item(
        number=2,
        says="undecided at a first preview of the five stacks",
        figure=str(len(found)),
        bar="0",
        met=not found,
        missing=tuple(found),
    )


def _violations(judged: Mapping[str, Judgement]) -> Item:
    found = [
        f"{name}: {finding.control}: {finding.name}"
        for name, judgement in judged.items()
        for finding in judgement.blocking
    ]
    waived = sum(len(judgement.waived) for judgement in judged.values())
    passed = sum(judgement.counts()["passed"] for judgement in judged.values())
    return Item(
        number=3,
        says=f"violations on the five stacks ({', '.join(judged)})",
        figure=f"{len(found)} ({waived} waived, {passed} passed)",
        bar="0",
        met=not found,
        missing=tuple(found),
    )


def _mutation() -> Item:
    found = proof.mutation()
    return Item(
        number=3,
        says="mutations of the clean stacks found by the right control, and by no other",
        figure=(
            f"{found.rate:.1%} of {found.harmful} harmful ones; {len(found.alarms)} false alarms on "
            f"{found.mutants - found.harmful} harmless ones"
        ),
        bar=f"{proof.LOWEST_KILL_RATE:.0%}, no false alarm",
        met=found.rate >= proof.LOWEST_KILL_RATE and not found.alarms,
        missing=(*found.survived, *found.alarms),
    )


def _agreement(admit: proof.Admit | None) -> list[Item]:
    rows: list[tuple[str, Callable[[], proof.Agreement] | None]] = [
        ("pack and rendered manifests say the same", proof.pack_and_manifests),
        (
            "pack and the API server's admission say the same",
            None if admit is None else lambda: proof.pack_and_admission(admit, ADMITTED_STACK),
        ),
    ]
    items = []
    for says, compare in rows:
        if compare is None:
            items.append(
                Item(
                    number=4,
                    says=says,
                    figure="not measured: ./plinth up, then again",
                    bar="100 %",
                    met=None,
                )
            )
            continue
        found = compare()
        items.append(
            Item(
                number=4,
                says=says,
                figure=f"{found.share:.1%} of {found.compared} objects",
                bar="100 % where both can see",
                met=bool(found.compared) and not found.differences,
                missing=found.differences,
            )
        )
    return items


def _pace(settings: Settings, known: list[Resource]) -> Item:
    raw = [(resource.type, resource.urn, _raw(resource.props)) for resource in known]
    took = milliseconds_per_resource(raw, policy_settings(settings))
    return Item(
        number=5,
        says=f"CPU time of the whole pack for each resource of {settings.environment} ({len(raw)} resources)",
        figure=f"{took:.2f} ms",
        bar=f"below {MOST_MILLISECONDS:g} ms",
        met=took < MOST_MILLISECONDS,
    )


def _waivers(judged: Mapping[str, Judgement]) -> Item:
    waivers = load()
    faults = [f.message for j in judged.values() for f in j.blocking if f.type == "waiver"]
    fixed = sum(not control.waivable for control in catalog().controls)
    return Item(
        number=6,
        says="waivers",
        figure=f"{len(waivers)} in force or waiting, {len(faults)} faulty; {fixed} controls cannot be waived",
        bar=f"none faulty; {LONGEST_DAYS} days at most",
        met=not faults,
        missing=tuple(faults),
    )


def _gate() -> Item:
    from policies.changes import RULES  # noqa: PLC0415 - only this item needs it

    return Item(
        number=7,
        says="rules of the change gate on the steps of a preview",
        figure=f"{len(RULES)}: {', '.join(rule.control for rule in RULES)}",
        bar="each with a step that it stops and one that it lets be",
        met=bool(RULES),
    )


def _map() -> Item:
    stale = [
        str(path.relative_to(repo_root()))
        for path, text in compliance.documents().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    return Item(
        number=8,
        says="compliance map: control, policy, tests, runtime check, evidence",
        figure="current" if not stale else "stale",
        bar="current",
        met=not stale,
        missing=tuple(stale),
    )


def _raw(value: Value) -> Any:
    """Return a normalised value as the wire has it."""
    if value is UNKNOWN:
        return min(UNKNOWN_SENTINELS)
    if value is ABSENT:
        return None
    if isinstance(value, Mapping):
        return {key: _raw(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_raw(item) for item in value]
    return value
