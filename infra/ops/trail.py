"""The decision log and the review queue of a stack's service, from the operator's side."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

from infra import naming
from infra.data_classes import bucket_name
from infra.errors import PlinthError
from infra.local.paths import home, repo_root
from infra.ops.account import Account
from infra.settings import Settings
from services.readiness.contract_file import load
from services.readiness.decision_log import DecisionLog, LogUnavailableError, Spool
from services.readiness.decision_log.reading import Reader, Report
from services.readiness.decision_log.shipping import Shipper
from services.readiness.decision_log.store import BucketStore, StoreError
from services.readiness.decision_log.writer import now
from services.readiness.errors import ServiceError
from services.readiness.review import Case, ReviewQueue
from services.readiness.review_feed import missing, queue_of

BATCH_LOG = "batch-log"
"""Folder below this clone's home in which decisions of files are logged before they are written."""

ACTS_LOG = "acts-log"
"""The same for what people and jobs do with a model: stops, experiments, retraining (``acts.py``)."""

PROVENANCE = ("decision", "asked_at", "model_digest", "reviewer", "labelled_at")
"""Columns of exported labels that say where a label comes from."""


def reader(settings: Settings, service: str) -> Reader:
    """Return everything that can be read of a service's decision log.

    That is the bucket, and on a laptop also what its pods have not shipped yet.

    Raises:
        PlinthError: The bucket does not answer.
    """
    spools = sorted((home() / "local" / "pods").glob("*/volumes/decisions")) if settings.aws.emulated else []
    own = [home() / "reviews-log", home() / BATCH_LOG, home() / ACTS_LOG]
    try:
        return Reader(service, store=bucket(settings), spools=[*spools, *own])
    except StoreError as error:
        raise PlinthError(
            f"The decision log cannot be read: {error}.",
            where=bucket_name(settings, "decisions"),
            fix="./plinth status shows whether the stack is up; on AWS, log in with the auditor's role.",
        ) from None


def verify(settings: Settings, service: str) -> Report:
    """Check a service's whole decision log."""
    return reader(settings, service).verify()


def reviews(settings: Settings, service: str) -> ReviewQueue:
    """Return the review queue of a service.

    Raises:
        PlinthError: The service has no contract.
    """
    try:
        contract = load(repo_root() / "services" / service.replace("-", "_"))
    except ServiceError as error:
        raise PlinthError(error.what, where=error.where, fix=error.fix) from None
    table = naming.table(settings.environment, "review-index")
    return queue_of(table, contract, Account.of(settings).client("dynamodb"))


def labelled(settings: Settings, service: str) -> list[Case]:
    """Return every case of a service that people have settled.

    Raises:
        PlinthError: The service has no contract.
    """
    return reviews(settings, service).cases("labelled", most=10**9)


def sync(settings: Settings, service: str) -> list[Case]:
    """Add every case that the log asks for and the table lacks; return them."""
    bodies = (record.body for record in reader(settings, service).decisions())
    return list(missing(reviews(settings, service), bodies))


def label(settings: Settings, service: str, *, decision: str, reviewer: str, value: str) -> Case:
    """Log who found what, then settle the case.

    The record comes first: a label without a record could not be explained later, while a record without
    a label shows an attempt.

    Raises:
        PlinthError: The case is not this reviewer's, or the log cannot be written.
    """
    queue = reviews(settings, service)
    held = _asked(lambda: queue.get(decision))
    if held.state != "claimed" or held.reviewer != reviewer:
        raise PlinthError(
            f"The case '{decision}' is {held.state}{f' by {held.reviewer}' if held.reviewer else ''}, "
            f"so {reviewer} cannot label it.",
            fix=f"./plinth review claim {decision} --reviewer {reviewer}",
        )
    record = {"kind": "review", "at": now(), "of": decision, "reviewer": reviewer, "label": value}
    try:
        log = DecisionLog(Spool(home() / "reviews-log", service), about={"reviewer": reviewer})
        shipper = Shipper(log, bucket(settings))
        log.append(record)
        log.close()
        shipper.close()
    except (OSError, LogUnavailableError) as error:
        raise PlinthError(
            f"The label cannot be logged: {error}.", fix="Free the disk, then try again."
        ) from None
    return _asked(lambda: queue.label(reviewer, decision, value))


def export(settings: Settings, service: str, path: Path, *, since: str = "") -> int:
    """Write labels with input and provenance as CSV, for the next training; return how many.

    Args:
        settings: The stack's settings.
        service: Name of the service.
        path: File to write.
        since: Only labels given later, ISO 8601; all when empty.

    Raises:
        PlinthError: The file cannot be written.
    """
    cases = [case for case in labelled(settings, service) if case.labelled_at > since]
    fields = sorted({name for case in cases for name in case.input})
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*fields, "label", *PROVENANCE])
            writer.writeheader()
            for case in sorted(cases, key=lambda one: one.decision):
                origin = {name: getattr(case, name) for name in PROVENANCE}
                writer.writerow({**case.input, "label": case.label, **origin})
    except OSError as error:
        raise PlinthError(f"The labels cannot be written: {error.strerror}.", where=str(path)) from None
    return len(cases)


def as_rows(cases: list[Case]) -> list[dict[str, Any]]:
    """Return cases as JSON values."""
    return [dataclasses.asdict(case) for case in cases]


def bucket(settings: Settings) -> BucketStore:
    """Return where a stack's decision log is sealed."""
    return BucketStore(bucket_name(settings, "decisions"), Account.of(settings).client("s3"))


def _asked(step: Any) -> Case:
    try:
        case = step()
    except ServiceError as error:
        raise PlinthError(error.what, where=error.where, fix=error.fix) from None
    assert isinstance(case, Case)
    return case


def claim(settings: Settings, service: str, *, reviewer: str, decision: str | None) -> Case | None:
    """Take a case for a reviewer; None when nothing waits.

    Raises:
        PlinthError: The case that was named is somebody else's, or settled.
    """
    try:
        return reviews(settings, service).claim(reviewer, decision)
    except ServiceError as error:
        raise PlinthError(error.what, where=error.where, fix=error.fix) from None
