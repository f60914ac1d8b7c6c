"""Many runs of the small stack: each meets faults or a kill, and the next ``up`` has to mend it."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil

from infra.errors import PlinthError
from infra.local.paths import home
from infra.ops import adopt, carrying, drift, state, verdicts
from infra.ops.chaos.small_stack import AT_A_TIME, SmallStack, place
from infra.ops.console import Steps
from infra.ops.engine import ENGINE_VARIABLE, end_leftovers
from infra.ops.events import Run

RATES = {"throttle": 0.06, "error": 0.06, "timeout": 0.02, "reset": 0.04, "lost": 0.02}
"""Share of requests that each kind of fault hits in an ordinary run: one in five, for as long as it takes."""
STORMY = 2.5
"""Factor by which every third run is worse: half of all requests. Retries are then used up now and then."""
AWAY = ("dynamodb", "ec2", "iam", "kms", "logs", "s3", "sns")
"""Services of which one is away for the whole of every third run: nothing that it is asked is done."""
SILENCE_SECONDS = 0.5
"""How long a request without an answer hangs; the clients here retry when the connection ends."""
Each = Callable[[int, int, Callable[[str], None]], Iterator["Outcome"]]
"""Gives the outcome of so many runs from a seed on, one after the other."""
EARLIEST_KILL_SECONDS = 0.3
"""From when on an engine may be killed: before, it has not yet opened its state."""


@dataclass(kw_only=True)
class Outcome:
    """How one run ended.

    Args:
        seed: Which run.
        first: ``success``, ``clean failure`` (the engine ended by itself with a reason) or ``killed``.
        why: First line of the reason.
        hits: Requests that met a fault, by kind.
        requests: Requests while faults were on.
        killed_after_seconds: When the engine was killed; none otherwise.
        resources_then: Resources in the state after the first run.
        adopted: Whether the next ``up`` took something into the state that was there already.
        converged: Whether the next ``up`` succeeded and a preview that asks AWS finds nothing to do.
        problem: What was wrong when it did not.
        surplus: Things beyond those in the state, by kind; below zero: what the state has and AWS does not.
        seconds: How long all of it took.
    """

    seed: int
    first: str = ""
    why: str = ""
    hits: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    killed_after_seconds: float | None = None
    resources_then: int = 0
    adopted: bool = False
    converged: bool = False
    problem: str = ""
    surplus: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Return whether the run ended as it must."""
        return self.converged and not self.surplus


def with_faults(runs: int, seed: int, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Give the outcome of each run in which AWS has a bad day."""

    def disturb(small: SmallStack, outcome: Outcome) -> Run:
        small.faults(plan_of(outcome.seed))
        try:
            return small.engine(_stack(outcome)).run("up", "--yes", "--skip-preview")
        finally:
            met = small.faults(None)
            outcome.hits, outcome.requests = met["hits"], met["requests"]

    yield from _each(runs, seed, say, disturb)


def plan_of(seed: int) -> dict[str, Any]:
    """Return what goes wrong in a run: an ordinary bad day, a stormy one, or one service away. Pure."""
    plan: dict[str, Any] = {"seed": seed, "timeout_seconds": SILENCE_SECONDS, "seconds": 600}
    if seed % 3 == 1:
        draw = random.Random(seed)  # noqa: S311 - meant to repeat
        away, kind = draw.choice(AWAY), draw.choice(("throttle", "error", "reset"))
        return {**plan, "rates": {kind: 1.0}, "hosts": rf"(^|[./]){away}[.-]"}
    factor = STORMY if seed % 3 == 0 else 1.0
    return {**plan, "rates": {kind: rate * factor for kind, rate in RATES.items()}}


def with_kills(runs: int, seed: int, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Give the outcome of each run whose engine is killed at a random moment; half with its plugins."""
    usual = 0.0

    def disturb(small: SmallStack, outcome: Outcome) -> Run:
        nonlocal usual
        if not usual:
            started = time.monotonic()
            small.engine("undisturbed").run("up", "--yes", "--skip-preview")
            usual = time.monotonic() - started
        draw = random.Random(outcome.seed)  # noqa: S311 - meant to repeat
        after, whole_family = draw.uniform(EARLIEST_KILL_SECONDS, usual), draw.random() < 0.5  # noqa: PLR2004
        outcome.killed_after_seconds = round(after, 2)
        timer = threading.Timer(after, _kill, (whole_family,))
        timer.start()
        try:
            return small.engine(_stack(outcome)).run("up", "--yes", "--skip-preview")
        finally:
            timer.cancel()
            timer.join()

    yield from _each(runs, seed, say, disturb)


def _kill(whole_family: bool) -> None:  # noqa: FBT001 - called by a timer
    """Kill the engine of this home, and with it what it started when that is wanted."""
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError):
            mine = process.environ().get(ENGINE_VARIABLE) == str(home())
            if mine and (whole_family or process.info["name"] == "pulumi"):
                process.kill()


