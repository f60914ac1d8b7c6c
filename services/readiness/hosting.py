"""What a service's process is made of, besides what is special about the service.

A service says in one :class:`Hosted` what it is; :class:`Process` makes of it the HTTP application that
BentoML mounts, and the same ladder and decision log answer a file or a queue (:func:`answering`).
"""

import asyncio
import gc
import json
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from services.readiness import metrics
from services.readiness.api import MAX_BODY_BYTES, Api, Endpoints
from services.readiness.contract_file import load
from services.readiness.decision_log.store import Store
from services.readiness.decisions import FOLDER_VARIABLE, Decisions, Service, UnavailableError
from services.readiness.drift.labelled import Labelled, settled, window_of
from services.readiness.drift.watch import DriftWatch
from services.readiness.feature_lookup import FeatureLookup, Known, lookup_from
from services.readiness.ladder import Ladder
from services.readiness.openapi import openapi
from services.readiness.review_feed import ReviewFeed, feed_from
from services.readiness.security import RateLimit, Tokens
from services.readiness.stopping import StopWatch, watch_from

REQUEST_TIMEOUT_SECONDS = 10
"""An answer takes about a millisecond; ten seconds is a stuck process, and the grace at a stop."""

CALLER_RATE, CALLER_BURST = 500.0, 1000.0
"""Requests a second of one caller, and at once: half of what one worker answers."""
RATE_VARIABLE = "PLINTH_CALLER_RATE"
SCHEMA_VARIABLE = "PLINTH_SHOW_SCHEMA"
"""Set to ``1`` where the pages that describe the service may be seen; never in production."""

DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
"""From one answer on an idle core to the timeout."""

YOUNG_OBJECTS = 20_000
"""New objects between two rounds of the garbage collector: some hundred answers, a few MB (default: 700)."""

PAGES = ("/livez", "/readyz", "/healthz", "/metrics")
"""All that is served beside the API where the schema is not shown."""

SHOWN = ("service", "model_digest", "model", "inputs", "metrics", "thresholds", "training_range")
"""What clients may know of a model's record."""

PATIENT_SECONDS = 60.0
"""Longest wait for the model where nobody waits for one answer: a file, a queue."""

BENTO: dict[str, Any] = {
    # A pod runs one worker and scales by pods: BentoML does not restart a dead worker inside a container.
    "workers": 1,
    "traffic": {"timeout": REQUEST_TIMEOUT_SECONDS},
    "metrics": {"enabled": True, "duration": {"buckets": DURATION_BUCKETS_SECONDS}},
    "logging": {"access": {"enabled": False}},
}
"""Settings of every service for BentoML."""

logger = logging.getLogger("bentoml.service.drift")


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """What is special about a service.

    Args:
        service: Its name, its classes, and how probabilities become decisions.
        folder: Holds ``contract.yaml``, ``example.json`` and, where it is served, ``model/``.
        features_digest: The features of the code; a model made for others is refused.
        schema: Of a request's body.
        answer: Of an answer.
        encode: From a request to the model's inputs.
        redact: From a request to what the log may hold.
        max_body_bytes: Largest body that is read.
        known: How features from the online store are used; None where requests bring everything.
    """

    service: Service
    folder: Path
    features_digest: str
    schema: type[BaseModel]
    answer: type[BaseModel]
    encode: Callable[[Any], list[float]]
    redact: Callable[[Any], dict[str, Any]]
    max_body_bytes: int = MAX_BODY_BYTES
    known: Known | None = None


def schema_shown() -> bool:
    """Tell whether the pages that describe a service may be seen."""
    return os.environ.get(SCHEMA_VARIABLE) == "1"


class Process:
    """The one process of a service; empty until BentoML starts the worker.

    Args:
        hosted: The service.
    """

    def __init__(self, hosted: Hosted) -> None:
        """Make the application; what it serves is put together with its first request."""
        self.hosted = hosted
        self.ladder: Ladder | None = None
        self.decisions: Decisions | None = None
        self.features: FeatureLookup | None = None
        self.drift: DriftWatch | None = None
        self.switch: StopWatch | None = None
        self.api = Api(hosted.service.name, self.endpoints, prefix="/v1")

    @property
    def ready(self) -> bool:
        """Tell whether a verified model is in service."""
        return self.ladder is not None and self.ladder.model is not None

    def start(self) -> None:
        """Load the model, open the log, find the review table."""
        contract = load(self.hosted.folder)
        self.ladder = Ladder(contract, features_digest=self.hosted.features_digest)
        self.ladder.load(self.hosted.folder / "model")
        self.switch = watch_from(os.environ, self.hosted.service.name)
        if self.switch:
            switch = self.switch
            self.ladder.stopped = lambda: switch.stopped
            switch.start()
        self.features = lookup_from(os.environ, self.hosted.known)
        reviews = feed_from(os.environ, contract)
        self.decisions = Decisions(self.hosted.service, contract, self.ladder, reviews=reviews)
        self.drift = watching(self.hosted.service, self.ladder, reviews)
        _leave_alone_what_stays()

    def stop(self) -> None:
        """Seal and ship what was logged."""
        if self.switch:
            self.switch.close()
        if self.drift:
            self.drift.close()
        if self.decisions:
            self.decisions.close()
        if self.features:
            self.features.close()

    def describe(self) -> dict[str, Any] | None:
        """Return what is served and what it was made from; None without a model."""
        if self.ladder is None or self.ladder.model is None:
            return None
        record = self.ladder.model.record
        return {key: record[key] for key in SHOWN if key in record}

    def endpoints(self) -> Endpoints:
        """Put together what the API serves, from this process's environment."""
        rate = float(os.environ.get(RATE_VARIABLE, CALLER_RATE))
        return Endpoints(
            decisions=lambda: self.decisions,
            schema=self.hosted.schema,
            encode=self.hosted.encode,
            redact=self.hosted.redact,
            tokens=Tokens.from_environment(os.environ, audience=self.hosted.service.name),
            rate=RateLimit(rate, rate * CALLER_BURST / CALLER_RATE),
            describe=self.describe,
            openapi=describe_api(self.hosted, known=bool(self.features)) if schema_shown() else None,
            max_body_bytes=self.hosted.max_body_bytes,
            features=self.features,
        )


