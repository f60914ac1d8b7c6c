"""The HTTP service: one worker, one verified model, logged decisions.

A pod runs one worker and scales by pods, since BentoML does not restart a dead worker inside a
container. A model that is missing, altered or made for other code leaves the service alive but
never ready, with the reason in the log. What a request passes stands in ``readiness/api.py``, how it is
decided in ``readiness/decisions.py``.
"""

import json
import logging
import os
from pathlib import Path
from typing import Any

import bentoml

from services.credit_risk.decision import decide
from services.credit_risk.features import FEATURES_DIGEST, encode
from services.credit_risk.schema import CreditApplication, Decision
from services.readiness.api import Api, Endpoints, Hidden
from services.readiness.contract_file import load
from services.readiness.decisions import Decisions, Service
from services.readiness.ladder import Ladder
from services.readiness.openapi import openapi
from services.readiness.review_feed import feed_from
from services.readiness.security import RateLimit, Tokens

NAME = "credit-risk"
"""As Kubernetes knows it; `lineage.py`, which stays out of the bento, says the same (tested)."""

FOLDER = Path(__file__).parent
MODEL_FOLDER = FOLDER / "model"

REQUEST_TIMEOUT_SECONDS = 10
"""An answer takes about a millisecond; ten seconds is a stuck process, and the grace at a stop."""

CALLER_RATE, CALLER_BURST = 500.0, 1000.0
"""Requests a second of one caller, and at once: half of what one worker answers."""
RATE_VARIABLE = "PLINTH_CALLER_RATE"
SCHEMA_VARIABLE = "PLINTH_SHOW_SCHEMA"
"""Set to ``1`` where the pages that describe the service may be seen; never in production."""

DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
"""From one answer on an idle core to the timeout."""

PAGES = ("/v1/", "/livez", "/readyz", "/healthz", "/metrics")
"""All that is served where the schema is not shown."""

SERVICE = Service(
    name=NAME,
    classes=("repaid", "default"),
    decide=decide,  # type: ignore[arg-type]  # outcomes are literals, reasons too
    refer="refer_to_human",
    probability_field="probability_of_default",
)
logger = logging.getLogger("bentoml.service.credit_risk")


class Process:
    """What this process holds; empty until BentoML starts the worker."""

    ladder: Ladder | None = None
    decisions: Decisions | None = None

    def start(self) -> None:
        """Load the model, open the log, find the review table."""
        contract = load(FOLDER)
        self.ladder = Ladder(contract, features_digest=FEATURES_DIGEST)
        self.ladder.load(MODEL_FOLDER)
        self.decisions = Decisions(SERVICE, contract, self.ladder, reviews=feed_from(os.environ, contract))

    def stop(self) -> None:
        """Seal and ship what was logged."""
        if self.decisions:
            self.decisions.close()

    def describe(self) -> dict[str, Any] | None:
        """Return what is served and what it was made from."""
        if self.ladder is None or self.ladder.model is None:
            return None
        record = self.ladder.model.record
        shown = ("service", "model_digest", "model", "inputs", "metrics", "thresholds", "training_range")
        return {key: record[key] for key in shown if key in record}


PROCESS = Process()


def shown() -> bool:
    """Tell whether the pages that describe the service may be seen."""
    return os.environ.get(SCHEMA_VARIABLE) == "1"


def endpoints() -> Endpoints:
    """Put together what the API serves, from this process's environment."""
    rate = float(os.environ.get(RATE_VARIABLE, CALLER_RATE))
    return Endpoints(
        decisions=lambda: PROCESS.decisions,
        schema=CreditApplication,
        encode=encode,
        redact=redact,
        tokens=Tokens.from_environment(os.environ, audience=NAME),
        rate=RateLimit(rate, rate * CALLER_BURST / CALLER_RATE),
        describe=PROCESS.describe,
        openapi=describe_api() if shown() else None,
    )


def describe_api() -> dict[str, Any]:
    """Return the API's description."""
    example = json.loads((FOLDER / "example.json").read_text(encoding="utf-8"))
    return openapi(title=NAME, version="1.0.0", request=CreditApplication, answer=Decision, example=example)


def redact(application: CreditApplication) -> dict[str, Any]:
    """Return what the log may hold: all of it, since no field tells who the applicant is."""
    return application.__dict__.copy()


@bentoml.asgi_app(Api(NAME, endpoints), path="/v1")
@bentoml.service(
    name=NAME,
    workers=1,
    traffic={"timeout": REQUEST_TIMEOUT_SECONDS},
    metrics={"enabled": True, "duration": {"buckets": DURATION_BUCKETS_SECONDS}},
    logging={"access": {"enabled": False}},
)
class CreditRisk:
    """Decides on a credit application: approve, refer to a person, or decline."""

    def __init__(self) -> None:
        """Load the model before the first request."""
        PROCESS.start()

    async def __is_ready__(self) -> bool:
        """Answer ``/readyz``: ready only with a verified model."""
        return PROCESS.ladder is not None and PROCESS.ladder.model is not None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]  # BentoML leaves it open
    def stop(self) -> None:
        """Seal and ship the decision log."""
        PROCESS.stop()


if not shown():
    CreditRisk.add_asgi_middleware(Hidden, shown=PAGES)  # type: ignore[attr-defined]  # asgi_app() forgets it
