"""Whether a service is to be trained anew now, and what a run hands on. Pure.

Drift, enough newly settled cases, or new deliveries ask for a run; the contract's ``retraining`` says which
of them count, how many runs a day there may be and what one may use. Drift alone trains nothing: the same
data give the same model, so a run waits until there is something new to learn from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.readiness.contract import Contract

DAY = timedelta(hours=24)
STARTED, LEARNED = "triggered", "trained"
"""Steps by which runs are counted, and by which one knows up to where labels were learned from."""
ENDS = ("handed over", "refused", "failed", "nothing new")
"""Steps after which a run is over."""


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What was seen before a decision.

    Args:
        drifted: Kinds of drift over the contract's border.
        settled: Cases that people settled since the last training.
        deliveries: Deliveries that came since.
    """

    drifted: tuple[str, ...] = ()
    settled: int = 0
    deliveries: int = 0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether to train now.

    Args:
        train: Whether.
        trigger: What asks for it; empty when nothing does.
        why: In words; for a refusal, what it waits for.
    """

    train: bool
    trigger: str
    why: str


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """What continuous training gives to whatever rolls out: nothing else passes between the two.

    The contract of it: the version is in the registry, in stage ``shadow``, signed, and has passed every gate
    of training. Whoever takes it over moves it to ``canary`` and ``production`` or to ``rejected``, and asks
    a person first for the stage in ``approved_before``; that stage's contract gate stands in
    ``infra/ops/lifecycle.py``. One version at a time is in ``shadow``: an older one was rejected.

    Args:
        service: Name of the service.
        version: Number in the registry.
        model_digest: Digest of the model.
        approved_before: First stage that a person approves; empty when none does.
        run: Run that made it.
        trigger: What asked for it.
    """

    service: str
    version: str
    model_digest: str
    approved_before: str
    run: str
    trigger: str


@dataclass(kw_only=True)
class Told:
    """One run as its records tell it, in order."""

    run: str
    steps: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def last(self) -> str:
        """Name of the last step."""
        return str(self.steps[-1]["step"]) if self.steps else ""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.last in ENDS


def decide(
    contract: Contract, signals: Signals, acts: Sequence[Mapping[str, Any]], now: datetime
) -> Decision:
    """Return whether to train now.

    Args:
        contract: Of the service.
        signals: What was seen.
        acts: Every record of retraining so far.
        now: The time, with a time zone.
    """
    wanted = contract.retraining
    if wanted is None:
        return Decision(train=False, trigger="", why="the contract does not ask for retraining")
    trigger = _trigger(wanted.drift, wanted.settled_cases, signals)
    if not trigger:
        return Decision(train=False, trigger="", why="nothing asks for it")
    least = contract.data.smallest_batch
    if signals.settled < least and not signals.deliveries:
        why = f"nothing new to learn from: {signals.settled} settled cases, {least} make a batch"
        return Decision(train=False, trigger=trigger, why=why)
    recent = [
        act for act in acts if act["step"] == STARTED and now - datetime.fromisoformat(str(act["at"])) < DAY
    ]
    if len(recent) >= wanted.runs_a_day:
        why = f"{len(recent)} runs in 24 hours; the contract allows {wanted.runs_a_day}"
        return Decision(train=False, trigger=trigger, why=why)
    return Decision(train=True, trigger=trigger, why=trigger)


def _trigger(kinds: Sequence[str], enough: int, signals: Signals) -> str:
    found = [f"drift of {kind}" for kind in signals.drifted if kind in kinds]
    if signals.settled >= enough:
        found.append(f"{signals.settled} newly settled cases")
    if signals.deliveries:
        found.append(f"{signals.deliveries} new deliveries")
    return ", ".join(found)


def learned_through(acts: Sequence[Mapping[str, Any]]) -> str:
    """Return up to which label a training has learned already, ISO 8601; empty when none has."""
    return max((str(act.get("labels_through") or "") for act in acts if act["step"] == LEARNED), default="")


def stories(acts: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Return the runs that records tell of, the oldest first."""
    runs: dict[str, Told] = {}
    for act in acts:
        runs.setdefault(str(act["run"]), Told(run=str(act["run"]))).steps.append(act)
    return list(runs.values())


def hand_over(contract: Contract, *, version: str, model_digest: str, run: str, trigger: str) -> HandOver:
    """Return what is handed to the rollout; see :class:`HandOver`."""
    asked = contract.retraining.approved_before if contract.retraining else "canary"
    return HandOver(
        service=contract.service,
        version=version,
        model_digest=model_digest,
        approved_before="" if asked == "nothing" else asked,
        run=run,
        trigger=trigger,
    )
