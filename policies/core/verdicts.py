"""What a check says: one verdict for each place it looked at, one finding for each control and resource."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from policies.core.cursor import At
from policies.core.values import Value


class Verdict(IntEnum):
    """Answer of a control for a resource, ordered: the highest of several is the answer."""

    NOT_APPLICABLE = 0
    """The control has nothing to say about this resource."""
    PASSED = 1
    WAIVED = 2
    """It would block, and a waiver in force lets it be for a while; it is shown all the same."""
    UNDECIDED = 3
    """The property that decides is set but not known. Blocks like a failure: nothing is decided by hoping."""
    FAILED = 4

    @property
    def blocks(self) -> bool:
        """Whether a mandatory control stops the change."""
        return self >= Verdict.UNDECIDED


@dataclass(frozen=True, slots=True)
class Outcome:
    """Verdict of a check about one place. The reason never holds a property's value: it may be a secret."""

    verdict: Verdict
    path: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Verdict of a control about a resource.

    Args:
        control: Id of the control.
        urn: Resource that was judged.
        type: Its type token.
        name: Its logical name.
        verdict: The answer.
        message: What was found and where, without values; empty when nothing is wrong.
        path: First property that decided.
        internal: The check itself broke; such a finding blocks at every level.
    """

    control: str
    urn: str
    type: str
    name: str
    verdict: Verdict
    message: str = ""
    path: str = ""
    internal: bool = False


def passed() -> Outcome:
    """Return that all is well here."""
    return Outcome(Verdict.PASSED)


def not_applicable() -> Outcome:
    """Return that there is nothing to judge."""
    return Outcome(Verdict.NOT_APPLICABLE)


def failed(at: At | str, reason: str) -> Outcome:
    """Return that a place breaks the control; the reason says what it has to be."""
    return Outcome(Verdict.FAILED, at.path if isinstance(at, At) else at, reason)


def undecided(at: At | str, reason: str = "is not known yet") -> Outcome:
    """Return that a place decides, and cannot be read."""
    return Outcome(Verdict.UNDECIDED, at.path if isinstance(at, At) else at, reason)


def require(
    at: At,
    test: Callable[[Value], bool],
    reason: str,
    *,
    absent: Verdict = Verdict.FAILED,
    unknown: Verdict = Verdict.UNDECIDED,
) -> Outcome:
    """Judge one place by its three states.

    Args:
        at: The place.
        test: Whether a known value is good.
        reason: What the value has to be, for the message.
        absent: Verdict when nothing is set; a safe default of the service makes it ``PASSED``.
        unknown: Verdict when the value is not known; ``PASSED`` where being set is the proof. That
            does not hold below an unknown object, of which nobody knows what it sets.
    """
    if at.unknown:
        return passed() if unknown is Verdict.PASSED and not at.blocked else undecided(at)
    if at.absent:
        return Outcome(absent, at.path, f"is not set; {reason}" if absent.blocks else "")
    return passed() if test(at.value) else failed(at, reason)


def is_true(value: Value) -> bool:
    """Whether a value is the boolean true, and not something that merely looks like it."""
    return value is True


def is_false(value: Value) -> bool:
    """Whether a value is the boolean false."""
    return value is False


def one_of(*allowed: str) -> Callable[[Value], bool]:
    """Return a test for a closed set of strings."""
    return lambda value: isinstance(value, str) and value in allowed


def is_set(value: Value) -> bool:
    """Whether a known value says anything: no empty string, list or mapping."""
    return value not in ("", (), {})
