"""Builds a lost environment again in another region, from the repository and from what is kept of it there.

Phases are written down as they end, and each can be done twice, so a rebuild that was cut off goes on.
What is left of the original is only read.
"""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.errors import RefusedError
from infra.ops import state
from infra.ops.console import Steps
from infra.ops.recovery import comparison, records
from infra.ops.recovery.rebuild_phases import ALWAYS, PHASES
from infra.ops.recovery.rebuild_work import Progress, Work, file
from infra.settings import Settings

BY_HAND = (
    (
        "let the rebuilt stack own the account when the other one does not come back: "
        "plinth:aws.owns_account, then ./plinth up; trail, alarms and trust in workflows are there once"
    ),
    "point the domain of the gateway at the rebuilt one, where clients use another name",
    "tell those who use the services, and open the incident's record",
    "make the next backup: ./plinth backup run, then watch ./plinth backup status",
)
"""What no command does."""


def run(
    lost: Settings,
    into: Settings,
    into_file: Path,
    steps: Steps,
    *,
    planned: bool = False,
    before: str = "",
    onto_living: bool = False,
) -> dict[str, Any]:
    """Rebuild an environment and return the report.

    Args:
        lost: Settings of the lost stack, from its file.
        into: Settings of the stack that takes its place.
        into_file: Its file.
        steps: Where progress is shown.
        planned: Read from the original itself, which lives: a move, or the way back.
        before: Take the tables as they were backed up before this time.
        onto_living: Go on although the target holds resources already.

    Raises:
        RefusedError: It may not be done, or what it would be done from is not to be trusted.
        PlinthError: A phase failed; the same command goes on there.
    """
    require_places(lost, into, planned=planned)
    progress = _begun(lost.environment, into.environment)
    require_free(into, progress, onto_living=onto_living)
    work = Work(
        lost=lost,
        into=into,
        file=into_file,
        planned=planned,
        onto_living=onto_living,
        before=before,
        progress=progress,
        steps=steps,
    )
    for name, phase in PHASES.items():
        if name in progress.phases and name not in ALWAYS:
            continue
        started = time.monotonic()
        with steps.step(name):
            progress.found[name] = phase(work)
        progress.phases[name] = round(progress.phases.get(name, 0.0) + time.monotonic() - started, 1)
        progress.save()
    told = report(work)
    file(lost.environment, into.environment).unlink()
    return told


def require_places(lost: Settings, into: Settings, *, planned: bool) -> None:
    """Refuse a rebuild that could not save anything, or that would touch the original.

    Raises:
        RefusedError: It would; says why.
    """
    why = ""
    if lost.environment == into.environment:
        why = "A stack is not rebuilt into itself: what is left of it must stay as it is."
    elif lost.aws.region == into.aws.region:
        why = f"Both stacks are in {lost.aws.region}: what took the first one takes the second one too."
    elif lost.aws.account_id != into.aws.account_id:
        why = "The two stacks are in different accounts; the copies are in the first one's."
    elif not planned and not lost.recovery.region:
        why = f"'{lost.environment}' has no copies in another region (plinth:recovery.region is empty)."
    elif not planned and lost.recovery.region != into.aws.region:
        why = (
            f"The copies of '{lost.environment}' are in {lost.recovery.region}, and '{into.environment}' "
            f"is in {into.aws.region}."
        )
    if why:
        raise RefusedError(
            why, where="stacks/", fix="./plinth rebuild --help says which stacks fit; nothing was touched"
        )


def require_free(into: Settings, progress: Progress, *, onto_living: bool) -> None:
    """Refuse to run onto an environment that lives, unless this very rebuild began it.

    Raises:
        RefusedError: The target holds resources.
    """
    count = state.resource_count(into.environment)
    if count and not progress.phases and not onto_living and "build" not in progress.found:
        raise RefusedError(
            f"Stack '{into.environment}' lives: its state holds {count} resources.",
            where=f"stacks/Pulumi.{into.environment}.yaml",
            fix="--onto-living when they may get the other one's data on top; nothing was touched",
        )


def _begun(lost: str, into: str) -> Progress:
    try:
        return Progress(**json.loads(file(lost, into).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Progress(lost=lost, into=into, begun=datetime.now(UTC).isoformat(timespec="seconds"))


def report(work: Work) -> dict[str, Any]:
    """Return what was lost, how long it took, what differs, and what stays to be done."""
    assert work.sources is not None
    now = state.load(state.state_file(work.into.environment)) or {}
    recorded = work.sources.record.said["settings"]["document"]
    was = Settings.model_validate(recorded)
    differs = comparison.compare(was, work.sources.latest, records.built_settings(work.file), now)
    return {
        "from": work.lost.environment,
        "into": work.into.environment,
        "begun": work.progress.begun,
        "rto_seconds": {**work.progress.phases, "together": round(sum(work.progress.phases.values()), 1)},
        "kept": {
            "state": work.sources.record.said["made_at"],
            "state_digest": state.digest_of(work.sources.latest),
            "tables": work.sources.backup.at,
            **{name: row["newest"] for name, row in work.progress.found["objects"].items()},
        },
        "phases": work.progress.found,
        "differs": {**asdict(differs), "equal": differs.equal},
        "by_hand": list(BY_HAND),
    }
