"""The HTTP service: one worker, one verified model, typed requests and answers.

A pod runs one worker and scales by pods, since BentoML does not restart a dead worker inside a
container. A model that is missing, altered or made for other code leaves the service alive but
never ready, with the reason in the log.
"""

import logging
from pathlib import Path

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.credit_risk.decision import decide
from services.credit_risk.features import FEATURES, FEATURES_DIGEST, NUMERIC, encode
from services.credit_risk.schema import CreditApplication, Decision
from services.readiness.errors import ModelRefusedError
from services.readiness.metrics import PREDICTIONS, PROBABILITY, model_label
from services.readiness.model import VerifiedModel
from services.readiness.requests import Gate, request_id

NAME = "credit-risk"
"""As Kubernetes knows it; `lineage.py`, which stays out of the bento, says the same (tested)."""

MODEL_FOLDER = Path(__file__).parent / "model"

REQUEST_TIMEOUT_SECONDS = 10
"""An answer takes about a millisecond; ten seconds is a stuck process, and the grace at a stop."""

MAX_CONCURRENCY = 64
"""Requests in progress before new ones get 429: 64 wait below 0.1 s at 850 requests a second."""

DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
"""From one answer on an idle core to the timeout."""

logger = logging.getLogger("bentoml.service.credit_risk")


class Slot:
    """Holds the model of this process, or why there is none."""

    model: VerifiedModel | None = None
    problem: str = "The model is not loaded yet."

    def load(self, folder: Path) -> None:
        """Verify and load the model; on refusal keep the reason for clients and log the whole."""
        try:
            self.model = VerifiedModel(folder, features_digest=FEATURES_DIGEST)
        except ModelRefusedError as error:
            # Where and why is for the log; a client learns that there is no model, not our paths.
            self.problem = "No verified model is loaded, so no decision can be given."
            logger.error("Model refused, the service will not be ready: %s", error)  # noqa: TRY400 - no stack

    def unavailable(self) -> str | None:
        """Return why no prediction can be made, or ``None``."""
        return None if self.model else self.problem


SLOT = Slot()


async def describe(_: Request) -> JSONResponse:
    """Answer ``GET /v1/model``: what is served and what it was made from."""
    if SLOT.model is None:
        return JSONResponse({"error": SLOT.problem, "reason": "unavailable"}, status_code=503)
    record = SLOT.model.record
    shown = ("service", "model_digest", "model", "inputs", "metrics", "thresholds", "training_range")
    return JSONResponse({key: record[key] for key in shown if key in record})


@bentoml.asgi_app(Starlette(routes=[Route("/model", describe)]), path="/v1")
@bentoml.service(
    name=NAME,
    workers=1,
    traffic={"timeout": REQUEST_TIMEOUT_SECONDS, "max_concurrency": MAX_CONCURRENCY},
    metrics={"enabled": True, "duration": {"buckets": DURATION_BUCKETS_SECONDS}},
)
class CreditRisk:
    """Decides on a credit application: approve, refer to a person, or decline."""

    def __init__(self) -> None:
        """Load the model before the first request."""
        SLOT.load(MODEL_FOLDER)

    async def __is_ready__(self) -> bool:
        """Answer ``/readyz``: ready only with a verified model."""
        return SLOT.model is not None

    @bentoml.api(route="/v1/decisions")  # type: ignore[untyped-decorator]  # BentoML leaves it open
    async def decide(self, application: CreditApplication, /) -> Decision:
        """Decide on one application; the body is the application itself."""
        model = SLOT.model
        if model is None:  # the gate answers before; this is for a caller inside the process
            raise bentoml.exceptions.ServiceUnavailable(SLOT.problem)
        features = encode(application)
        probability = model.probability(features)
        ranges = model.record["training_range"]
        in_range = all(
            ranges[FEATURES[i].name][0] <= features[i] <= ranges[FEATURES[i].name][1] for i in NUMERIC
        )
        outcome, reasons = decide(probability, in_training_range=in_range)
        label = model_label(model.digest)
        PREDICTIONS.labels(NAME, outcome, label).inc()
        PROBABILITY.labels(NAME, label).observe(probability)
        return Decision(
            request_id=request_id(),
            decision=outcome,
            reasons=reasons,
            probability_of_default=probability,
            model_digest=model.digest,
        )


CreditRisk.add_asgi_middleware(  # type: ignore[attr-defined]  # asgi_app() forgets Service's type
    Gate, service=NAME, schemas={"/v1/decisions": CreditApplication}, unavailable=SLOT.unavailable
)
