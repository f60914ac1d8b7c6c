"""Which resource belongs to which: by name where it is known, by dependency where it is not.

Before the first update a bucket's id is unknown, so ``bucket=bucket.id`` is unknown too. What is
known then is that this very property is fed by that very bucket; this is what relations rest on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from policies.core.cursor import At
from policies.core.resources import Resource


class _Link(Enum):
    YES = "yes"
    MAYBE = "maybe"
    NO = "no"


@dataclass(frozen=True)
class Attached:
    """What belongs to a resource.

    Args:
        sure: Resources that belong to it for certain.
        maybe: Resources of which it cannot be known yet.
    """

    sure: tuple[Resource, ...]
    maybe: tuple[Resource, ...]


class Stack:
    """All resources of a stack, by type and by identity."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        """Index the resources; each is looked at once."""
        self.resources = tuple(resources)
        self._by_kind: dict[str, list[Resource]] = {}
        self._by_urn: dict[str, Resource] = {}
        for resource in self.resources:
            self._by_kind.setdefault(resource.kind, []).append(resource)
            self._by_urn[resource.urn] = resource

    def of_kind(self, kind: str) -> tuple[Resource, ...]:
        """Return the resources of a canonical type."""
        return tuple(self._by_kind.get(kind, ()))

    def by_urn(self, urn: str) -> Resource | None:
        """Return the resource with a URN; None when it is not one that the controls look at."""
        return self._by_urn.get(urn)

    def attached(self, subject: Resource, identity: At, kind: str, *path: str) -> Attached:
        """Return the resources of a type whose property at ``path`` names the subject.

        Args:
            subject: What they belong to.
            identity: Place of the subject's own name.
            kind: Canonical type of what is looked for.
            path: Property that names the subject, top-level key first.
        """
        sure, maybe = [], []
        for candidate in self.of_kind(kind):
            link = self._link(candidate, path, subject, identity)
            if link is _Link.YES:
                sure.append(candidate)
            elif link is _Link.MAYBE:
                maybe.append(candidate)
        return Attached(tuple(sure), tuple(maybe))

    def _link(self, candidate: Resource, path: tuple[str, ...], subject: Resource, identity: At) -> _Link:
        reference = candidate.at(*path)
        if reference.absent:
            return _Link.NO
        if reference.known and identity.known:
            return _Link.YES if reference.value == identity.value else _Link.NO
        sources = candidate.property_dependencies.get(path[0]) or candidate.dependencies
        siblings = [
            urn
            for urn in sources
            if (source := self._by_urn.get(urn)) is not None and source.kind == subject.kind
        ]
        if siblings == [subject.urn]:
            return _Link.YES
        if siblings and subject.urn not in siblings:
            return _Link.NO
        # A known name without any such source was written by hand; it may yet be the subject's.
        return _Link.MAYBE