def _each(
    runs: int, seed: int, say: Callable[[str], None], disturb: Callable[[SmallStack, Outcome], Run]
) -> Iterator[Outcome]:
    with place() as small:
        for number in range(runs):
            if number % AT_A_TIME == 0:
                small.begin()
            outcome = Outcome(seed=seed + number)
            started = time.monotonic()
            _first(small, outcome, disturb)
            _next(small, outcome)
            outcome.seconds = round(time.monotonic() - started, 1)
            say(f"{number + 1} of {runs}: {outcome.first}, {'mended' if outcome.good else 'NOT MENDED'}")
            yield outcome


def _first(small: SmallStack, outcome: Outcome, disturb: Callable[[SmallStack, Outcome], Run]) -> None:
    try:
        run = disturb(small, outcome)
        adopt.remember(run, _stack(outcome))  # as ./plinth up does with a run that failed
        outcome.first = "success" if run.exit_code == 0 else "clean failure"
        outcome.why = (run.errors or [""])[0].partition("\n")[0][:200]
    except PlinthError as error:
        outcome.first = "killed" if outcome.killed_after_seconds is not None else "clean failure"
        outcome.why = error.what.partition("\n")[0][:200]
    outcome.resources_then = state.resource_count(_stack(outcome))


def _next(small: SmallStack, outcome: Outcome) -> None:
    """Do what the next ``./plinth up`` does with a state, then ask AWS whether anything differs."""
    stack, steps = _stack(outcome), Steps()
    try:
        if outcome.first != "success":
            if outcome.killed_after_seconds is not None:
                end_leftovers()
            restored = state.repair(stack)
            state.clear_stale_locks(stack)
            behind, cut_off = restored is not None, carrying.unfinished(stack)
            if cut_off and not behind:
                caught = carrying.catch_up(small.engine(stack), cut_off, steps, small.things)
                behind = caught is None
                if caught is not None:
                    verdicts.judge(caught, stack)
            run = carrying.carry_out(
                small.engine(stack), steps, small.things, total=0, behind=behind, adopt_existing=True
            )
            outcome.adopted = "adopt" in steps.seconds()
            verdicts.judge(run, stack)
        # The engine has just said that program and state agree; now whether state and world do.
        look = small.engine(stack).run("refresh", "--preview-only")
        verdicts.judge(look, stack)
        drifted = drift.found_in(look)
        outcome.converged = not drifted
        outcome.problem = "; ".join(f"{one.urn} {'gone' if one.gone else 'changed'}" for one in drifted)
        outcome.surplus = small.surplus(stack)
    except PlinthError as error:
        outcome.problem = error.what[:2000]


def _stack(outcome: Outcome) -> str:
    return f"run{outcome.seed}"


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return what all runs together show."""
    hits: Counter[str] = Counter()
    for one in outcomes:
        hits.update(one.hits)
    bad = [asdict(one) for one in outcomes if not one.good]
    return {
        "runs": len(outcomes),
        "first": dict(sorted(Counter(one.first for one in outcomes).items())),
        "mended_by_the_next_up": sum(one.good for one in outcomes),
        "adopted": sum(one.adopted for one in outcomes),
        "requests": sum(one.requests for one in outcomes),
        "hits": dict(sorted(hits.items())),
        "created_twice_or_orphaned": sum(n for one in outcomes for n in one.surplus.values() if n > 0),
        "lost": -sum(n for one in outcomes for n in one.surplus.values() if n < 0),
        "cut_off_with_resources": sorted(one.resources_then for one in outcomes if one.first != "success"),
        "not_mended": bad,
        "good": not bad,
        "seconds": round(sum(one.seconds for one in outcomes), 1),
    }
