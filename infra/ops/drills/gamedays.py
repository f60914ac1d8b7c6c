"""Runs scenarios under load and says of each what users saw, who noticed when, and what was lost."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.errors import Exit, PlinthError
from infra.ops import changes, emulated, status, trail
from infra.ops.account import Account
from infra.ops.chaos.small_stack import ask_faults
from infra.ops.console import Steps
from infra.ops.drills import machines, scenarios
from infra.ops.drills.load import Load
from infra.ops.drills.places import STACK
from infra.ops.drills.scenarios import Scenario, World
from infra.ops.recovery import backups, records

ALL: tuple[Scenario, ...] = (
    *scenarios.ALL[:-2],
    *machines.ALL,
    *scenarios.ALL[-2:],
)
"""Every scenario, those that take longest last."""
SERVICE = "credit-risk"
NOTICE_SECONDS = 60.0
"""Longest wait for somebody to notice."""
WELL_SECONDS = 90.0
"""Longest wait until users are answered again and the status is healthy, after the mend."""
WARM_DECISIONS = 10
"""Decisions before each scenario, so that it is clear that all was well."""
LOOK_SECONDS = 0.5


@dataclass(kw_only=True)
class Row:
    """What one scenario showed.

    Args:
        name: The scenario.
        injected: What was done, in words.
        users_saw: Outcome of requests, from the injection until all was well.
        failed: Requests without a decision among them.
        noticed_by: Who noticed, and what it said.
        seconds_to_notice: From the injection; None when nobody did.
        seconds_to_mend: From the injection until users were answered and the status was healthy.
        lost: What was lost, by name.
        log_findings: What the verification of the whole decision log found afterwards.
        commands: The commands of the runbook.
        good: Whether it was noticed, mended, and nothing was lost.
        problem: What went wrong with the drill itself.
    """

    name: str
    injected: str
    users_saw: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    noticed_by: str = ""
    seconds_to_notice: float | None = None
    seconds_to_mend: float | None = None
    lost: dict[str, int] = field(default_factory=dict)
    log_findings: int = 0
    commands: tuple[str, ...] = ()
    good: bool = False
    problem: str = ""


def chosen(names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios that were named; all of them when none was.

    Raises:
        PlinthError: There is no such scenario.
    """
    known = {one.name: one for one in ALL}
    if unknown := sorted(set(names) - set(known)):
        raise PlinthError(
            f"There is no scenario {', '.join(unknown)}.", fix=f"use: {', '.join(known)}", code=Exit.USAGE
        )
    return [known[name] for name in names] or list(ALL)


def run(wanted: Sequence[Scenario], steps: Steps) -> list[Row]:
    """Bring the local stack up and run the scenarios on it, one after the other, under load."""
    file = emulated.stack_file(STACK)
    with steps.step("the environment"):
        ready = changes.prepare(file, steps)
        planned, _ = changes.up(ready, steps, adopt_existing=True)
        status.wait(STACK, 60)
        records.after_up(ready.settings, planned)
        settings = records.built_settings(file)
        backups.run(settings, Account.of(settings))
    rows = []
    with Load(STACK, SERVICE) as load:
        for scenario in wanted:
            world = World(
                settings=settings,
                account=Account.of(settings),
                steps=steps,
                load=load,
                began=time.time(),
            )
            with steps.step(scenario.name):
                rows.append(_one(scenario, world, load))
    return rows


def _one(scenario: Scenario, world: World, load: Load) -> Row:
    row = Row(name=scenario.name, injected=scenario.title, commands=scenario.commands)
    load.wait(sum(bool(one.decision) for one in load.answers) + WARM_DECISIONS, WELL_SECONDS)
    began = world.began = time.time()
    try:
        scenario.inject(world)
        world.steps.say("injected")
        while time.time() - began < NOTICE_SECONDS:
            if said := scenario.notice(world):
                row.noticed_by, row.seconds_to_notice = said, round(time.time() - began, 1)
                break
            time.sleep(LOOK_SECONDS)
        world.steps.say("mending")
        scenario.mend(world)
        row.seconds_to_mend = _well(load, began, time.time())
        row.lost = scenario.lost(world)
        row.log_findings = len(trail.verify(world.settings, SERVICE).findings)
    except PlinthError as error:
        row.problem = error.what[:1000]
    finally:
        with suppress(PlinthError):  # the platform may be down, which its row says
            ask_faults(Account.of(world.settings).proxy, "DELETE")
    row.users_saw = load.seen(since=began)
    row.failed = sum(1 for one in load.answers if one.at >= began and not one.decision)
    row.good = bool(
        row.seconds_to_notice is not None
        and row.seconds_to_mend is not None
        and not row.lost
        and not row.log_findings
        and not row.problem
    )
    return row


def _well(load: Load, began: float, mended: float) -> float | None:
    """Return the seconds from the injection until users are answered and the status is healthy."""
    end = time.monotonic() + WELL_SECONDS
    while time.monotonic() < end:
        if load.good_for_good(mended) is not None and status.collect(STACK).healthy:
            return round(time.time() - began, 1)
        time.sleep(LOOK_SECONDS)
    return None


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the table as data for ``--json``."""
    return [asdict(row) for row in rows]
