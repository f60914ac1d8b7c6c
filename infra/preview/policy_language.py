"""AWS policy documents as sets that can be compared: who, what, on which, under which conditions. Pure."""

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.preview.globs import covers, overlap

ANYONE = "*"
_ACCOUNT = re.compile(r"^(?:arn:[a-z-]+:iam::)?(\d{12})(?::root)?$")
_NEGATED = re.compile(r"^(?:forallvalues:|foranyvalue:)?(?:string|arn|numeric|date|bool)?not")
_LIKE = frozenset({"stringlike", "arnlike", "arnequals"})
_ORDERED = {"lessthan": 1, "lessthanequals": 1, "greaterthan": -1, "greaterthanequals": -1}


@dataclass(frozen=True)
class Matcher:
    """A set of texts: those that a pattern matches, or all but those.

    Args:
        patterns: Patterns with ``*`` and ``?``.
        inverted: Whether everything else is meant (``NotAction`` and its like).
    """

    patterns: tuple[str, ...]
    inverted: bool = False

    def parts(self) -> tuple["Matcher", ...]:
        """Return the set as sets of one pattern each; an inverted set is one part."""
        return (self,) if self.inverted else tuple(Matcher((pattern,)) for pattern in self.patterns)

    def covers(self, part: "Matcher") -> bool:
        """Return whether everything in ``part`` is in this set. A doubt counts as no."""
        if self.inverted and part.inverted:
            return all(any(covers(out, mine) for out in part.patterns) for mine in self.patterns)
        if self.inverted:
            return not any(overlap(out, theirs) for out in self.patterns for theirs in part.patterns)
        if part.inverted:
            return ANYONE in self.patterns
        return all(any(covers(mine, theirs) for mine in self.patterns) for theirs in part.patterns)

    def meets(self, part: "Matcher") -> bool:
        """Return whether something may be in both. A doubt counts as yes."""
        if self.inverted and part.inverted:
            return True
        if self.inverted or part.inverted:
            plain, out = (part, self) if self.inverted else (self, part)
            return not all(any(covers(o, p) for o in out.patterns) for p in plain.patterns)
        return any(overlap(mine, theirs) for mine in self.patterns for theirs in part.patterns)

    def __str__(self) -> str:
        """Return the set in words."""
        named = ", ".join(self.patterns)
        return f"everything but {named}" if self.inverted else named


def union_covers(sets: Sequence[Matcher], part: Matcher) -> bool:
    """Return whether sets cover a part together: what an inverted one leaves out, another may bring."""
    if any(one.covers(part) for one in sets):
        return True
    if part.inverted:
        return False
    (pattern,) = part.patterns if len(part.patterns) == 1 else (None,)
    if pattern is None:
        return all(union_covers(sets, piece) for piece in part.parts())
    for index, one in enumerate(sets):
        if not one.inverted:
            continue
        rest = [*sets[:index], *sets[index + 1 :]]
        gaps = [out if covers(pattern, out) else pattern for out in one.patterns if overlap(out, pattern)]
        if rest and all(union_covers(rest, Matcher((gap,))) for gap in gaps):
            return True
    return False


@dataclass(frozen=True)
class Condition:
    """One line of a condition: operator, key, values; names in lower case."""

    operator: str
    key: str
    values: tuple[str, ...]
    spelled: str = field(default="", compare=False)
    """The line as it was written; case does not matter in it."""

    @property
    def negated(self) -> bool:
        """Whether the values are what must not be."""
        return bool(_NEGATED.match(self.operator)) or self.operator == "notipaddress"

    def within(self, other: "Condition") -> bool:
        """Return whether what passes this line passes the other one as well. A doubt counts as no."""
        mine, theirs = self.operator, other.operator
        if self.key != other.key:
            return False
        if theirs.endswith("ifexists"):  # without it a missing key is refused, which asks for more
            mine, theirs = mine.removesuffix("ifexists"), theirs.removesuffix("ifexists")
        if mine != theirs and not (
            mine.endswith("equals") and theirs.endswith("like") and mine[:3] == theirs[:3]
        ):
            return False
        if theirs in {"null", "bool"}:
            return self.values == other.values
        if self.negated:
            return all(any(_value_within(theirs, v, w) for w in self.values) for v in other.values)
        return all(any(_value_within(theirs, v, w) for w in other.values) for v in self.values)

    def __str__(self) -> str:
        """Return the line as a reviewer reads it."""
        return self.spelled or f"{self.key} {self.operator} {' or '.join(self.values)}"


