"""The description of a service's API, made from the same classes that check and answer."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from services.readiness.feature_lookup import Subject
from services.readiness.security import DECIDE_SCOPE, MODEL_SCOPE


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Name of the field.")
    problem: str = Field(description="The rule that it breaks; never the value that was sent.")


class Problem(BaseModel):
    """An answer in place of a decision."""

    model_config = ConfigDict(extra="forbid")

    error: str = Field(description="One sentence for people.")
    reason: str = Field(description="One word of a closed set, for programs.")
    request_id: str = Field(description="Identifies this answer in the logs.")
    problems: list[FieldProblem] = Field(default=[], description="What is wrong with which field.")


REFUSALS = {
    "400": "The body is not JSON, or breaks its schema.",
    "401": "There is no token, or not one of the issuer for this service.",
    "403": "The token lacks the scope.",
    "405": "Another method is needed.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is not said to be JSON.",
    "429": "The caller asks more often than it may; see Retry-After.",
    "503": "No decision can be given now, by design; the reason is in the answer. See Retry-After.",
}


def openapi(
    *,
    title: str,
    version: str,
    request: type[BaseModel],
    answer: type[BaseModel],
    example: dict[str, Any],
    known: bool = False,
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a service.

    Args:
        title: Name of the service.
        version: Of the API, such as ``1.0.0``.
        request: Schema of a request's body.
        answer: Schema of a decision.
        example: A valid request.
        known: Whether a request may also name a subject whose features are in the store.
    """
    asked: list[type[BaseModel]] = [request, *([Subject] if known else [])]
    _, schemas = models_json_schema(
        [*((one, "validation") for one in asked), (answer, "serialization"), (Problem, "serialization")],
        ref_template="#/components/schemas/{model}",
    )

    def content(model: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}}

    refusals = {code: {"description": text, "content": content("Problem")} for code, text in REFUSALS.items()}
    body = content(request.__name__)
    body["application/json"]["example"] = example
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": "/v1"}],
        "paths": {
            "/decisions": {
                "post": {
                    "operationId": "decide",
                    "summary": "Decide on one application.",
                    "security": [{"token": [DECIDE_SCOPE]}],
                    "requestBody": {"required": True, "content": body},
                    "responses": {
                        "200": {"description": "A decision.", "content": content(answer.__name__)},
                        **refusals,
                    },
                }
            },
            **(_known(content(answer.__name__), content("Subject"), refusals) if known else {}),
            "/model": {
                "get": {
                    "operationId": "describe",
                    "summary": "What is served, and what it was made from.",
                    "security": [{"token": [MODEL_SCOPE]}],
                    "responses": {
                        "200": {
                            "description": "The model.",
                            "content": {"application/json": {"schema": {"type": "object"}}},
                        },
                        **{code: refusals[code] for code in ("401", "403", "405", "429", "503")},
                    },
                }
            },
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _known(answer: dict[str, Any], asked: dict[str, Any], refusals: dict[str, Any]) -> dict[str, Any]:
    unknown = {"description": "The feature store knows nobody of this name."}
    decide = {
        "operationId": "decide_known",
        "summary": "Decide on somebody whose features are in the store.",
        "security": [{"token": [DECIDE_SCOPE]}],
        "requestBody": {"required": True, "content": asked},
        "responses": {
            "200": {"description": "A decision.", "content": answer},
            "404": unknown | {"content": refusals["400"]["content"]},
            **refusals,
        },
    }
    return {"/decisions/known": {"post": decide}}