def _leave_alone_what_stays() -> None:
    """Take modules and model out of the garbage collector's rounds; they live as long as the process.

    Under load a round came every few answers and went through all of it: a third of the main thread's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def watching(service: Service, ladder: Ladder, reviews: ReviewFeed | None) -> DriftWatch | None:
    """Start to watch what a ladder's model answers; None when that cannot be, which stops no answer."""
    if ladder.model is None:
        return None
    contract, digest = ladder.contract, ladder.model.digest

    def labelled() -> list[Labelled]:
        assert reviews is not None
        cases = reviews.labelled(window_of(contract))
        return settled(cases, service.classes, service.labels, digest)

    try:
        watch = DriftWatch(
            service.name, digest, ladder.reference, contract, labelled=labelled if reviews else None
        )
        watch.start()
    except Exception as error:  # noqa: BLE001 - watching may fail, answering may not
        metrics.DRIFT_FAILURES.labels(service.name).inc()
        logger.error("Drift is not watched: %s", type(error).__name__)  # noqa: TRY400 - no values
        return None
    ladder.saw = watch.saw
    return watch


def describe_api(hosted: Hosted, *, known: bool = False) -> dict[str, Any]:
    """Return the description of a service's API.

    Args:
        hosted: The service.
        known: Whether it has a feature store to ask.
    """
    example = json.loads((hosted.folder / "example.json").read_text(encoding="utf-8"))
    return openapi(
        title=hosted.service.name,
        version="1.0.0",
        request=hosted.schema,
        answer=hosted.answer,
        example=example,
        known=known,
    )


class Answering:
    """Answers requests of a file or a queue as the service would: same ladder, same log.

    Args:
        hosted: The service.
        model: The model folder.
        log: Where decisions are logged first.
        store: Where sealed segments go; None keeps them in ``log``.
        caller: Who asks, for the records.
        stopped: Tells whether people have taken the model out of service.

    Raises:
        ModelRefusedError: The model folder is not what its manifest says.
    """

    def __init__(
        self,
        hosted: Hosted,
        model: Path,
        *,
        log: Path,
        store: Store | None,
        caller: str,
        stopped: Callable[[], bool] | None = None,
    ) -> None:
        """Load the model and open the log."""
        contract = load(hosted.folder)
        self._hosted, self._caller = hosted, caller
        self._ladder = Ladder(contract, features_digest=hosted.features_digest, model_seconds=PATIENT_SECONDS)
        self._ladder.load(model, strict=True)
        if stopped is not None:
            self._ladder.stopped = stopped
        self._decisions = Decisions(
            hosted.service,
            contract,
            self._ladder,
            environment={FOLDER_VARIABLE: str(log)},
            store=store,
        )
        self._runner = asyncio.Runner()
        assert self._ladder.model is not None
        self.model_digest = self._ladder.model.digest

    def answers(self, requests: Sequence[Any], names: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return one answer for each request.

        Args:
            requests: What is asked.
            names: The requests' ids, as records and answers name them; new ones when left out.
        """
        return self._runner.run(self._all(requests, names or [secrets.token_hex(16) for _ in requests]))

    async def _all(self, requests: Sequence[Any], names: Sequence[str]) -> list[dict[str, Any]]:
        pairs = zip(requests, names, strict=True)
        return list(await asyncio.gather(*(self._one(request, name) for request, name in pairs)))

    async def _one(self, request: Any, name: str) -> dict[str, Any]:
        row, given = self._hosted.encode(request), self._hosted.redact(request)
        try:
            return await self._decisions.decide(row, given, caller=self._caller, request=name)
        except UnavailableError as error:
            return {"error": f"No decision can be given now ({error.detail}).", "reason": "unavailable"}

    def close(self) -> None:
        """Seal and ship what was logged."""
        self._decisions.close()
        self._runner.close()
