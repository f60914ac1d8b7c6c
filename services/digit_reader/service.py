"""The HTTP service: one worker, one verified model; what it cannot read goes to a person.

Two things send an image to a person: the model is not sure enough (the contract says how sure), or the
image is unlike all that the model learned from, when its confidence means nothing.
"""

from pathlib import Path

import bentoml

from services.digit_reader.features import FEATURES_DIGEST
from services.digit_reader.reading import Reader
from services.digit_reader.schema import Image, Reading
from services.readiness.hosting import (
    DURATION_BUCKETS_SECONDS,
    MAX_CONCURRENCY,
    REQUEST_TIMEOUT_SECONDS,
    ModelSlot,
)
from services.readiness.metrics import PREDICTIONS, PROBABILITY, model_label
from services.readiness.requests import Gate, request_id

NAME = "digit-reader"
MODEL_FOLDER = Path(__file__).parent / "model"
SLOT = ModelSlot(NAME, FEATURES_DIGEST)


@bentoml.asgi_app(SLOT.application(), path="/v1")
@bentoml.service(
    name=NAME,
    workers=1,
    traffic={"timeout": REQUEST_TIMEOUT_SECONDS, "max_concurrency": MAX_CONCURRENCY},
    metrics={"enabled": True, "duration": {"buckets": DURATION_BUCKETS_SECONDS}},
)
class DigitReader:
    """Reads a digit, or says that a person has to look."""

    def __init__(self) -> None:
        """Load the model before the first request."""
        model = SLOT.load(MODEL_FOLDER)
        if model:  # its folder was verified whole, the likeness with it
            self.reader = Reader(MODEL_FOLDER, model)

    async def __is_ready__(self) -> bool:
        """Answer ``/readyz``: ready only with a verified model."""
        return SLOT.model is not None

    @bentoml.api(route="/v1/decisions")  # type: ignore[untyped-decorator]  # BentoML leaves it open
    async def decide(self, image: Image, /) -> Reading:
        """Read one image; the body is the image itself."""
        model = SLOT.model
        if model is None:  # the gate answers before; this is for a caller inside the process
            raise bentoml.exceptions.ServiceUnavailable(SLOT.problem)
        (found,) = self.reader.read([image])
        label = model_label(model.digest)
        PREDICTIONS.labels(NAME, found["decision"], label).inc()
        PROBABILITY.labels(NAME, label).observe(found["confidence"])
        return Reading(request_id=request_id(), model_digest=model.digest, **found)


DigitReader.add_asgi_middleware(  # type: ignore[attr-defined]  # asgi_app() forgets Service's type
    Gate, service=NAME, schemas={"/v1/decisions": Image}, unavailable=SLOT.unavailable
)
