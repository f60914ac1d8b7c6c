"""AWS policy documents as far as controls need them: who is let in, and what is kept out."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from policies.core.cursor import At
from policies.core.values import ABSENT, UNKNOWN, Value, normalise

EVERYONE = "*"
_ACCOUNT = re.compile(r"^(?:arn:[a-z-]+:(?:iam|sts)::)?(?P<account>[0-9]{12})(?::.+)?$")
_ACCOUNT_IN = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_BUCKET_ARN = re.compile(r"^arn:[a-z-]+:s3:::(?P<bucket>[^/]+)(?P<objects>/\*)?$")
_NARROWING = frozenset(
    {
        "aws:principalorgid",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "kms:calleraccount",
    }
)
"""Condition keys that tie a caller to somebody; what a caller may choose freely is not among them."""
_EXACT = frozenset({"stringequals", "arnequals", "arnlike", "stringlike"})


@dataclass(frozen=True)
class Statement:
    """One statement, lists made of single values, condition keys in lower case."""

    allow: bool
    principals: Mapping[str, tuple[str, ...]]
    all_but: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    all_actions_but: bool = False
    """It speaks of every action except those that are named (``NotAction``)."""
    all_resources_but: bool = False
    """It speaks of every resource except those that are named (``NotResource``)."""

    @property
    def for_everyone(self) -> bool:
        """Whether anybody is meant, of any kind."""
        return self.all_but or any(EVERYONE in names for names in self.principals.values())

    @property
    def narrowed(self) -> bool:
        """Whether a condition ties the caller to an account, an organisation or a network."""
        return any(
            operator in _EXACT and key in _NARROWING and values and all(map(_ties, values))
            for operator, key, values in self.conditions
        )

    def accounts(self) -> Iterator[str | None]:
        """Give the account of each AWS identity that is named; None for one that shows none."""
        for identity in self.principals.get("AWS", ()):
            if identity != EVERYONE:
                match = _ACCOUNT.match(identity)
                yield match["account"] if match else None

    def denies_plain_http(self, bucket: Value) -> bool:
        """Whether every request without TLS, by anyone, to the bucket and its objects is refused."""
        if self.allow or self.all_but or EVERYONE not in {n for ns in self.principals.values() for n in ns}:
            return False
        if self.all_actions_but or self.all_resources_but or not {"s3:*", "*"} & set(self.actions):
            return False
        (condition, *more) = self.conditions or [("", "", ())]
        operator, key, values = condition
        only_tls = (
            operator in {"bool", "boolifexists"} and key == "aws:securetransport" and values == ("false",)
        )
        return only_tls and not more and self._covers(bucket)

    def _covers(self, bucket: Value) -> bool:
        if EVERYONE in self.resources:
            return True
        whole: set[str] = set()
        objects: set[str] = set()
        for match in filter(None, map(_BUCKET_ARN.match, self.resources)):
            (objects if match["objects"] else whole).add(match["bucket"])
        both = whole & objects
        return bool(both) if bucket is UNKNOWN else bool(both & {bucket, EVERYONE})


def _ties(value: str) -> bool:
    """Whether a condition's value means somebody: a pattern does so only with an account in it."""
    return bool(_ACCOUNT_IN.search(value)) if set("*?") & set(value) else bool(value)


def statements(at: At) -> tuple[Statement, ...] | None:
    """Return the statements of a known policy document; None when it is no such document."""
    value = at.value
    return _parsed(value) if isinstance(value, str) else _all_statements(value)


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Statement, ...] | None:
    """Return the statements of a document as text, which several controls ask for."""
    try:
        return _all_statements(normalise(json.loads(text)))
    except ValueError:
        return None


def _all_statements(value: Value) -> tuple[Statement, ...] | None:
    if not isinstance(value, Mapping):
        return None
    found = At(value).at("Statement").each()
    parsed = tuple(_statement(item) for item in found)
    return None if not parsed or None in parsed else tuple(s for s in parsed if s is not None)


def _statement(item: At) -> Statement | None:
    if not isinstance(item.value, Mapping):
        return None
    value = {key: inner for key, inner in item.value.items() if inner is not ABSENT}
    if value.get("Effect") not in ("Allow", "Deny"):
        return None
    if not any(key in value for key in ("Action", "NotAction")):
        return None
    principal = value.get("Principal", value.get("NotPrincipal", {}))
    principals = (
        {kind: _strings(names) for kind, names in principal.items()}
        if isinstance(principal, Mapping)
        else {EVERYONE: _strings(principal)}
    )
    condition = value.get("Condition", {})
    conditions = tuple(
        (operator.lower(), key.lower(), _strings(values))
        for operator, keys in (condition.items() if isinstance(condition, Mapping) else ())
        for key, values in (keys.items() if isinstance(keys, Mapping) else ())
    )
    return Statement(
        allow=value["Effect"] == "Allow",
        principals=principals,
        all_but="NotPrincipal" in value,
        actions=_strings(value.get("Action", value.get("NotAction", ()))),
        resources=_strings(value.get("Resource", value.get("NotResource", ()))),
        conditions=conditions,
        all_actions_but="NotAction" in value,
        all_resources_but="NotResource" in value,
    )


def _strings(value: Value) -> tuple[str, ...]:
    items = value if isinstance(value, tuple) else (value,)
    return tuple(
        str(item).lower() if isinstance(item, bool) else str(item) for item in items if item is not ABSENT
    )
