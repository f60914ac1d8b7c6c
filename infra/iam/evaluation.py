"""What a set of policies says to a request: allowed, denied, or nothing. Pure.

Used wherever this project asks what a policy document does: the table of who may do what, the local AWS
API's bucket policies, the check of what a deployer needs.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from infra.iam.conditions import Context, UndecidableError, arn_matches, holds, matches


class Verdict(Enum):
    """What policies say."""

    ALLOWED = "allowed"
    DENIED = "denied"
    """By a statement that denies; no other statement can allow it."""
    SILENT = "not allowed by any statement"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What policies say, and why.

    Args:
        verdict: What they say.
        reason: The statement that decided, and what could not be decided about it; empty when none did.
    """

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, as policies see it.

    Args:
        action: Such as ``s3:GetObject``.
        resource: ARN, or ``*`` for an action that knows no resource.
        known: Values of condition keys.
    """

    action: str
    resource: str
    known: Context


def decide(
    documents: Iterable[str],
    request: Request,
    *,
    principal: Callable[[Mapping[str, Any]], bool | None] = lambda _: True,
) -> Decision:
    """Return what identity policies, or one resource policy, say to a request.

    What cannot be decided counts against the request: a statement that denies applies, one that allows
    does not.

    Args:
        documents: Policy documents as JSON.
        request: The request.
        principal: Tells whether a statement is about who asks; None when that cannot be decided. The
            default is for identity policies, whose statements name nobody.
    """
    allowed: Decision | None = None
    for statement in (one for document in documents for one in statements(document)):
        if not concerns(statement, request.action, request.resource):
            continue
        effect = statement["Effect"]
        whom = principal(statement)
        if whom is False:
            continue
        doubt = "its principal cannot be decided" if whom is None else ""
        try:
            if not holds(statement.get("Condition", {}), request.known):
                continue
        except UndecidableError as error:
            doubt = f"{error} cannot be decided"
        name = str(statement.get("Sid", "without a Sid"))
        if effect == "Deny":
            reason = f"statement {name}" + (f", because {doubt}" if doubt else "")
            return Decision(verdict=Verdict.DENIED, reason=reason)
        if not doubt and allowed is None:
            allowed = Decision(verdict=Verdict.ALLOWED, reason=f"statement {name}")
    return allowed or Decision(verdict=Verdict.SILENT)


def permitted(own: Iterable[str], boundary: str | None, request: Request) -> bool:
    """Tell whether a role may do something: its policies must allow it and its boundary too.

    Args:
        own: The role's policy documents.
        boundary: Its permission boundary; None when it has none.
        request: The request.
    """
    if decide(own, request).verdict is not Verdict.ALLOWED:
        return False
    return boundary is None or decide([boundary], request).verdict is Verdict.ALLOWED


def statements(document: str) -> list[dict[str, Any]]:
    """Return the statements of a policy document; one that stands alone needs no list."""
    found = json.loads(document)["Statement"]
    return list(found) if isinstance(found, list) else [found]


def concerns(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    """Tell whether a statement speaks of an action on a resource; a trust policy speaks of its role alone."""
    if "NotAction" in statement:
        spoken = not any(matches(p.lower(), action.lower()) for p in listed(statement["NotAction"]))
    else:
        spoken = any(matches(p.lower(), action.lower()) for p in listed(statement["Action"]))
    if not spoken:
        return False
    if "NotResource" in statement:
        return not any(arn_matches(p, resource) for p in listed(statement["NotResource"]))
    return any(arn_matches(p, resource) for p in listed(statement.get("Resource", "*")))


def listed(value: str | Sequence[str]) -> list[str]:
    """Return one value or several as a list."""
    return [value] if isinstance(value, str) else list(value)
