"""What a service's process is made of, besides its model: the slot that holds it, and how it is described."""

import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.readiness.errors import ModelRefusedError
from services.readiness.model import VerifiedModel

REQUEST_TIMEOUT_SECONDS = 10
"""An answer takes about a millisecond; ten seconds is a stuck process, and the grace at a stop."""

MAX_CONCURRENCY = 64
"""Requests in progress before new ones get 429: 64 wait below 0.1 s at 850 requests a second."""

DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
"""From one answer on an idle core to the timeout."""

SHOWN = ("service", "model_digest", "model", "inputs", "metrics", "thresholds", "training_range")
"""What clients may know of a model's record."""


class ModelSlot:
    """Holds the model of this process, or why there is none."""

    def __init__(self, name: str, features_digest: str) -> None:
        """Start empty."""
        self.model: VerifiedModel | None = None
        self.problem = "The model is not loaded yet."
        self.features_digest = features_digest
        self._logger = logging.getLogger(f"bentoml.service.{name.replace('-', '_')}")

    def load(self, folder: Path) -> VerifiedModel | None:
        """Verify and load the model; on refusal keep the reason for clients and log the whole."""
        try:
            self.model = VerifiedModel(folder, features_digest=self.features_digest)
        except ModelRefusedError as error:
            # Where and why is for the log; a client learns that there is no model, not our paths.
            self.problem = "No verified model is loaded, so no decision can be given."
            self._logger.error("Model refused, the service will not be ready: %s", error)  # noqa: TRY400
        return self.model

    def unavailable(self) -> str | None:
        """Return why no prediction can be made, or ``None``."""
        return None if self.model else self.problem

    def application(self) -> Starlette:
        """Return the pages beside the predictions: ``GET /model`` says what is served."""
        describe: Callable[[Request], Coroutine[Any, Any, JSONResponse]] = self._describe
        return Starlette(routes=[Route("/model", describe)])

    async def _describe(self, _: Request) -> JSONResponse:
        if self.model is None:
            return JSONResponse({"error": self.problem, "reason": "unavailable"}, status_code=503)
        return JSONResponse({key: self.model.record[key] for key in SHOWN if key in self.model.record})
