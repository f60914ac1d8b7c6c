"""The report of a preview as data: what a reviewer reads, in the order in which they should read it. Pure.

Everything is masked here, once; what renders the report adds no value of its own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from infra.preview import cost
from infra.preview.changes import Change, Operation, changes, everything
from infra.preview.levels import Level, Risk
from infra.preview.masking import mask, mask_value
from infra.preview.risk import level, risks
from infra.preview.stream import Preview, Verdict
from infra.preview.values import Difference, shown

MOST_CREATED = 40
"""Properties of a new resource that are listed; a larger one is read in the code."""
_WAIVED = "(waived until "
"""How the policies mark what a waiver lets be (policies/waivers.py)."""


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property of one resource, as text."""

    path: str
    old: str | None
    new: str | None
    forces: bool = False
    """Whether it is why the resource is replaced."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One resource that changes."""

    urn: str
    type: str
    name: str
    operation: str
    part: str
    level: Level
    risks: tuple[Risk, ...]
    properties: tuple[Property, ...]
    because: tuple[str, ...]
    source: str
    """File and line of the code that makes it, as in ``infra/wiring/storage.py:41``; empty: not known."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a policy said."""

    policy: str
    name: str
    message: str
    state: str
    """``refused``, ``advice`` or ``waived``."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a month costs after the change, and how much more than before."""

    before: Decimal
    after: Decimal
    budget: int
    lines: tuple[tuple[str, str, Decimal, Decimal, str], ...]
    """Resource, what is paid, before, after, price with its date: those that differ."""
    sheet: str
    unpriced: tuple[str, ...] = ()

    @property
    def difference(self) -> Decimal:
        """Return US dollars more for a month."""
        return self.after - self.before

    @property
    def exceeds(self) -> bool:
        """Return whether this change makes the environment cost more than its budget.

        One that is beyond it already may still be changed, as long as it does not get dearer.
        """
        return self.after > self.budget and self.after > self.before


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything about one preview."""

    stack: str
    entries: tuple[Entry, ...]
    unchanged: int
    judged: tuple[Judged, ...]
    packs: tuple[str, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    cost: Cost | None
    contracts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What a gate says that comes after the preview, such as who has to take a change on."""

    @property
    def level(self) -> Level:
        """Return the highest level of any change."""
        return max((entry.level for entry in self.entries), default=Level.NONE)

    @property
    def counts(self) -> dict[str, int]:
        """Return operation to number of resources."""
        return dict(sorted(Counter(entry.operation for entry in self.entries).items()))

    @property
    def refusals(self) -> list[str]:
        """Return why the change may not go on; empty when it may. What is not known counts as a no."""
        found = []
        if self.errors:
            found.append("the preview failed, so nobody knows what the change does")
        blocked = sum(1 for one in self.judged if one.state == "refused")
        if blocked:
            found.append(f"{blocked} violation{'s' if blocked > 1 else ''} of mandatory policies")
        if not self.packs:
            found.append("no policy pack judged it")
        if self.cost and self.cost.exceeds:
            found.append(
                f"a month would cost {self.cost.after:,.2f} USD, and the budget is {self.cost.budget:,} USD "
                "(plinth:cost.monthly_budget_usd)"
            )
        return found


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a report needs beside the preview itself.

    Args:
        stack: Name of the stack.
        environment: Whose usage is reckoned with.
        region: Whose prices hold.
        budget_usd: Money for a month.
        sources: Type and name of a resource to file and line.
        contracts: Service to the file of its readiness contract.
    """

    stack: str
    environment: str
    region: str
    budget_usd: int
    sources: Mapping[str, str] = field(default_factory=dict)
    contracts: Mapping[str, str] = field(default_factory=dict)


def build(preview: Preview, context: Context) -> Report:
    """Return the report of a preview."""
    changed = changes(preview)
    entries = [_entry(change, context) for change in changed]
    total = everything(preview)
    return Report(
        stack=mask(context.stack),
        entries=tuple(sorted(entries, key=_order)),
        unchanged=sum(1 for change in total if change.operation is Operation.SAME),
        judged=tuple(sorted((_judged(verdict) for verdict in preview.verdicts), key=_judged_order)),
        packs=tuple(mask(pack.split("|")[0]) for pack in preview.packs),
        errors=tuple(_failure(urn, message) for urn, message in preview.errors),
        warnings=tuple(mask(warning) for warning in preview.warnings),
        cost=_cost(total, context) if not preview.errors else None,
        contracts=tuple(_contracts(changed, context)),
    )


def _order(entry: Entry) -> tuple[Any, ...]:
    weight = {"delete": 0, "replace": 1, "update": 2, "import": 3, "create": 4}
    return (-entry.level, weight.get(entry.operation, 1), entry.part, entry.name, entry.type)


def _judged_order(one: Judged) -> tuple[Any, ...]:
    return ({"refused": 0, "waived": 1, "advice": 2}[one.state], one.policy, one.name, one.message)


def _entry(change: Change, context: Context) -> Entry:
    found = risks(change)
    return Entry(
        urn=mask(change.urn),
        type=mask(change.type),
        name=mask(change.name),
        operation=str(change.operation),
        part=mask(change.components[0] if change.components else change.name),
        level=level(found),
        risks=tuple(Risk(level=risk.level, kind=risk.kind, reason=mask(risk.reason)) for risk in found),
        properties=tuple(_properties(change)),
        because=tuple(mask(path) for path in change.because),
        source=mask(_source(change, context)),
    )


def _source(change: Change, context: Context) -> str:
    return context.sources.get(f"{change.type} {change.name}", "")


def _properties(change: Change) -> Sequence[Property]:
    if change.operation is Operation.DELETE:
        return []
    if change.operation in (Operation.CREATE, Operation.IMPORT):
        listed = [
            Property(path=mask(key), old=None, new=_text(value, key, change))
            for key, value in sorted(change.new.items())
            if not key.startswith("__") and value not in (None, "", [], {})
        ]
        return listed[:MOST_CREATED]
    return [_property(difference, change) for difference in change.differences]


def _property(difference: Difference, change: Change) -> Property:
    root = difference.path.replace("[", ".").split(".")[0]
    return Property(
        path=mask(difference.path),
        old=_text(difference.old, difference.name, change, difference.path) if difference.was_set else None,
        new=_text(difference.new, difference.name, change, difference.path) if difference.is_set else None,
        forces=any(root == path.replace("[", ".").split(".")[0] for path in change.because),
    )


def _text(value: Any, name: str, change: Change, path: str = "") -> str:
    """Return a value as text; what a Kubernetes secret holds is never shown, whatever it is called."""
    secret = change.type == "kubernetes:core/v1:Secret" and (path or name).startswith(("data", "stringData"))
    return "[masked]" if secret and value != "[secret]" else shown(_variable(value, name, change, path), name)


def _variable(value: Any, name: str, change: Change, path: str) -> Any:
    """Return the value with its neighbour in view: ``env[3].value`` is called what ``env[3].name`` says."""
    if name not in ("value", "Value"):
        return value
    for side in (change.new, change.old):
        holder: Any = side
        for key in path.replace("[", ".").replace("]", "").split(".")[:-1]:
            holder = _inside(holder, key)
        if isinstance(holder, Mapping):
            return mask_value({**holder, name: value}).get(name)
    return value


def _inside(holder: Any, key: str) -> Any:
    """Return a part of a mapping, or of a list by its number or by the name of its item."""
    if isinstance(holder, Mapping):
        return holder.get(key)
    if not isinstance(holder, list):
        return None
    if key.isdigit() and int(key) < len(holder):
        return holder[int(key)]
    return next((i for i in holder if isinstance(i, Mapping) and key in (i.get("name"), i.get("id"))), None)


def _judged(verdict: Verdict) -> Judged:
    # What the pack lets be it reports as advice; a mandatory message that quotes those words stays a refusal.
    state = "refused" if verdict.level != "advisory" else "waived" if _WAIVED in verdict.message else "advice"
    return Judged(
        policy=mask(verdict.policy),
        name=mask(verdict.urn.rsplit("::", 1)[-1]),
        message=mask(verdict.message),
        state=state,
    )


def _failure(urn: str, message: str) -> str:
    owner = urn.rsplit("::", 1)[-1] if urn and "pulumi:pulumi:Stack" not in urn else ""
    text = mask(f"{owner}: {message}" if owner else message)
    return text if len(text) <= LONGEST_ERROR else f"{text[: LONGEST_ERROR - 1]}…"


LONGEST_ERROR = 2000
"""Characters of an error that are shown; the engine's log has all of it."""


