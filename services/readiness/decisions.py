"""From a valid request to a logged answer: ladder, contract, decision log, review.

The order is fixed: assess, conclude, log, then answer. Nothing is answered whose record is not on disk.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.readiness import metrics, tally
from services.readiness.assessment import Assessment
from services.readiness.confidence import Confidence
from services.readiness.contract import Contract, Trouble
from services.readiness.decision_log import DecisionLog, LogUnavailableError, Spool
from services.readiness.decision_log.shipping import Shipper
from services.readiness.decision_log.store import BucketStore, Store
from services.readiness.decision_log.writer import Limits, now
from services.readiness.explanation import strongest
from services.readiness.ladder import Ladder
from services.readiness.randomness import random_hex
from services.readiness.review_feed import ReviewFeed, from_record

FOLDER_VARIABLE = "PLINTH_DECISIONS_FOLDER"
BUCKET_VARIABLE = "PLINTH_DECISIONS_BUCKET"

REOPEN_SECONDS = 2.0
"""Pause between two tries to open a log that could not be opened."""

DIGITS = 6
"""Decimals of shares in answers and records: a probability is not known better."""

logger = logging.getLogger("bentoml.service.decisions")


class UnavailableError(Exception):
    """No decision can be given, by design.

    Args:
        trouble: Why, in the contract's words.
        detail: Why more exactly, in one word of a closed set.
    """

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        """Keep the words."""
        super().__init__(trouble)
        self.trouble: Trouble = trouble
        self.detail = detail or trouble


@dataclass(frozen=True, kw_only=True)
class Service:
    """What one service adds to what all share.

    Args:
        name: As metrics and records know it.
        classes: Names of the classes, in the model's order.
        decide: From the probabilities of the classes to the outcome and its reasons.
        refer: The outcome that asks a person.
        shown: From the probabilities (None where there are none) to what the answer says beside the
            outcome, such as the probability of default.
        labels: From a reviewer's word to the class that it means, where the two differ.
    """

    name: str
    classes: tuple[str, ...]
    decide: Callable[[Sequence[float]], tuple[str, list[str]]]
    refer: str
    shown: Callable[[Sequence[float] | None], dict[str, Any]]
    labels: Mapping[str, str] = field(default_factory=dict)


class Decisions:
    """Everything that one process needs to decide.

    Args:
        service: What is special.
        contract: What was promised.
        ladder: The rungs.
        environment: Variables that say where log and reviews lie.
        store: Where sealed segments go; by default the bucket that the environment names, if any.
        reviews: Feed of the review table, if there is one.
    """

    def __init__(
        self,
        service: Service,
        contract: Contract,
        ladder: Ladder,
        *,
        environment: Mapping[str, str] = os.environ,
        store: Store | None = None,
        reviews: ReviewFeed | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Open the log; where that fails, it is tried again while serving."""
        self.service, self.contract, self.ladder = service, contract, ladder
        home = environment.get(FOLDER_VARIABLE) or Path(environment.get("BENTOML_HOME", ".")) / "decisions"
        self._folder = Path(home)
        bucket = environment.get(BUCKET_VARIABLE)
        self._store = store or (BucketStore(bucket) if bucket else None)
        self._limits = limits
        self.reviews = reviews
        self.log: DecisionLog | None = None
        self._shipper: Shipper | None = None
        self._next_try = 0.0
        self._open()

    def _open(self) -> DecisionLog | None:
        if self.log is None and time.monotonic() >= self._next_try:
            self._next_try = time.monotonic() + REOPEN_SECONDS
            model = self.ladder.model
            about = {"model_digest": model.digest if model else None}
            try:
                self.log = DecisionLog(
                    Spool(self._folder, self.service.name), limits=self._limits, about=about
                )
            except (OSError, LogUnavailableError) as error:
                logger.error("The decision log cannot be opened: %s", type(error).__name__)  # noqa: TRY400
            else:
                self._shipper = Shipper(self.log, self._store) if self._store else None
        return self.log

    def close(self) -> None:
        """Seal and ship what was logged, and bring the last cases to the review table."""
        if self.log:
            self.log.close()
        if self._shipper:
            self._shipper.close()
        if self.reviews:
            self.reviews.close()
        self.ladder.engine.close()

    async def decide(
        self, row: list[float], given: dict[str, Any], *, caller: str, request: str, shadow: bool = False
    ) -> dict[str, Any]:
        """Return the answer to one request, once its record is on disk.

        Args:
            row: The model's inputs.
            given: The input as the log may hold it.
            caller: Who asked.
            request: The request's id.
            shadow: Whether nobody will see the answer; it is logged as such and asks no person.

        Raises:
            UnavailableError: There is no decision, and the contract says that there shall be none.
        """
        started = time.perf_counter()
        found = await self.ladder.assess(row)
        return await self._settle(
            found, given, caller=caller, request=request, started=started, shadow=shadow
        )

    async def decide_without(
        self, fault: Trouble, given: dict[str, Any], *, caller: str, request: str, shadow: bool = False
    ) -> dict[str, Any]:
        """Return the contract's answer to a request whose inputs could not be had, once it is on disk.

        Args:
            fault: Why there are none.
            given: The request as the log may hold it.
            caller: Who asked.
            request: The request's id.
            shadow: Whether nobody will see the answer.

        Raises:
            UnavailableError: The contract says that there shall be no decision.
        """
        found = Assessment(rung="none", troubles=(fault,))
        return await self._settle(
            found, given, caller=caller, request=request, started=time.perf_counter(), shadow=shadow
        )

    async def _settle(
        self,
        found: Assessment,
        given: dict[str, Any],
        *,
        caller: str,
        request: str,
        started: float,
        shadow: bool,
    ) -> dict[str, Any]:
        """Conclude, log, then answer."""
        outcome, reasons, troubles = self._conclude(found)
        for trouble in () if shadow else troubles:
            tally.count(metrics.child(metrics.TROUBLES, self.service.name, trouble))
        identity = decision_id()
        # Nobody acts on a shadow's answer, so there is nothing for a person to look at.
        review = None if shadow else self._review(outcome, reasons, identity)
        if review and self.reviews and self.reviews.full:
            raise UnavailableError("review_queue_full")
        record = {
            "kind": "decision",
            "at": now(),
            "id": identity,
            "request_id": request,
            "caller": caller,
            "model_digest": self.ladder.model.digest if self.ladder.model else None,
            "features_version": self.ladder.features_digest,
            "input": given,
            "output": {"decision": outcome, "reasons": reasons, **self.service.shown(found.probabilities)},
            **self._known(found),
            "likeliest": self._likeliest(found),
            "rung": found.rung,
            "troubles": troubles,
            "explanation": {
                "base": round(found.base, DIGITS),
                "terms": found.explanation or {},
            },
            "review": review,
            "latency_ms": round((time.perf_counter() - started) * 1000, 3),
            **({"shadow": True} if shadow else {}),
        }
        await self._write(record)
        case = from_record(self.service.name, record)
        if case and self.reviews:
            self.reviews.ask(case)
        if not shadow:
            self._count(found, outcome, review)
        return answer_of(record)

    def _conclude(self, found: Assessment) -> tuple[str, list[str], list[Trouble]]:
        """Apply the contract to what the ladder says.

        Raises:
            UnavailableError: The contract allows no answer.
        """
        troubles = list(found.troubles)
        if found.probabilities is None:
            fault = troubles[0] if troubles else "model_unavailable"
            if self.contract.answer_to(fault) != "refer_to_human":
                raise UnavailableError(fault)
            return self.service.refer, [fault], troubles
        outcome, reasons = self.service.decide(found.probabilities)
        if found.judgement is None or found.judgement.verdict == "out_of_distribution":
            troubles.append("out_of_distribution")
        if max(found.probabilities) < self.contract.confidence.low_below:
            troubles.append("low_confidence")
        for trouble in troubles:
            step = self.contract.answer_to(trouble)
            if step == "unavailable":
                raise UnavailableError(trouble)
            if step == "refer_to_human":
                if outcome != self.service.refer:
                    outcome, reasons = self.service.refer, []
                reasons = [*reasons, trouble]
        return outcome, reasons, troubles

    def _likeliest(self, found: Assessment) -> str | None:
        """Return the class that the model holds for likeliest; None when another rung answered."""
        if found.rung != "model" or not found.probabilities:
            return None
        return self.service.classes[found.probabilities.index(max(found.probabilities))]

    def _review(self, outcome: str, reasons: list[str], identity: str) -> str | None:
        """Return why a person should look at the decision, or None."""
        if outcome == self.service.refer:
            return reasons[-1]
        drawn = int(identity[-8:], 16) / 2**32
        return "sample" if drawn < self.contract.review.sample_share else None

    def _known(self, found: Assessment) -> dict[str, Any]:
        """Return what is said of confidence and guard, in the record and in the answer alike."""
        likelier = found.likelier
        sure, judged = found.confidence, found.judgement
        return {
            "confidence": {
                "likelier": None if likelier is None else round(likelier, DIGITS),
                "band": _band(sure),
                "classes": [self.service.classes[i] for i in sure.classes] if sure else None,
                "credibility": round(sure.credibility, DIGITS) if sure else None,
            },
            "guard": {
                "verdict": judged.verdict if judged else "not_judged",
                "p_value": round(judged.p_value, DIGITS) if judged else None,
                "outside": list(judged.outside) if judged else [],
            },
        }

    async def _write(self, record: dict[str, Any]) -> None:
        log, started = self._open(), time.perf_counter()
        if log is None:
            raise UnavailableError("decision_log_unavailable", "log_not_open")
        try:
            await log.write(record)
        except LogUnavailableError as error:
            raise UnavailableError("decision_log_unavailable", error.trouble) from None
        tally.saw(metrics.child(metrics.LOG_SECONDS, self.service.name), time.perf_counter() - started)

    def _count(self, found: Assessment, outcome: str, review: str | None) -> None:
        name, model = self.service.name, self.ladder.model
        label = metrics.model_label(model.digest if model else "none")
        verdict = found.judgement.verdict if found.judgement else "not_judged"
        child = metrics.child
        tally.count(child(metrics.PREDICTIONS, name, outcome, label))
        tally.count(child(metrics.RUNGS, name, found.rung))
        tally.count(child(metrics.GUARD, name, verdict))
        if found.rung == "model" and found.probabilities:
            likelier = max(found.probabilities)
            # Of two classes the second one's says on which side an answer lies.
            shown = found.probabilities[1] if len(found.probabilities) == 2 else likelier  # noqa: PLR2004
            tally.saw(child(metrics.PROBABILITY, name, label), shown)
            tally.saw(child(metrics.CONFIDENCE, name, label), likelier)
        if review:
            tally.count(child(metrics.REVIEWS, name, review))


def answer_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer that belongs to a decision's record; the same again from a record that was read."""
    unit = "points" if record["rung"] == "scorecard" else "log_odds"
    return {
        "request_id": record["request_id"],
        "decision_id": record["id"],
        **record["output"],
        "confidence": record["confidence"],
        "guard": record["guard"],
        "rung": record["rung"],
        "explanation": [
            {"feature": name, "effect": effect, "unit": unit}
            for name, effect in strongest(record["explanation"]["terms"])
        ],
        "review": bool(record["review"]),
        "model_digest": record["model_digest"],
    }


def _band(sure: Confidence | None) -> list[float] | None:
    if sure is None or sure.low is None or sure.high is None:
        return None
    return [round(sure.low, DIGITS), round(sure.high, DIGITS)]


def decision_id() -> str:
    """Return a new id: 32 hexadecimal digits, the first twelve its time in ms, so that ids sort by time."""
    return f"{time.time_ns() // 1_000_000:012x}{random_hex(10)}"
