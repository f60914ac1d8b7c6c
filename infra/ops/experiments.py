"""A/B tests of a stack: kept beside the registry, judged from the decision log and the review queue.

What a unit sees is the gateway's business (a request that carries ``x-plinth-variant: b`` goes to the
candidate); which variant a unit belongs to, ``assign`` says. The result asks neither: it takes the unit from
each record, says where it belongs, and compares that with the model that answered. Where more than a few
answers came from the other model, the experiment is broken, and nothing is concluded.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from infra.errors import Exit, PlinthError
from infra.ops import acts, lifecycle, trail
from infra.rollout.objects import VARIANT_HEADER
from infra.settings import Settings
from services.lifecycle import experiments, pipeline
from services.lifecycle.experiments import Design, DesignError, Plan
from services.lifecycle.registry import Registry
from services.lifecycle.stores import Items, TakenError

PREFIX = "experiment#"
"""Start of the partition of the registry's table that holds a service's experiments."""
HEADER = VARIANT_HEADER
"""Header with which a client, or a gateway that computed it, asks for a variant."""
CROSSED_AT_MOST = 0.01
"""Share of answers from the other variant's model: retries and a rollout's seconds stay far below."""
UNFIT = ("rejected", "retired", "registered")
"""Stages from which nothing may be shown to users."""

Outcome = Literal["correct", "decided"]
Unit = Literal["caller", "subject"]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment.

    Args:
        service: Name of the service.
        name: Of the experiment.
        models: Variant to the digest of its model.
        outcome: ``correct``: the reviewer's label is what the model held for likeliest, on the random sample
            that the contract has reviewed; ``decided``: the answer asks no person, on every answer.
        unit: What is assigned: the caller, or the subject that requests name.
        salt: Of the assignment.
        design: What is to be found out.
        begun: When, ISO 8601; earlier records do not count.
        ended: When it was ended; empty while it runs.
    """

    service: str
    name: str
    models: Mapping[str, str]
    outcome: Outcome
    unit: Unit
    salt: str
    design: Design
    begun: str
    ended: str = ""

    @property
    def plan(self) -> Plan:
        """How long it lasts at most."""
        return experiments.plan(self.design)

    def variant(self, key: str) -> str:
        """Return where a unit belongs."""
        return experiments.variant(self.salt, key, self.design.share_b)

    def item(self) -> dict[str, str | int]:
        """Return it as an item of the registry's table."""
        return {
            "model": PREFIX + self.service,
            "version": self.name,
            "content": json.dumps(asdict(self), sort_keys=True),
            "state": "ended" if self.ended else "running",
        }

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Experiment":
        """Return the experiment in an item."""
        content = json.loads(item["content"])
        return cls(**{**content, "design": Design(**content["design"])})


@dataclass(frozen=True, kw_only=True)
class Store:
    """Where experiments and models are."""

    items: Items
    registry: Registry

    @classmethod
    def of(cls, settings: Settings, place: lifecycle.Place) -> "Store":
        """Return that of a stack."""
        registry = lifecycle.stores(settings, place).registry
        return cls(items=registry.items, registry=registry)


