"""Whether the condition of an IAM statement holds for a request. Pure.

The rules are those of the IAM user guide ("Condition operators", "Multivalued context keys"). What is not
known here is never guessed: an operator, a policy variable or a key that cannot be decided raises
:class:`UndecidableError`, and the caller takes the safe side.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network

Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]
"""Operator to condition key to the values that the statement names."""

_ARN_PARTS = 6
PATTERNS = 4096
"""Patterns that are kept compiled: those of every policy of a stack (hundreds) with room, 1 KB each."""


class UndecidableError(Exception):
    """A condition asks for something that nobody here knows."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is known of a request.

    Args:
        values: Condition key, in lower case, to its values; no values: the request is known to lack the key.
        complete: True when the request lacks every key that is not listed; false when such a key is
            simply not known, so that a condition on it cannot be decided.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    complete: bool = True

    def of(self, key: str) -> Sequence[str]:
        """Return the values of a key, none when the request lacks it.

        Raises:
            UndecidableError: Nobody knows whether the request has it.
        """
        found = self.values.get(key.lower())
        if found is None and not self.complete:
            raise UndecidableError(f"condition key {key}")
        return found or ()


def context(values: Mapping[str, str], *, complete: bool = True) -> Context:
    """Return a context in which each key has one value."""
    return Context(values={key.lower(): (value,) for key, value in values.items()}, complete=complete)


def holds(conditions: Conditions, known: Context) -> bool:
    """Tell whether every condition of a statement holds.

    Raises:
        UndecidableError: One of them cannot be decided, and no other one fails for certain.
    """
    undecided: UndecidableError | None = None
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            try:
                if not _one(operator, known.of(key), _listed(wanted)):
                    return False
            except UndecidableError as error:
                undecided = error
    if undecided is not None:
        raise undecided
    return True


def matches(pattern: str, text: str) -> bool:
    """Tell whether a text matches a pattern; ``*`` stands for anything, ``?`` for one character."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(PATTERNS)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)


def arn_matches(pattern: str, arn: str) -> bool:
    """Tell whether an ARN matches a pattern, part by part: only in the last a star reaches over a colon."""
    if pattern == "*":
        return True
    wanted, given = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    return len(wanted) == len(given) and all(map(matches, wanted, given))


def _listed(wanted: str | Sequence[str]) -> list[str]:
    # A policy that was not written by this project may say true instead of "true".
    values = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    for text in texts:
        if "${" in text:
            raise UndecidableError(f"policy variable in {text}")
    return texts


def _one(operator: str, given: Sequence[str], wanted: list[str]) -> bool:
    """Tell whether one key's condition holds; ``given`` is empty when the request lacks the key."""
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    if name == "Null":
        return (not given) == (wanted == ["true"])
    if name not in _COMPARISONS:
        raise UndecidableError(f"operator {operator}")
    compare, negated = _COMPARISONS[name]

    def fits(value: str) -> bool:
        return any(compare(value, choice) for choice in wanted) is not negated

    if not given:
        # A negated operator holds for a key that is not there; so does ForAllValues, and ForAnyValue never.
        return if_exists or (negated if not quantifier else quantifier == "ForAllValues")
    if quantifier == "ForAnyValue":
        return any(map(fits, given))
    return all(map(fits, given))


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def compared(value: str, choice: str) -> bool:
        try:
            return compare(float(value), float(choice))
        except ValueError:
            raise UndecidableError(f"number in {value!r} and {choice!r}") from None

    return compared


def _address(value: str, network: str) -> bool:
    try:
        return ip_address(value) in ip_network(network, strict=False)
    except ValueError:
        raise UndecidableError(f"address in {value!r} and {network!r}") from None


_COMPARISONS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (lambda a, b: a == b, False),
    "StringNotEquals": (lambda a, b: a == b, True),
    "StringEqualsIgnoreCase": (lambda a, b: a.lower() == b.lower(), False),
    "StringNotEqualsIgnoreCase": (lambda a, b: a.lower() == b.lower(), True),
    "StringLike": (lambda a, b: matches(b, a), False),
    "StringNotLike": (lambda a, b: matches(b, a), True),
    "ArnEquals": (lambda a, b: arn_matches(b, a), False),
    "ArnLike": (lambda a, b: arn_matches(b, a), False),
    "ArnNotEquals": (lambda a, b: arn_matches(b, a), True),
    "ArnNotLike": (lambda a, b: arn_matches(b, a), True),
    "Bool": (lambda a, b: a.lower() == b.lower(), False),
    "NumericEquals": (_number(lambda a, b: a == b), False),
    "NumericNotEquals": (_number(lambda a, b: a == b), True),
    "NumericLessThan": (_number(lambda a, b: a < b), False),
    "NumericLessThanEquals": (_number(lambda a, b: a <= b), False),
    "NumericGreaterThan": (_number(lambda a, b: a > b), False),
    "NumericGreaterThanEquals": (_number(lambda a, b: a >= b), False),
    "IpAddress": (_address, False),
    "NotIpAddress": (_address, True),
}
"""Operator to its comparison of a request's value with a statement's, and whether the result is turned round.
Not here: dates and binaries, which no policy of this project uses; they are undecidable."""
