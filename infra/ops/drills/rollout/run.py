"""Releases one version after the other under constant load, and writes down what happened when."""

import http.client
import json
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infra.errors import Exit, PlinthError
from infra.local import session
from infra.local.control_plane.kube_api import KubeError
from infra.local.images import ImageRef
from infra.local.supervisor.layout import Site
from infra.ops.console import Steps, screen
from infra.ops.drills.rollout import candidates, stage
from infra.ops.drills.rollout.asking import Asking, counted
from infra.ops.drills.rollout.candidates import BAD, BY_NAME, GOOD, Candidate
from infra.ops.drills.rollout.stage import SERVICE, Stage

KILLS = ("flagger", "envoy", "prometheus", "apiserver")
"""Parts that are killed in the middle of a good release."""
LONGEST_SECONDS = 420.0
"""Longest release, one way or the other."""
GOAL_SECONDS = 60.0
"""From the first bad answer to the last."""
AFTER_SECONDS = 5.0
"""Load that goes on after a release has ended."""
FROZEN_SECONDS = 25.0
"""How long a release that was undone is watched: two looks of Flagger's and more."""
ENDED = ("Succeeded", "Failed")


@dataclass(kw_only=True)
class Row:
    """What one release showed; all times in seconds.

    Args:
        name: Of the version, or of the part that was killed.
        title: What was done, in words.
        outcome: Flagger's last word: ``Succeeded`` or ``Failed``.
        expected: What it should have been; empty where either may be.
        caught_at: ``start``, ``shadow`` or ``canary``: how far a bad version came; empty for a good one.
        because: What Flagger said last before it undid the release.
        story: Phase and weight of the candidate, each with the seconds since the release was asked for.
        seconds: Of the whole release.
        seconds_to_detect: From the candidate's first answer, to anybody, until the release was undone; from
            the release itself for one that never answered.
        seconds_to_restore: From the candidate's first answer until the last bad one, and all weight was back;
            None for one that never answered.
        users_saw: Requests by what their answers were worth.
        bad_answers: Of users: wrong, slow, or an error of the candidate's own.
        failed_by_the_rollout: Requests without an answer, for which the candidate is not to blame.
        in_service: Whether the version that should be in service then was.
        frozen: Whether nothing happened by itself afterwards; None where that was not watched.
        good: Whether all of it was as it should be.
    """

    name: str
    title: str
    outcome: str = ""
    expected: str = ""
    caught_at: str = ""
    because: str = ""
    story: list[tuple[float, str, int]] = field(default_factory=list)
    seconds: float = 0.0
    seconds_to_detect: float | None = None
    seconds_to_restore: float | None = None
    users_saw: dict[str, int] = field(default_factory=dict)
    bad_answers: int = 0
    failed_by_the_rollout: int = 0
    in_service: bool = False
    frozen: bool | None = None
    good: bool = False


def chosen(names: Sequence[str]) -> list[str]:
    """Return what is tried: all of it, or what was named.

    Raises:
        PlinthError: There is no such version and no such part.
    """
    known = [*BY_NAME, *(f"kill-{part}" for part in KILLS)]
    if unknown := sorted(set(names) - set(known)):
        raise PlinthError(
            f"There is no version {', '.join(unknown)}.", fix=f"use: {', '.join(known)}", code=Exit.USAGE
        )
    return [name for name in known if name in names] or known


