"""Validation errors in the words of the person who wrote the file."""

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from infra.settings_base import NAME_RULE

_SECRET_WORDS = ("secret", "password", "passphrase", "token", "private_key", "access_key")
_SHOWN_LENGTH = 60  # characters; enough to recognise the value, short enough for one line


def describe(error: ValidationError, model: type[BaseModel], *, prefix: str) -> list[str]:
    """Return one line for each mistake: key, value given (secrets masked), what is allowed.

    Args:
        error: What pydantic found.
        model: The root of the tree that was validated.
        prefix: What stands before each key in the file, such as ``plinth:``.
    """
    return [_line(issue, model, prefix) for issue in error.errors()]


def _line(issue: Any, model: type[BaseModel], prefix: str) -> str:
    key = ".".join(str(part) for part in issue["loc"]) or "settings"
    kind = issue["type"]
    if kind == "missing":
        return f"{prefix}{key}: missing; {_allowed(issue['loc'], model)}"
    given = issue.get("input")
    if any(word in key.lower() for word in _SECRET_WORDS):
        shown = "***"
    else:
        shown = json.dumps(given, default=str)
        shown = shown if len(shown) <= _SHOWN_LENGTH else shown[: _SHOWN_LENGTH - 1] + "…"
    if kind == "extra_forbidden":
        return f"{prefix}{key}: unknown key (value {shown}); {_allowed(issue['loc'][:-1], model)}"
    message = NAME_RULE if issue["loc"][-1:] == ("[key]",) else issue["msg"].removeprefix("Value error, ")
    key = key.removesuffix(".[key]")
    return f"{prefix}{key}: {shown} is not allowed: {message}"


def _allowed(location: tuple[Any, ...], model: type[BaseModel]) -> str:
    """Say what a place in the tree may hold."""
    node: Any = model
    field: Any = None
    for part in location:
        if isinstance(node, type) and issubclass(node, BaseModel):
            field = node.model_fields.get(str(part))
            node = _model_of(field.annotation) if field is not None else None
        # A key of a mapping (a service's name) keeps the model of its values.
    if isinstance(node, type) and issubclass(node, BaseModel):
        return "known keys are " + ", ".join(sorted(node.model_fields))
    if field is not None and field.description:
        return str(field.description)
    return "see stacks/README.md"


def _model_of(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_of(argument)
        if found is not None:
            return found
    return None
