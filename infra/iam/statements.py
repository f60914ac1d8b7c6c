"""IAM statements as frozen data, rendered to the JSON that AWS reads.

Pure: no resources, no outputs. A caller inside ``Output.apply`` passes plain strings.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

POLICY_VERSION = "2012-10-17"
"""The current policy language (IAM reference); the older one lacks variables."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One IAM statement.

    Args:
        sid: Letters and digits that say what the statement is for.
        actions: Actions, such as ``s3:GetObject``.
        resources: ARNs, or ``*`` where the action knows no resource (key policies).
        effect: ``Allow`` or ``Deny``.
        principals: Principal type (``AWS``, ``Service``) to identities; none in identity policies.
        conditions: Operator to condition key to allowed values.

    Raises:
        ValueError: An allow for everyone without a condition, or a sid with other characters.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    effect: Literal["Allow", "Deny"] = "Allow"
    principals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what must never be written."""
        if not self.sid.isalnum():
            raise ValueError(f"sid {self.sid!r} may hold letters and digits only")
        if not self.actions or not self.resources:
            raise ValueError(f"statement {self.sid} needs actions and resources")
        everyone = any("*" in identities for identities in self.principals.values())
        if self.effect == "Allow" and everyone and not self.conditions:
            raise ValueError(f"statement {self.sid} allows everyone; name the principals or add a condition")

    def render(self) -> dict[str, Any]:
        """Return the statement in AWS's own shape, keys in a fixed order."""
        statement: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Action": _plain(self.actions),
            "Resource": _plain(self.resources),
        }
        if self.principals:
            statement["Principal"] = {kind: _plain(who) for kind, who in sorted(self.principals.items())}
        if self.conditions:
            statement["Condition"] = {
                operator: {key: _plain(values) for key, values in sorted(keys.items())}
                for operator, keys in sorted(self.conditions.items())
            }
        return statement


def _plain(values: Sequence[str]) -> str | list[str]:
    """Return one value bare and several sorted, as AWS itself writes a policy back."""
    return values[0] if len(values) == 1 else sorted(values)


def document(*statements: Statement, trust: bool = False) -> str:
    """Return a policy document as JSON, the same bytes for the same statements.

    Args:
        statements: The statements.
        trust: Whether it is the trust of a role, where IAM wants no resource (the role is it).

    Raises:
        ValueError: Two statements share a sid, which would hide one of them in reviews.
    """
    sids = [statement.sid for statement in statements]
    twice = sorted({sid for sid in sids if sids.count(sid) > 1})
    if twice:
        raise ValueError(f"sid used twice: {', '.join(twice)}")
    rendered = [statement.render() for statement in statements]
    if trust:
        for statement in rendered:
            del statement["Resource"]
    return json.dumps({"Version": POLICY_VERSION, "Statement": rendered})
