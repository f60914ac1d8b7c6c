"""Brings cases from the service to the review table, off the path of the answer.

The decision log says which decisions need a person, and is on disk before the answer leaves; this feed is
only the quick way. What it loses in a crash is found again by :func:`missing`. When too many cases wait
for the table, the feed says so, and the service gives no answer that would need a person.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.readiness.contract import Contract
from services.readiness.review import Case, ReviewQueue

RETRY_SECONDS = 2.0
TABLE_VARIABLE = "PLINTH_REVIEW_TABLE"
logger = logging.getLogger("bentoml.service.review")


class ReviewFeed:
    """A thread that adds cases to the table.

    Args:
        reviews: Where to.
        at_most: Cases that may wait for the table.
    """

    def __init__(self, reviews: ReviewQueue, *, at_most: int) -> None:
        """Start."""
        self._reviews = reviews
        self._waiting: queue.Queue[Case | None] = queue.Queue(at_most)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="review-feed", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Tell whether no more cases can be taken."""
        return self._waiting.full()

    def labelled(self, most: int) -> list[Case]:
        """Return the cases that were settled last, in the order in which they were asked."""
        return self._reviews.settled(most)

    def ask(self, case: Case) -> None:
        """Take a case; call only while not :attr:`full`."""
        try:
            self._waiting.put_nowait(case)
        except queue.Full:
            # It is in the log; `missing` finds it.
            logger.warning("The review feed is full; the case of %s waits in the log.", case.decision)

    def close(self, seconds: float = 5.0) -> None:
        """Give what waits a last chance, and end."""
        end = time.monotonic() + seconds
        while not self._waiting.empty() and time.monotonic() < end:
            time.sleep(0.02)
        self._ending.set()
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._ending.is_set():
            case = self._waiting.get()
            while case is not None and not self._add(case):
                if self._ending.wait(RETRY_SECONDS):
                    return

    def _add(self, case: Case) -> bool:
        try:
            self._reviews.ask(case)
        except Exception as error:  # noqa: BLE001 - botocore makes its exceptions at run time
            logger.warning("The review table does not take a case: %s", type(error).__name__)
            return False
        return True


def from_record(service: str, body: dict[str, Any]) -> Case | None:
    """Return the case that a decision's record asks for, or None."""
    reason = body.get("review")
    if body.get("kind") != "decision" or not reason or body.get("shadow"):
        return None
    return Case(
        decision=body["id"],
        service=service,
        state="open",
        asked_at=body["at"],
        reason=reason,
        model_digest=body.get("model_digest") or "",
        input=body.get("input") or {},
        output={**(body.get("output") or {}), **_sureness(body)},
    )


def _sureness(body: dict[str, Any]) -> dict[str, Any]:
    """Return what the model held for likeliest and how much so, to compare with the label later."""
    likeliest = body.get("likeliest")
    if likeliest is None:
        return {}
    return {"likeliest": likeliest, "likelier": (body.get("confidence") or {}).get("likelier")}


def missing(reviews: ReviewQueue, bodies: Iterable[dict[str, Any]]) -> Iterator[Case]:
    """Add every case that the log asks for and the table lacks; yield those that were added."""
    known = {case.decision for case in reviews.cases(most=10**9)}
    for body in bodies:
        case = from_record(reviews.service, body)
        if case is not None and case.decision not in known and reviews.ask(case):
            yield case


def feed_from(environment: Mapping[str, str], contract: Contract) -> ReviewFeed | None:
    """Return the feed of the table that the environment names; None where there is none."""
    table = environment.get(TABLE_VARIABLE)
    if not table:
        return None
    return ReviewFeed(queue_of(table, contract, dynamodb()), at_most=contract.review.queue_at_most)


def queue_of(table: str, contract: Contract, client: Any) -> ReviewQueue:
    """Return a service's queue with the times of its contract."""
    return ReviewQueue(
        table,
        contract.service,
        client,
        claim_minutes=contract.review.claim_minutes,
        escalate_after_hours=contract.review.escalate_after_hours,
    )


def dynamodb() -> Any:
    """Return a client made from the environment, with short waits."""
    import boto3  # noqa: PLC0415 - a third of a second, and not every service has a table
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
    return boto3.client("dynamodb", config=config)
