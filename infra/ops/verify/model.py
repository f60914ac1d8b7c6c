"""Promises as data, and the comparison of what they want with what was read. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from infra.settings import Settings

Document = Mapping[str, Any]


class Verdict(StrEnum):
    """What can be said of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    UNSEEN = "cannot be seen here"


@dataclass(frozen=True)
class Unseen:
    """Stands in the place of a fact that could not be read.

    Args:
        why: In words: refused, not emulated, nothing there yet.
    """

    why: str


Facts = Mapping[str, Mapping[str, Document] | Unseen]
"""Kind of thing to name to what was read of it."""


class Matcher(Protocol):
    """What a value has to be; its text says it."""

    def holds(self, found: Any) -> bool:
        """Tell whether the value is as promised; a missing one is None and never is."""


@dataclass(frozen=True)
class Is:
    """Exactly this value."""

    value: Any

    def holds(self, found: Any) -> bool:
        """Compare value and type: 1 is not true."""
        return type(found) is type(self.value) and bool(found == self.value)

    def __str__(self) -> str:
        """Say it."""
        return repr(self.value)


@dataclass(frozen=True)
class AtLeast:
    """This number or more."""

    least: float

    def holds(self, found: Any) -> bool:
        """Compare numbers."""
        return isinstance(found, int | float) and not isinstance(found, bool) and found >= self.least

    def __str__(self) -> str:
        """Say it."""
        return f"{self.least} or more"


@dataclass(frozen=True)
class Has:
    """All of these among others."""

    items: frozenset[Any]

    def holds(self, found: Any) -> bool:
        """Compare as sets."""
        return isinstance(found, list | tuple | set | frozenset | Mapping) and self.items <= set(found)

    def __str__(self) -> str:
        """Say it."""
        return "with " + ", ".join(sorted(map(str, self.items)))


@dataclass(frozen=True)
class Nothing:
    """An empty list that was read, not one that is missing."""

    def holds(self, found: Any) -> bool:
        """Tell whether it is empty."""
        return isinstance(found, list | tuple) and not found

    def __str__(self) -> str:
        """Say it."""
        return "nothing"


def has(*items: Any) -> Has:
    """Return the matcher of a collection that has at least these items."""
    return Has(frozenset(items))


Wants = Mapping[str, Matcher]
Selector = Mapping[str, str]


def _all(_: Settings, __: Document) -> bool:
    return True


def _always(_: Settings) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One thing that the design promises and that can be read back.

    Args:
        id: Kebab-case name, unique and never used again for something else.
        says: The promise in one sentence.
        design: Part of design.md that makes it.
        read: Operations of AWS, or kinds of Kubernetes, from which it is read.
        of: Kind of fact that it speaks of.
        wants: From the settings and one document, dotted path to what must be there.
        required: Things that must exist at all, each as what its document says of itself; without at
            least one the promise would be kept by an empty account.
        among: Which documents of the kind it speaks of.
        applies: For which stacks it is made.
    """

    id: str
    says: str
    design: str
    read: str
    of: str
    wants: Callable[[Settings, Document], Wants]
    required: Callable[[Settings], Sequence[Selector]]
    among: Callable[[Settings, Document], bool] = _all
    applies: Callable[[Settings], bool] = _always


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The verdict on one promise.

    Args:
        promise: What was promised.
        verdict: What can be said of it.
        looked_at: How many things it speaks of here.
        why: For a broken one: thing, property, what is there, what was promised. For an unseen one: why.
    """

    promise: Promise
    verdict: Verdict
    looked_at: int = 0
    why: tuple[str, ...] = field(default=())


def value_at(document: Any, path: str) -> Any:
    """Return what lies at a dotted path; None where there is nothing, Unseen where it could not be read."""
    found = document
    for step in path.split("."):
        if isinstance(found, Unseen):
            return found
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def judge(promise: Promise, facts: Facts, settings: Settings) -> Finding:
    """Return the verdict on a promise: broken beats unseen, and unseen beats kept."""
    known = facts.get(promise.of, Unseen(f"nobody read '{promise.of}'"))
    if isinstance(known, Unseen):
        return Finding(promise=promise, verdict=Verdict.UNSEEN, why=(known.why,))
    subjects = {name: document for name, document in known.items() if promise.among(settings, document)}
    broken = [
        f"there is none: {', '.join(f'{key} {value}' for key, value in selector.items())}"
        for selector in promise.required(settings)
        if not any(_is(document, selector) for document in subjects.values())
    ]
    unseen: list[str] = []
    for name, document in sorted(subjects.items()):
        for path, matcher in promise.wants(settings, document).items():
            found = value_at(document, path)
            if isinstance(found, Unseen):
                unseen.append(f"{name}: {path}: {found.why}")
            elif not matcher.holds(found):
                broken.append(f"{name}: {path} is {_shown(found)}, promised {matcher}")
    verdict = Verdict.BROKEN if broken else Verdict.UNSEEN if unseen else Verdict.KEPT
    return Finding(
        promise=promise, verdict=verdict, looked_at=len(subjects), why=tuple(broken or dict.fromkeys(unseen))
    )


def judge_all(promises: Iterable[Promise], facts: Facts, settings: Settings) -> list[Finding]:
    """Return the verdicts on all promises that are made for this stack."""
    return [judge(promise, facts, settings) for promise in promises if promise.applies(settings)]


def _is(document: Document, selector: Selector) -> bool:
    return all(document.get(key) == value for key, value in selector.items())


def _shown(found: Any) -> str:
    text = "not there" if found is None else repr(found)
    return text if len(text) <= 120 else f"{text[:117]}..."  # noqa: PLR2004 - a line of the terminal
