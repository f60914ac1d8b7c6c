"""Taking a model out of service, and back: one item in the registry's table, and a record of who and why.

What a serving process makes of it stands in ``services/readiness/stopping.py``. A stop never waits for its
record: a model that does harm is stopped first of all, and who did it stands in the item as well. A model
comes back only after the record of who brought it back is written.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra import naming
from infra.errors import Exit, PlinthError
from infra.ops import acts
from infra.ops.account import Account
from infra.ops.console import screen
from infra.settings import Settings
from services.lifecycle.stores import Items, StoreError, TableItems, TakenError
from services.readiness.stopping import PARTITION, PREFIX, SORT, SWITCH, Switch

SHORTEST_REASON = 5
"""Characters below which a reason says nothing to whoever reads it later."""


@dataclass(frozen=True, kw_only=True)
class Turned:
    """What a command did.

    Args:
        service: Name of the service.
        changed: Whether the switch was turned; it may have stood so before.
        switch: How it stands now.
        logged: Whether the record is in the decision log.
    """

    service: str
    changed: bool
    switch: Switch
    logged: bool


def items(settings: Settings) -> Items:
    """Return the table that holds the switches of a stack."""
    table = naming.table(settings.environment, "model-registry")
    return TableItems(Account.of(settings).client("dynamodb"), table, partition=PARTITION, sort=SORT)


def standing(settings: Settings, service: str, *, kept: Items | None = None) -> Switch:
    """Return how a service's switch stands.

    Raises:
        PlinthError: There is no such service, or the table does not say.
    """
    _known(settings, service)
    try:
        return Switch.of((kept or items(settings)).get(PREFIX + service, SWITCH))
    except (StoreError, ValueError) as error:
        raise PlinthError(
            f"The switch of '{service}' cannot be read: {error}",
            where=naming.table(settings.environment, "model-registry"),
            fix="./plinth status shows whether the stack is up; on AWS, log in as the overseer",
        ) from None


def turn(
    settings: Settings, service: str, *, stop: bool, by: str | None, why: str, kept: Items | None = None
) -> Turned:
    """Stop a service's model or bring it back.

    Args:
        settings: The stack's settings.
        service: Name of the service.
        stop: Which of the two.
        by: Who answers for it; the login's name when left out.
        why: Their reason.
        kept: The table; the stack's own when left out.

    Raises:
        PlinthError: It is not known, no reason is given, the table refuses, or somebody turned it just now.
    """
    if len(why.strip()) < SHORTEST_REASON:
        raise PlinthError(
            f"The reason {why!r} says too little.", fix="--why 'one sentence for whoever asks later'",
            code=Exit.USAGE,
        )  # fmt: skip
    table, person = kept or items(settings), acts.person(settings, by)
    before = standing(settings, service, kept=table)
    if before.stopped == stop:
        return Turned(service=service, changed=False, switch=before, logged=True)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    after = Switch(stopped=stop, by=person, why=why.strip(), at=at, moves=before.moves + 1)
    told = {"done": "stop" if stop else "resume", "by": person, "why": after.why, "moves": after.moves}
    logged = False
    if not stop:
        acts.record(settings, service, acts.STOP, told)
        logged = True
    _put(table, service, after, before)
    if stop:
        try:
            acts.record(settings, service, acts.STOP, told)
            logged = True
        except PlinthError as error:
            screen.note(f"The model is stopped, but its record is not in the log: {error.what}")
    return Turned(service=service, changed=True, switch=after, logged=logged)


def _put(table: Items, service: str, after: Switch, before: Switch) -> None:
    try:
        table.put(after.item(service), expect={"moves": before.moves} if before.moves else None)
    except TakenError:
        raise PlinthError(
            f"Somebody else turned the switch of '{service}' at the same moment.",
            fix=f"./plinth stop {service} --show, then decide again",
            code=Exit.BUSY,
        ) from None
    except StoreError as error:
        raise PlinthError(
            f"The switch of '{service}' cannot be turned: {error.what}",
            where=error.where,
            fix="log in as the overseer; when the table is away: ./plinth runbook StopSwitchUnread",
        ) from None


def history(settings: Settings, service: str) -> list[dict[str, Any]]:
    """Return every stop and resume of a service, from the decision log."""
    _known(settings, service)
    return acts.logged(settings, service, acts.STOP)


def _known(settings: Settings, service: str) -> None:
    if service not in settings.services:
        raise PlinthError(
            f"There is no service '{service}' in stack '{settings.environment}'.",
            fix=f"use one of: {', '.join(sorted(settings.services))}",
            code=Exit.USAGE,
        )