def _value_within(operator: str, value: str, allowed: str) -> bool:  # noqa: PLR0911 - one for each kind
    if operator in ("ipaddress", "notipaddress"):
        try:
            inner = ipaddress.ip_network(value, strict=False)
            outer = ipaddress.ip_network(allowed, strict=False)
        except ValueError:
            return value == allowed
        return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
    for word, sign in _ORDERED.items():
        if operator.startswith("numeric") and operator.endswith(word):
            try:
                return sign * float(value) <= sign * float(allowed)
            except ValueError:
                return False
        if operator.startswith("date") and operator.endswith(word):
            return value <= allowed if sign == 1 else value >= allowed
    if operator.endswith("like") or (
        operator.endswith("equals") and operator.rsplit(":", maxsplit=1)[-1] in _LIKE
    ):
        return covers(allowed, value)
    return value == allowed


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document."""

    allow: bool
    principals: Matcher
    actions: Matcher
    resources: Matcher
    conditions: tuple[Condition, ...]

    def conditions_within(self, other: Sequence[Condition]) -> bool:
        """Return whether this statement asks for at least what the other lines ask for."""
        return all(any(mine.within(theirs) for mine in self.conditions) for theirs in other)


@dataclass(frozen=True)
class Document:
    """A policy document."""

    statements: tuple[Statement, ...]
    spelling: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Action in lower case to how it was written."""

    @property
    def allows(self) -> tuple[Statement, ...]:
        """Return what it allows."""
        return tuple(statement for statement in self.statements if statement.allow)

    @property
    def refuses(self) -> tuple[Statement, ...]:
        """Return what it refuses."""
        return tuple(statement for statement in self.statements if not statement.allow)


EMPTY = Document(())


class UnreadableError(ValueError):
    """The text is no policy document, so nothing can be said of what it allows."""


def parse(value: Any) -> Document:
    """Read a policy document: JSON text, or the mapping that it stands for.

    Raises:
        UnreadableError: It is neither.
    """
    if value in (None, "", {}):
        return EMPTY
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise UnreadableError("it is no JSON") from None
    if not isinstance(value, Mapping) or "Statement" not in value:
        raise UnreadableError("it has no Statement")
    statements = value["Statement"]
    listed = [statements] if isinstance(statements, Mapping) else statements
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise UnreadableError("its Statement is no list of mappings")
    written = [text for one in listed for key in ("Action", "NotAction") for text in _texts(one.get(key, []))]
    return Document(tuple(_statement(one) for one in listed), {text.lower(): text for text in written})


def _statement(raw: Mapping[str, Any]) -> Statement:
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise UnreadableError("a statement has neither Allow nor Deny")
    return Statement(
        allow=raw["Effect"] == "Allow",
        principals=_principals(raw),
        actions=_matcher(raw, "Action", lower=True),
        resources=_matcher(raw, "Resource"),
        conditions=tuple(
            sorted(
                (
                    Condition(
                        str(operator).lower(),
                        str(key).lower(),
                        tuple(sorted(_texts(values))),
                        f"{key} {operator} {' or '.join(sorted(_texts(values)))}",
                    )
                    for operator, keys in (raw.get("Condition") or {}).items()
                    for key, values in keys.items()
                ),
                key=str,
            )
        ),
    )


def _matcher(raw: Mapping[str, Any], name: str, *, lower: bool = False) -> Matcher:
    inverted = f"Not{name}" in raw
    texts = _texts(raw.get(f"Not{name}" if inverted else name, ANYONE))
    return Matcher(tuple(sorted({text.lower() if lower else text for text in texts})), inverted)


def _principals(raw: Mapping[str, Any]) -> Matcher:
    """Return who is meant as ``kind:identity`` patterns; ``*`` for anyone, ``self`` where none is named."""
    inverted = "NotPrincipal" in raw
    named = raw.get("NotPrincipal" if inverted else "Principal")
    if named is None:
        return Matcher(("self",))
    if isinstance(named, str):
        named = {"AWS": named}
    found = set()
    for kind, identities in named.items():
        for identity in _texts(identities):
            account = _ACCOUNT.match(identity)
            if identity == ANYONE and kind == "AWS":
                found.add(ANYONE)
            elif account and kind == "AWS":  # an account's root stands for all of its identities
                found.add(f"AWS:arn:*::{account[1]}:*")
            else:
                found.add(f"{kind}:{identity}")
    return Matcher(tuple(sorted(found)), inverted)


def _texts(values: Any) -> Iterable[str]:
    listed = values if isinstance(values, list | tuple) else [values]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in listed]
