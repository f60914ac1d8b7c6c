"""Continuous training at work: look, decide, train in a bounded process, register, hand over; all recorded.

Each step is a record in the service's own decision log (kind ``retraining``), hash-chained and sealed like
the decisions, so the whole story of a model can be read and verified: ``./plinth retrain history``. A look
that decides for nothing leaves a record only when it waits for something else than before.
"""

import json
import resource
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.errors import Exit, PlinthError
from infra.local.paths import repo_root
from infra.ops import acts, contracts, lifecycle, trail
from infra.ops.watching import asking
from infra.settings import Settings
from services.lifecycle import retraining
from services.lifecycle.retraining import Decision, Signals
from services.lifecycle.stores import Items, TakenError
from services.readiness import contract_file
from services.readiness.contract import Contract

LEASES = "retraining#"
"""Start of the partition of the registry's table that holds a service's lease."""
LEASE = timedelta(hours=2)
"""After this long a run that never ended no longer keeps others away; a training takes minutes."""
WALL_SECONDS = 3600
INCOMING = "incoming/"
"""Keys of the data store where others leave deliveries of a service."""
SAID_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Where a service is retrained, and what is asked.

    Args:
        settings: The stack's settings.
        service: Name of the service.
        place: Where models and data are kept.
        drifted: Returns the kinds of drift that are over their border now.
    """

    settings: Settings
    service: str
    place: lifecycle.Place
    drifted: Callable[[], Sequence[str]]

    @property
    def contract(self) -> Contract:
        """The service's contract."""
        return contract_file.load(contracts.folder(self.service))


def of(settings: Settings, service: str, place: lifecycle.Place) -> Ground:
    """Return the ground of a stack's service; Prometheus is asked for drift.

    Raises:
        PlinthError: There is no such service.
    """
    if service not in settings.services:
        known = ", ".join(sorted(settings.services))
        raise PlinthError(f"There is no service '{service}'.", fix=f"use one of: {known}", code=Exit.USAGE)

    def drifted() -> list[str]:
        over = f'plinth_drift_value{{service="{service}"}} > plinth_drift_border{{service="{service}"}}'
        return sorted({str(row["metric"]["kind"]) for row in asking.query(f"max by (kind) ({over})")})

    return Ground(settings=settings, service=service, place=place, drifted=drifted)


def history(ground: Ground) -> list[dict[str, Any]]:
    """Return every record of a service's retraining, the oldest first."""
    return acts.logged(ground.settings, ground.service, acts.RETRAINING)


def look(ground: Ground, past: Sequence[dict[str, Any]]) -> tuple[Signals, Decision]:
    """Return what is seen now, and whether it asks for a training."""
    since = retraining.learned_through(past)
    cases = trail.labelled(ground.settings, ground.service)
    with lifecycle.told():
        known = {key for act in past for key in act.get("deliveries", [])}
        keys = set(lifecycle.stores(ground.settings, ground.place).data.keys(INCOMING + ground.service + "/"))
    signals = Signals(
        drifted=tuple(ground.drifted()),
        settled=sum(case.labelled_at > since for case in cases),
        deliveries=len(keys - known),
    )
    return signals, retraining.decide(ground.contract, signals, past, datetime.now(UTC))