def run(names: Sequence[str], steps: Steps) -> dict[str, Any]:
    """Release everything that was chosen, under load; return the table and its sums."""
    place = stage.build(steps)
    url = f"{place.platform.endpoints['gateway']}/v1/decisions"
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="plinth-drill-") as folder,
        Asking(url, place.host, SERVICE, stage.bodies()) as asking,
    ):
        for number, name in enumerate(names):
            killed = name.removeprefix("kill-") if name.startswith("kill-") else ""
            candidate = GOOD if killed else BY_NAME[name]
            image = candidates.build(candidate, place.bento, Path(folder), place.stable, f"{name} {number}")
            with steps.step(name):
                trial = Trial(candidate=candidate, image=image, killed=killed, watch=name == BAD[0].name)
                rows.append(_one(place, asking, trial, steps.say))
            screen.note(json.dumps(asdict(rows[-1])))
    bad = [row for row in rows if row.caught_at]
    return {
        "good": all(row.good for row in rows),
        "goal_seconds": GOAL_SECONDS,
        "requests": len(asking.answers),
        "failed_by_the_rollout": sum(row.failed_by_the_rollout for row in rows),
        "bad_answers": sum(row.bad_answers for row in rows),
        "longest_to_restore": max((row.seconds_to_restore or 0.0 for row in bad), default=None),
        "rows": [asdict(row) for row in rows],
    }


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One release to come.

    Args:
        candidate: The version.
        image: Its image.
        killed: Part that is killed in the middle; empty for none.
        watch: Whether it is watched that nothing happens by itself afterwards.
    """

    candidate: Candidate
    image: ImageRef
    killed: str
    watch: bool


def _one(place: Stage, asking: Asking, trial: Trial, say: Callable[[str], None]) -> Row:
    """Release one version and watch it to its end."""
    candidate, image, killed = trial.candidate, trial.image, trial.killed
    row = Row(
        name=f"kill-{killed}" if killed else candidate.name,
        title=f"{killed} is killed while a good version has users" if killed else candidate.title,
        expected="" if killed else "Succeeded" if candidate.good else "Failed",
    )
    before = place.in_service()
    began = time.time()
    answered = _watch(place, trial, row, say)
    ended = time.time()
    stage.until(lambda: place.candidates() == 0, "the candidate's pods have gone")
    time.sleep(AFTER_SECONDS)
    found = asking.between(began, time.time())
    row.seconds = round(ended - began, 1)
    row.users_saw = counted(found)
    bad = [one for one in found if one.kind in ("wrong", "slow", "error")]
    row.bad_answers = len(bad) if not candidate.good else sum(one.kind == "wrong" for one in bad)
    row.failed_by_the_rollout = sum(one.kind == "failed" for one in found)
    if not candidate.good:
        row.seconds_to_detect = round(ended - (answered or began), 1)
        if answered:
            row.seconds_to_restore = round(max([ended, *(one.at for one in bad)]) - answered, 1)
        row.caught_at = _stage_of(row.story, answered)
        row.because = _said(place, in_shadow=row.caught_at == "shadow")
        row.users_saw["bad_after_the_end"] = sum(one.at > ended + 1 for one in bad)
    row.in_service = place.in_service() == (str(image) if row.outcome == "Succeeded" else before)
    if trial.watch:
        time.sleep(FROZEN_SECONDS)
        row.frozen = _look(place) == ("Failed", 0) and place.candidates() == 0
    row.good = _as_it_should_be(row)
    return row


def _watch(place: Stage, trial: Trial, row: Row, say: Callable[[str], None]) -> float:
    """Ask for a version and follow it to its end; return when it first answered, 0 when it never did."""
    began, answered, begun = time.time(), 0.0, False
    place.release(trial.image)
    while time.time() < began + LONGEST_SECONDS and not row.outcome:
        time.sleep(stage.LOOK_SECONDS)
        now = _look(place)
        if now is None:
            continue
        phase, weight = now
        begun = begun or phase not in (*ENDED, "Initialized")
        if not row.story or row.story[-1][1:] != now:
            row.story.append((round(time.time() - began, 1), phase, weight))
            say(f"{phase}, {weight} percent")
        if begun and not answered and _compared(place):
            answered = time.time()
        if phase == "WaitingPromotion":
            _quietly(lambda: place.approve(trial.image))
        if trial.killed and weight and not row.because:
            _kill(trial.killed)
            row.because = f"killed {trial.killed} at {weight} percent"
        row.outcome = phase if begun and phase in ENDED else ""
    return answered


def _as_it_should_be(row: Row) -> bool:
    """Return whether a release went as it should. Pure."""
    ended = row.outcome in ENDED and (not row.expected or row.outcome == row.expected)
    quick = row.seconds_to_restore is None or row.seconds_to_restore <= GOAL_SECONDS
    # Whoever kills the gateway itself takes its connections along; no release can help that.
    lost = row.failed_by_the_rollout == 0 or row.name == "kill-envoy"
    return ended and quick and lost and row.in_service and row.frozen is not False


def _stage_of(story: Sequence[tuple[float, str, int]], answered: float) -> str:
    """Return how far a bad version came. Pure."""
    if any(weight for _, _, weight in story):
        return "canary"
    return "shadow" if answered else "start"


def _look(place: Stage) -> tuple[str, int] | None:
    """Return the phase of the release and the candidate's weight; None while the API server is away."""
    try:
        return str(place.canary()["status"]["phase"]), place.weight()
    except (KubeError, OSError, KeyError):
        return None


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except (KubeError, OSError):
        return  # it is tried again at the next look


def _compared(place: Stage) -> bool:
    """Tell whether the candidate has answered anything, as the operations exporter counts it."""
    site = Site.load(Path(place.platform.files["kubeconfig"]).parent / "site.json")
    connection = http.client.HTTPConnection("127.0.0.1", site.ports["operations"], timeout=2)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    found = re.search(rf'^plinth_shadow_pairs\{{service="{SERVICE}"\}} (\S+)$', text, re.MULTILINE)
    return bool(found and float(found[1]) > 0)


def _said(place: Stage, *, in_shadow: bool) -> str:
    """Return the last reason that Flagger's log gives and, of a release undone in shadow, the gate's."""
    logs = Path(place.platform.files["kubeconfig"]).parent / "logs"
    lines = (logs / "flagger.log").read_text(encoding="utf-8", errors="replace").splitlines()
    told = [
        found[1]
        for line in lines[-60:]
        if (found := re.search(r'"msg":"((?:Halt|Rolling back|Rollback check|canary deployment)[^"]*)', line))
    ]
    gates = (logs / "operations.log").read_text(encoding="utf-8", errors="replace").splitlines()
    undone = [line.partition("gate undo: 200 ")[2] for line in gates[-40:] if "gate undo: 200 " in line]
    return "; ".join([*told[-1:], *(undone[-1:] if in_shadow else [])])


def _kill(part: str) -> None:
    platform = session.current()
    found = platform.parts.get(part) if platform else None
    if found and found.pid:
        os.kill(found.pid, signal.SIGKILL)
