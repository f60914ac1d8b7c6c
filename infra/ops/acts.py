"""What people and jobs did with a service's model, in the service's own decision log.

Stops, experiments and retraining leave records in the same hash-chained log as the decisions, in a chain
of their own, sealed in the same locked bucket. So one reader, one verification and one retention hold
for all of them.
"""

import getpass
from collections.abc import Mapping
from typing import Any

from infra.errors import PlinthError
from infra.local.paths import home
from infra.ops import trail
from infra.ops.account import UNANSWERED, Account
from infra.settings import Settings
from services.readiness.decision_log import DecisionLog, LogUnavailableError, Spool
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.shipping import Shipper
from services.readiness.decision_log.store import Store
from services.readiness.decision_log.writer import now
from services.readiness.errors import ServiceError

STOP, EXPERIMENT, RETRAINING = "stop", "experiment", "retraining"
"""Kinds of records."""


def record(
    settings: Settings, service: str, kind: str, body: Mapping[str, Any], *, store: Store | None = None
) -> dict[str, Any]:
    """Write one act; return it as it was written. It is on disk here when this returns, then shipped.

    Args:
        settings: The stack's settings.
        service: Whose log.
        kind: What sort of act; also the key under which its readers look for it.
        body: What was done, by whom, why.
        store: Where sealed segments go; the stack's bucket when left out.

    Raises:
        PlinthError: It cannot be written.
    """
    done = {**body, "kind": kind, "at": now()}
    try:
        log = DecisionLog(Spool(home() / trail.ACTS_LOG, service), about={"acts": kind})
        shipper = Shipper(log, store or trail.bucket(settings))
        log.append(done)
        log.close()
        shipper.close()
    except (OSError, LogUnavailableError) as error:
        raise PlinthError(
            f"The act cannot be logged: {error}.", fix="Free the disk, then try again."
        ) from None
    return done


def history(reader: Reader, kind: str) -> list[dict[str, Any]]:
    """Return every act of a kind, the oldest first, each with its place in the chain and its hash."""
    found = []
    for writer, one in reader.acts(kind):
        found.append({**one.body, "writer": writer, "seq": one.seq, "hash": one.hash})
    return sorted(found, key=lambda act: (str(act["at"]), int(act["seq"])))


def person(settings: Settings, named: str | None = None) -> str:
    """Return who acts: the name given or of the login, and on AWS the identity that AWS knows.

    Raises:
        PlinthError: AWS does not say who it is.
    """
    name = (named or getpass.getuser()).strip()
    if not name:
        raise PlinthError("Nobody is named.", fix="--by NAME: who answers for it")
    if settings.aws.emulated:
        return name
    try:
        arn = str(Account.of(settings).client("sts").get_caller_identity()["Arn"])
    except UNANSWERED as error:
        raise PlinthError(f"AWS does not say who you are: {type(error).__name__}.") from None
    return f"{name} ({arn})"


def logged(settings: Settings, service: str, kind: str) -> list[dict[str, Any]]:
    """Return the acts of a kind in a stack's log of a service."""
    try:
        return history(trail.reader(settings, service), kind)
    except ServiceError as error:
        raise PlinthError(error.what, where=error.where, fix=error.fix) from None
