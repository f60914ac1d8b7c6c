"""Answers in place of a decision: what is wrong, never what was sent."""

import re
from typing import Any

from pydantic import BaseModel, ValidationError

MAX_PROBLEMS = 20
"""So many problems of a body are named; a body full of unknown fields must not make a huge answer."""

UNKNOWN_FIELD = "(unknown field)"
BODY = "(body)"

_FIELD_NAME = re.compile(r"[0-9A-Za-z_.-]{1,64}")


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """An answer in place of a decision.

    Args:
        status: HTTP status, 4xx or 503.
        reason: One word for metrics and programs, from a closed set.
        message: One sentence for people, without anything that the client sent.
        problems: What is wrong with which field.
        headers: Further headers.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        problems: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Keep the parts of the answer."""
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
        self.problems, self.headers = problems or [], headers or {}


def parse_body(schema: type[BaseModel], body: bytes) -> Any:
    """Return the request in a JSON body.

    Raises:
        Refusal: It is not JSON or breaks the schema. A field is named when it is the schema's own, or
            when the unknown name is a plain word; the value that was sent is never shown.
    """
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = []
    for problem in found[:MAX_PROBLEMS]:
        field = ".".join(str(part) for part in problem["loc"]) or BODY
        if problem["type"] == "extra_forbidden" and not _FIELD_NAME.fullmatch(field):
            field = UNKNOWN_FIELD
        problems.append({"field": field, "problem": problem["msg"], "type": problem["type"]})
    raise Refusal(
        400,
        "invalid",
        f"The body has {len(found)} problem(s); see the schema in the service's README.",
        problems,
    )


def named_problems(schema: type[BaseModel], problems: list[dict[str, str]]) -> str:
    """Return problems for the log: only names of the schema's own fields, and the kind of each problem."""
    known = {*schema.model_fields, BODY}
    return ", ".join(
        sorted({f"{p['field'] if p['field'] in known else UNKNOWN_FIELD}: {p['type']}" for p in problems})
    )