def once(ground: Ground, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Look once, and train when it is time; return the last record, or the decision when none was written."""
    past = history(ground)
    signals, decision = look(ground, past)
    if not decision.train:
        waits = [act.get("why") for act in past if act["step"] == "waiting"][-1:] == [decision.why]
        if decision.trigger and not waits:
            _record(ground, "waiting", "waiting", trigger=decision.trigger, why=decision.why)
        return {"step": "waiting", **asdict(decision), **asdict(signals)}
    run = uuid.uuid4().hex
    with _lease(lifecycle.stores(ground.settings, ground.place).registry.items, ground.service, run) as held:
        if not held:
            return {"step": "waiting", "train": False, "why": "another run of this service goes on"}
        say(f"training: {decision.trigger}")
        _record(ground, run, retraining.STARTED, trigger=decision.trigger, signals=asdict(signals))
        try:
            return _run(ground, run, decision.trigger, retraining.learned_through(past), say)
        except PlinthError as error:
            return _record(ground, run, "failed", why=error.what)


def _run(ground: Ground, run: str, trigger: str, since: str, say: Callable[[str], None]) -> dict[str, Any]:
    registry = lifecycle.stores(ground.settings, ground.place).registry
    before = {one.version for one in registry.versions(ground.service)}
    code, said, used = _train(ground, since)
    if code == Exit.REFUSED:
        return _record(ground, run, "refused", why=said[-SAID_CHARACTERS:], cpu_seconds=used["cpu_seconds"])
    if code:
        return _record(ground, run, "failed", why=said[-SAID_CHARACTERS:], cpu_seconds=used["cpu_seconds"])
    done = json.loads(said)
    version = done["version"]
    _record(ground, run, retraining.LEARNED, record=done["record"], batches=done["batches"], **used)
    if version["version"] in before:
        return _record(ground, run, "nothing new", version=version["version"], why="the same model came out")
    named = {"version": version["version"], "model_digest": version["digest"]}
    _record(ground, run, "validated", figures=version["figures"], **named)
    _record(ground, run, "registered", stage=version["stage"], manifest=version["manifest_digest"], **named)
    say("into shadow")
    for older in registry.versions(ground.service):
        if older.stage == "shadow" and older.version != version["version"]:
            why = f"version {version['version']} takes its place"
            registry.move(older, "rejected", by="retraining", why=why)
            _record(ground, run, "set aside", version=older.version, why=why)
    registry.move(registry.find(ground.service, version["version"]), "shadow", by="retraining", why=trigger)
    _record(ground, run, "shadow", **named)
    handed = retraining.hand_over(ground.contract, run=run, trigger=trigger, **named)
    return _record(ground, run, "handed over", hand_over=asdict(handed))


def _train(ground: Ground, since: str) -> tuple[int, str, dict[str, Any]]:
    """Train in a process of its own, which ends at the contract's CPU time; return code, words and use."""
    settings, service = ground.settings, ground.service
    wanted = ground.contract.retraining
    assert wanted is not None
    argv = [sys.executable, "-m", "infra.ops", "train", service, "--stack", settings.environment]
    argv += ["--store", ground.place, "--json"]
    with tempfile.TemporaryDirectory(prefix="plinth-retrain-") as temporary:
        labels = Path(temporary) / "labels.csv"
        cases = trail.labelled(settings, service)
        through = max((case.labelled_at for case in cases), default="")
        count = trail.export(settings, service, labels, since=since)
        if count >= ground.contract.data.smallest_batch:
            argv += ["--labels", str(labels)]
        else:
            count, through = 0, since
        keys = list(lifecycle.stores(settings, ground.place).data.keys(INCOMING + service + "/"))
        if keys:
            argv += ["--prefix", INCOMING + service + "/"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        child = subprocess.Popen(
            argv, cwd=repo_root(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        most = wanted.cpu_seconds_at_most
        resource.prlimit(child.pid, resource.RLIMIT_CPU, (most, most + 5))
        try:
            out, err = child.communicate(timeout=WALL_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    used = {
        "cpu_seconds": round(cpu, 1),
        "cpu_seconds_at_most": most,
        "labels": count,
        "labels_through": through,
        "deliveries": keys,
    }
    if child.returncode < 0:
        err = f"ended by signal {-child.returncode}: more than {most} CPU seconds, or an hour"
    return child.returncode, err.strip() if child.returncode else out, used


@contextmanager
def _lease(items: Items, service: str, run: str) -> Iterator[bool]:
    """Keep other runs of the service away while the block runs; false when one goes on already."""
    now = datetime.now(UTC)
    mine: dict[str, str | int] = {
        "model": LEASES + service, "version": "lease", "run": run, "until": (now + LEASE).isoformat(),
    }  # fmt: skip
    free = {**mine, "until": ""}
    with lifecycle.told():
        held = items.get(LEASES + service, "lease")
        if held is not None and str(held["until"]) > now.isoformat():
            yield False
            return
        try:
            items.put(mine, expect={"run": held["run"], "until": held["until"]} if held else None)
        except TakenError:
            yield False
            return
    try:
        yield True
    finally:
        with lifecycle.told():
            items.put(free, expect={"run": run})


def _record(ground: Ground, run: str, step: str, **more: Any) -> dict[str, Any]:
    body = {"run": run, "step": step, "service": ground.service, **more}
    return acts.record(ground.settings, ground.service, acts.RETRAINING, body)
