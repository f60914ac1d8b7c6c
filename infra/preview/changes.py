"""The steps of the engine as changes of resources: one for each resource, property by property. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from infra.preview.stream import SECRET, Preview, Step
from infra.preview.values import Difference, at, differences

STACK_TYPE = "pulumi:pulumi:Stack"
_UNCHANGED = frozenset({"same", "read", "refresh", "import-same"})


class Operation(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    IMPORT = "import"
    SAME = "same"


_OPERATIONS = {
    "create": Operation.CREATE,
    "update": Operation.UPDATE,
    "replace": Operation.REPLACE,
    "create-replacement": Operation.REPLACE,
    "delete-replaced": Operation.REPLACE,
    "discard-replaced": Operation.REPLACE,
    "import-replacement": Operation.REPLACE,
    "remove-pending-replace": Operation.DELETE,
    "delete": Operation.DELETE,
    "discard": Operation.DELETE,
    "import": Operation.IMPORT,
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one resource.

    Args:
        urn: Its name in the stack.
        type: Its type token.
        operation: What happens to it.
        components: Names of the components around it, the outermost first.
        old: Inputs before; empty for a new one.
        new: Inputs after; empty for one that goes.
        differences: Parts that differ, for updates and replacements.
        because: Properties that force a replacement.
        protect: Whether the engine refuses to delete it.
        retain: Whether it stays in the account when it leaves the program.
        deleted_first: For a replacement: whether the old one goes before the new one stands.
        renamed_from: Name of the deleted resource that this new one most likely is.
    """

    urn: str
    type: str
    operation: Operation
    components: tuple[str, ...] = ()
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    differences: tuple[Difference, ...] = ()
    because: tuple[str, ...] = ()
    protect: bool = False
    retain: bool = False
    deleted_first: bool = False
    renamed_from: str = ""

    @property
    def name(self) -> str:
        """Return the logical name."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def goes(self) -> bool:
        """Return whether what stands now is removed."""
        return self.operation in (Operation.DELETE, Operation.REPLACE)


def changes(preview: Preview) -> list[Change]:
    """Return a change for each resource that has one, by URN; components and the stack are left out."""
    by_urn: dict[str, list[Step]] = {}
    for step in preview.steps:
        by_urn.setdefault(step.urn, []).append(step)
    parents = {urn: _parent(steps) for urn, steps in by_urn.items()}
    found = [_change(urn, steps, parents) for urn, steps in by_urn.items() if not is_component(steps[0].type)]
    moved = [change for change in found if change.operation is not Operation.SAME]
    return sorted(_renames(moved), key=lambda change: change.urn)


def everything(preview: Preview) -> list[Change]:
    """Return every resource, the unchanged ones too: what a cost of the whole is made of."""
    by_urn: dict[str, list[Step]] = {}
    for step in preview.steps:
        by_urn.setdefault(step.urn, []).append(step)
    parents = {urn: _parent(steps) for urn, steps in by_urn.items()}
    return [
        _change(urn, steps, parents)
        for urn, steps in sorted(by_urn.items())
        if not is_component(steps[0].type)
    ]


def is_component(kind: str) -> bool:
    """Return whether a type is no resource of a provider: a component of ours, the stack, a provider."""
    return kind == STACK_TYPE or kind.startswith(("plinth:", "pulumi:providers:"))


def _change(urn: str, steps: list[Step], parents: Mapping[str, str]) -> Change:
    operations = [_OPERATIONS.get(step.operation) for step in steps if step.operation not in _UNCHANGED]
    operation = next((op for op in operations if op is not None), Operation.SAME)
    unknown = [step.operation for step in steps if step.operation not in _UNCHANGED | set(_OPERATIONS)]
    if unknown:  # a word of a newer engine: never taken for "nothing happens"
        operation = Operation.REPLACE
    main = next(
        (s for s in steps if s.operation == "replace"), next((s for s in steps if s.old and s.new), steps[0])
    )
    old = next((s.old for s in (main, *steps) if s.old), None)
    new = next((s.new for s in (main, *steps) if s.new), None) if operation is not Operation.DELETE else None
    before, after = (old.inputs if old else {}), (new.inputs if new else {})
    order = [step.operation for step in steps]
    because = {key for step in steps for key in step.keys}
    because |= {path for step in steps for path, kind in step.paths.items() if kind.endswith("-replace")}
    both = operation in (Operation.UPDATE, Operation.REPLACE)
    return Change(
        urn=urn,
        type=main.type,
        operation=operation,
        components=_around(urn, parents),
        old=before,
        new=after,
        differences=tuple(_told(before, after, main.paths)) if both else (),
        because=tuple(sorted(because)) if operation is Operation.REPLACE else (),
        protect=bool(old and old.protect),
        retain=bool(old and old.retain),
        deleted_first=_before(order, "delete-replaced", "create-replacement"),
    )


def _told(old: Mapping[str, Any], new: Mapping[str, Any], paths: Mapping[str, str]) -> Iterable[Difference]:
    """Give the parts that differ between the inputs, and what else the provider says will differ."""
    found = list(differences(old, new))
    yield from found
    known = {_root(one.path) for one in found}
    for path in sorted(paths):
        if _root(path) not in known and not path.startswith("__"):
            secret = SECRET in (at(old, path), at(new, path))  # both sides look alike then
            yield Difference(
                path=path,
                name=_root(path),
                old=SECRET if secret else "as it is",
                new=SECRET if secret else "changed outside the inputs",
                was_set=paths[path].startswith(("update", "delete")),
                is_set=not paths[path].startswith("delete"),
            )


def _root(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _before(order: list[str], first: str, second: str) -> bool:
    return first in order and second in order and order.index(first) < order.index(second)


def _parent(steps: list[Step]) -> str:
    return next((s.parent for step in steps for s in (step.new, step.old) if s and s.parent), "")


def _around(urn: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    names: list[str] = []
    parent, seen = parents.get(urn, ""), {urn}
    while parent and parent not in seen and STACK_TYPE not in parent:
        seen.add(parent)
        names.append(parent.rsplit("::", 1)[-1])
        parent = parents.get(parent, "")
    return tuple(reversed(names))


def _renames(listed: list[Change]) -> list[Change]:
    """Mark the new resources that are most likely deleted ones under another name."""
    gone: dict[tuple[str, str], list[Change]] = {}
    for change in listed:
        if change.operation is Operation.DELETE:
            gone.setdefault((change.type, _identity(change.old)), []).append(change)
    result = []
    for change in listed:
        twins = gone.get((change.type, _identity(change.new)), [])
        if change.operation is Operation.CREATE and twins and _identity(change.new):
            change = replace(change, renamed_from=twins.pop(0).name)  # noqa: PLW2901 - the marked one
        result.append(change)
    return result


def _identity(inputs: Mapping[str, Any]) -> str:
    """Return what names a resource in the world: two that share it cannot stand side by side."""
    metadata = inputs.get("metadata")
    if isinstance(metadata, Mapping):
        return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    return str(inputs.get("bucket") or inputs.get("name") or "")