def _contracts(changed: Sequence[Change], context: Context) -> list[str]:
    """Say for which services a readiness contract has to be looked at again."""
    found = {}
    for change in changed:
        service = next((name for name in context.contracts if name in change.components), None)
        if service is None:
            continue
        paths = " ".join(difference.path for difference in change.differences)
        model = "model" in paths or "image" in paths
        said = (
            "its image or model changes, so its contract has to be signed for the new digest"
            if model
            else ("its resources change; its contract has to hold afterwards")
        )
        if model or service not in found:
            found[service] = f"{service} ({context.contracts[service]}): {said}"
    return [mask(text) for _, text in sorted(found.items())]


def _cost(total: Sequence[Change], context: Context) -> Cost:
    def lines(side: str) -> list[cost.Line]:
        gone = Operation.DELETE if side == "new" else Operation.CREATE
        return cost.estimate(
            (
                cost.Item(
                    type=change.type,
                    name=change.name,
                    part=change.components[-1] if change.components else change.name,
                    inputs=change.old
                    if side == "old" and change.operation is not Operation.SAME
                    else change.new,
                )
                for change in total
                if change.operation is not gone
            ),
            region=context.region,
            environment=context.environment,
        )

    before, after = lines("old"), lines("new")
    old = {(line.part, line.name, line.what): line for line in before}
    new = {(line.part, line.name, line.what): line for line in after}
    moved = []
    for key in sorted({*old, *new}):
        was, becomes = old.get(key), new.get(key)
        one = becomes or was
        if one is None or (was.usd if was else 0) == (becomes.usd if becomes else 0):
            continue
        moved.append(
            (
                mask(one.name),
                mask(one.what),
                was.usd if was else Decimal(0),
                becomes.usd if becomes else Decimal(0),
                one.price.told() if one.price else "no row in infra/prices.yaml",
            )
        )
    dates = sorted({line.price.date.isoformat() for line in [*before, *after] if line.price})
    return Cost(
        before=cost.total(before),
        after=cost.total(after),
        budget=context.budget_usd,
        lines=tuple(sorted(moved, key=lambda row: (-abs(row[3] - row[2]), row[0], row[1]))),
        sheet=", ".join(filter(None, ["infra/prices.yaml", _span(dates), context.region])),
        unpriced=tuple(sorted({mask(f"{line.name}: {line.what}") for line in cost.unpriced(after)})),
    )


def _span(dates: Sequence[str]) -> str:
    """Return the first and the last day on which a price was looked up; nothing when none was."""
    return f"prices of {' to '.join(dict.fromkeys((dates[0], dates[-1])))}" if dates else ""
