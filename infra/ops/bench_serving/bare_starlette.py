"""The same model in Starlette alone: what Python's fastest common web stack does with it."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.credit_risk.features import encode
from services.credit_risk.schema import CreditApplication
from services.readiness.model import INPUT, OUTPUT, opened

SESSION = opened(Path(os.environ["BENCH_MODEL"]))


async def decide(request: Request) -> JSONResponse:
    """Answer one application; the body is the application itself."""
    application = CreditApplication.model_validate_json(await request.body())
    answer = SESSION.run([OUTPUT], {INPUT: [encode(application)]})[0]
    return JSONResponse({"probability_of_default": float(answer[0][1])})


async def ready(_: Request) -> JSONResponse:
    """Answer the probe."""
    return JSONResponse({})


APP = Starlette(routes=[Route("/v1/decisions", decide, methods=["POST"]), Route("/readyz", ready)])
