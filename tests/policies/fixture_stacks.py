"""Stacks from data files, and edits on them.

A stack file lists resources as the engine shows them. A fixture file holds, for each control, edits
on the reference stack: ``set`` (path to value), ``drop`` (resources to leave out), ``add`` (resources
to put in), ``feeds`` and ``unfeed`` (say or forget where a property comes
from). ``<unknown>`` and ``<absent>`` are values.
"""

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from policies.core import Resource, normalise

HERE = Path(__file__).parent
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same language, ten times as fast
TLS = (
    '{"Effect": "Deny", "Action": "s3:*", "Principal": "*", "Resource": "*", '
    '"Condition": {"Bool": {"aws:SecureTransport": "false"}}}'
)
UNKNOWN_SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_STEP = re.compile(r"\[(?P<index>\d+)\]|\['(?P<quoted>[^']+)'\]|(?P<key>[^.\[\]]+)")


def _yaml(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - it is the safe one


def fixtures() -> dict[str, dict[str, Any]]:
    """Return all fixtures, by control, each with the name of the stack that it edits."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((HERE / "fixtures").glob("*.yaml")):
        document = json.loads(json.dumps(_yaml(path)))
        stack = document.pop("$stack", "reference")
        found |= {control: {"stack": stack, **table} for control, table in document.items()}
    return found


@cache
def _stacks() -> dict[str, str]:
    # By way of JSON, since YAML anchors would make two containers one and the same object.
    return {path.stem: json.dumps(_yaml(path)) for path in sorted((HERE / "stacks").glob("*.yaml"))}


def stack_names() -> list[str]:
    """Return the names of the clean stacks; together they satisfy every control."""
    return list(_stacks())


def load(name: str = "reference") -> list[dict[str, Any]]:
    """Return a fresh copy of a clean stack."""
    return json.loads(_stacks()[name])


def with_stack(case: dict[str, Any], table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the stack of a fixture: the clean one of its table with the fixture's edits."""
    return edited(load(table["stack"]), case)


def urn(entry: dict[str, Any]) -> str:
    return f"urn:pulumi:test::plinth::{entry['type']}::{entry['name']}"


def raw_props(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the properties as they come over the wire, unknowns as the engine writes them."""
    return _materialise(entry.get("props", {}))


def resources(stack: list[dict[str, Any]]) -> list[Resource]:
    urns = {entry["name"]: urn(entry) for entry in stack}
    return [resource(entry, urns) for entry in stack]


def resource(entry: dict[str, Any], urns: dict[str, str]) -> Resource:
    """Return one resource of a stack.

    Args:
        entry: As the stack file has it.
        urns: Name to URN of all resources of the stack.
    """
    return Resource(
        urn=urn(entry),
        type=entry["type"],
        props=normalise(raw_props(entry)),
        protect=entry.get("protect", False),
        property_dependencies={
            key: tuple(urns[name] for name in names if name in urns)
            for key, names in entry.get("feeds", {}).items()
        },
    )


def edited(stack: list[dict[str, Any]], case: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a copy of a stack with a fixture's edits."""
    dropped = set(case.get("drop", ()))
    result = [copy.deepcopy(entry) for entry in stack if entry["name"] not in dropped]
    by_name = {entry["name"]: entry for entry in result}
    assert dropped <= {entry["name"] for entry in stack}, f"unknown resource in drop: {dropped}"
    for name, changes in case.get("set", {}).items():
        for path, value in changes.items():
            if path == "$protect":
                by_name[name]["protect"] = value
            elif path == "$type":
                by_name[name]["type"] = value
            elif path == "$props":
                by_name[name]["props"] = value
            else:
                put(by_name[name]["props"], path, value)
    for name, feeds in case.get("feeds", {}).items():
        by_name[name]["feeds"] = feeds
    for name in case.get("unfeed", ()):
        by_name[name].pop("feeds", None)
    return result + copy.deepcopy(case.get("add", []))


def put(tree: Any, path: str, value: Any) -> None:
    """Set, or with ``<absent>`` remove, what stands at a path such as ``a.b[0]['c/d']``."""
    steps = [
        int(match["index"]) if match["index"] else match["quoted"] or match["key"]
        for match in _STEP.finditer(path)
    ]
    for step in steps[:-1]:
        tree = tree.setdefault(step, {}) if isinstance(tree, dict) else tree[step]
    if value == "<absent>":
        del tree[steps[-1]]
    elif isinstance(tree, list) and steps[-1] == len(tree):
        tree.append(value)
    else:
        tree[steps[-1]] = value


def leaves(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return path and value of every leaf; an empty list or mapping is a leaf."""
    if isinstance(tree, dict) and tree:
        return [leaf for key, item in tree.items() for leaf in leaves(item, _joined(path, key))]
    if isinstance(tree, list) and tree:
        return [leaf for index, item in enumerate(tree) for leaf in leaves(item, f"{path}[{index}]")]
    return [(path, tree)]


def _joined(path: str, key: str) -> str:
    if not path:
        return key
    return f"{path}['{key}']" if set(key) & set("./:") else f"{path}.{key}"


def _materialise(value: Any) -> Any:
    if value == "<unknown>":
        return UNKNOWN_SENTINEL
    if isinstance(value, str):
        return value.replace("<tls>", TLS)
    if isinstance(value, dict):
        return {key: _materialise(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_materialise(item) for item in value]
    return value