def start(
    settings: Settings,
    store: Store,
    service: str,
    name: str,
    *,
    a: str,
    b: str,
    outcome: Outcome,
    unit: Unit,
    design: Mapping[str, float],
    by: str | None,
    why: str,
) -> Experiment:
    """Begin an experiment; its design is fixed from here on, and recorded.

    Raises:
        PlinthError: It could not be judged, one runs already, or a model may not be shown to users.
    """
    wrong: list[str] = []
    running = [one.name for one in known(store, service) if not one.ended]
    if running:
        wrong.append(f"'{running[0]}' runs already; two at once would each be the other's noise")
    with lifecycle.told():
        versions = {variant: store.registry.find(service, asked) for variant, asked in (("a", a), ("b", b))}
    if versions["a"].digest == versions["b"].digest:
        wrong.append(f"both variants are the model {versions['a'].digest[:19]}")
    wrong += [
        f"variant {variant}: version {one.version} is {one.stage}"
        for variant, one in versions.items()
        if one.stage in UNFIT
    ]
    try:
        made = Design(**design)
        experiments.plan(made)
    except DesignError as error:
        wrong += str(error).splitlines()
    if wrong:
        raise PlinthError(
            "\n".join([f"The experiment '{name}' cannot begin:", *(f"  - {line}" for line in wrong)]),
            where=f"service {service}",
            fix="./plinth experiment start --help",
            code=Exit.REFUSED,
        )
    begun = Experiment(
        service=service,
        name=name,
        models={variant: one.digest for variant, one in versions.items()},
        outcome=outcome,
        unit=unit,
        salt=secrets.token_hex(8),
        design=made,
        begun=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    _write(store, begun, None)
    told = {"done": "start", "by": acts.person(settings, by), "why": why, "experiment": asdict(begun)}
    acts.record(settings, service, acts.EXPERIMENT, told)
    return begun


def end(
    settings: Settings, store: Store, service: str, name: str, *, by: str | None, why: str
) -> dict[str, Any]:
    """End an experiment; its result at this moment is recorded with who ended it and why."""
    found = find(store, service, name)
    if found.ended:
        raise PlinthError(f"The experiment '{name}' ended at {found.ended}.", code=Exit.REFUSED)
    last = result(settings, found)
    over = Experiment(**{**vars(found), "ended": datetime.now(UTC).isoformat(timespec="milliseconds")})
    _write(store, over, found)
    told = {"done": "end", "by": acts.person(settings, by), "why": why, "name": name, "result": last}
    acts.record(settings, service, acts.EXPERIMENT, _finite(told))
    return last


def known(store: Store, service: str) -> list[Experiment]:
    """Return every experiment of a service, by name."""
    with lifecycle.told():
        return [Experiment.of(item) for item in store.items.query(PREFIX + service)]


def find(store: Store, service: str, name: str) -> Experiment:
    """Return one experiment.

    Raises:
        PlinthError: There is none of that name.
    """
    found = {one.name: one for one in known(store, service)}
    if name not in found:
        raise PlinthError(
            f"There is no experiment '{name}' of {service}.",
            fix=f"known: {', '.join(sorted(found)) or 'none'}; ./plinth experiment start begins one",
            code=Exit.USAGE,
        )
    return found[name]


def result(settings: Settings, experiment: Experiment) -> dict[str, Any]:
    """Return what may be said of an experiment now, from the decision log and the settled reviews."""
    decisions = [one.body for one in trail.reader(settings, experiment.service).decisions()]
    labels = {
        case.decision: case.label
        for case in trail.labelled(settings, experiment.service)
        if case.reason == "sample"
    }
    classes = pipeline.of(experiment.service).hosted.service.labels
    return judged(experiment, decisions, labels, classes)


def judged(
    experiment: Experiment,
    decisions: Iterable[Mapping[str, Any]],
    labels: Mapping[str, str],
    classes: Mapping[str, str],
) -> dict[str, Any]:
    """Return what may be said from records. Pure.

    Args:
        experiment: Which.
        decisions: Bodies of decision records.
        labels: Decision to a reviewer's word, of randomly drawn cases.
        classes: From a reviewer's word to the class that it means, where the two differ.
    """
    counted = _counted(experiment, decisions)
    # One outcome of each unit, its first: what one unit does next is no new evidence about the others.
    firsts: dict[str, tuple[str, float]] = {}
    for variant, body in sorted(counted.right, key=lambda one: str(one[1]["at"])):
        value = _value(experiment.outcome, body, labels, classes)
        if value is not None:
            firsts.setdefault(str(_key(experiment.unit, body)), (variant, value))
    arms = experiments.gathered(firsts.values())
    units = {name: len(keys) for name, keys in counted.units.items()}
    found = experiments.judge(experiment.plan, arms, units)
    answers = len(counted.right) + counted.crossed
    crossed = counted.crossed / answers if answers else 0.0
    return {
        "experiment": experiment.name,
        "service": experiment.service,
        "outcome": experiment.outcome,
        "running": not experiment.ended,
        **asdict(found),
        "verdict": "broken" if crossed > CROSSED_AT_MOST else found.verdict,
        "variants": {
            name: {
                "model_digest": experiment.models[name],
                "units": units[name],
                "answers": counted.answers[name],
                "outcomes": arms[name].count,
                "mean": arms[name].mean,
            }
            for name in experiments.VARIANTS
        },
        "answers_of_the_other_model": counted.crossed,
        "share_crossed": round(crossed, 4),
        "alpha": experiment.design.alpha,
    }


@dataclass(kw_only=True)
class _Counted:
    right: Sequence[tuple[str, Mapping[str, Any]]]
    crossed: int
    answers: Counter[str]
    units: Mapping[str, set[str]]


def _counted(experiment: Experiment, decisions: Iterable[Mapping[str, Any]]) -> _Counted:
    """Return the answers of the experiment's models since it began, by the variant of their unit."""
    variant_of = {digest: name for name, digest in experiment.models.items()}
    right: list[tuple[str, Mapping[str, Any]]] = []
    crossed, answers = 0, Counter[str]()
    units: dict[str, set[str]] = {name: set() for name in experiments.VARIANTS}
    for body in decisions:
        key = _key(experiment.unit, body)
        shown = variant_of.get(str(body.get("model_digest")))
        late = experiment.ended and str(body["at"]) > experiment.ended
        if key is None or shown is None or str(body["at"]) < experiment.begun or late:
            continue
        if body.get("shadow"):  # nobody saw it
            continue
        belongs = experiment.variant(key)
        if shown != belongs:
            crossed += 1
            continue
        units[belongs].add(key)
        answers[belongs] += 1
        right.append((belongs, body))
    return _Counted(right=right, crossed=crossed, answers=answers, units=units)


def _key(unit: Unit, body: Mapping[str, Any]) -> str | None:
    found = body.get("caller") if unit == "caller" else (body.get("input") or {}).get("subject")
    return str(found) if found else None


def _value(
    outcome: Outcome, body: Mapping[str, Any], labels: Mapping[str, str], classes: Mapping[str, str]
) -> float | None:
    if outcome == "decided":
        return float(body.get("review") in {None, "sample"})
    label = labels.get(str(body.get("id")))
    if label is None or body.get("likeliest") is None:
        return None
    return float(classes.get(label, label) == body["likeliest"])


def _write(store: Store, after: Experiment, before: Experiment | None) -> None:
    expect = {"content": before.item()["content"]} if before else None
    with lifecycle.told():
        try:
            store.items.put(after.item(), expect=expect)
        except TakenError:
            raise PlinthError(
                f"The name '{after.name}' is taken, or somebody changed it just now.",
                fix=f"./plinth experiment status {after.service}",
                code=Exit.BUSY,
            ) from None


def _finite(value: Any) -> Any:
    """Return a value that JSON can hold: what is no number yet becomes null."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result as JSON holds it."""
    return dict(_finite(value))
