"""Exemptions: what a few named objects may have although a control forbids it; see ``exemptions.yaml``."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import yaml

from policies.core import Resource
from policies.core.values import Value

_FILE = Path(__file__).with_name("exemptions.yaml")


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """What some objects may have.

    Args:
        control: Control that forbids it to all others.
        kind: Canonical type of the objects.
        namespace: Their namespace; empty for what has none.
        names: Their names; ``*`` may stand at the end.
        values: What they may have, and nothing else.
        why: Why it cannot be otherwise.
    """

    control: str
    kind: str
    namespace: str
    names: Sequence[str]
    values: Sequence[Value]
    why: str

    def covers(self, resource: Resource) -> bool:
        """Whether it speaks of a resource. A name or namespace that is not known is not the one named."""
        name, namespace = resource.at("metadata", "name"), resource.at("metadata", "namespace")
        if resource.kind != self.kind or not name.known:
            return False
        if (namespace.value if namespace.known else "") != self.namespace or namespace.unknown:
            return False
        return any(fnmatchcase(str(name.value), pattern) for pattern in self.names)


@lru_cache(maxsize=1)
def exemptions() -> tuple[Exemption, ...]:
    """Return all exemptions."""
    rows = yaml.load(_FILE.read_text(encoding="utf-8"), yaml.CSafeLoader)["exemptions"]
    return tuple(Exemption(**row) for row in rows)


def exempted(control: str, resource: Resource | None) -> tuple[Value, ...]:
    """Return the values that a resource may have although a control forbids them; none for most."""
    if resource is None:
        return ()
    return tuple(
        value
        for exemption in exemptions()
        if exemption.control == control and exemption.covers(resource)
        for value in exemption.values
    )
