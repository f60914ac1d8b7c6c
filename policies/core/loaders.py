"""Resources from what other tools wrote: previews, state exports, Kubernetes manifests."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from policies.core.documents import LARGEST_BYTES, documents
from policies.core.errors import PolicyError
from policies.core.resources import Resource
from policies.core.values import normalise

DEPLOYMENT_VERSIONS = (3, 4)
"""Versions of the state export that can be read."""


def from_preview(text: str) -> list[Resource]:
    """Return the resources that a preview (``pulumi preview --json``) would leave behind.

    Raises:
        PolicyError: It is no such preview.
    """
    document = _json(text, "preview")
    steps = document.get("steps")
    if not isinstance(steps, list):
        raise PolicyError(
            "This JSON is not a preview: it has no list 'steps'.", fix="Make it with 'pulumi preview --json'."
        )
    return list(_states(step.get("newState") for step in steps if isinstance(step, Mapping)))


def from_export(text: str) -> list[Resource]:
    """Return the resources of a state (``pulumi stack export``).

    Raises:
        PolicyError: It is no such export, or one of a version that cannot be read.
    """
    document = _json(text, "state export")
    deployment, version = document.get("deployment"), document.get("version")
    if not isinstance(deployment, Mapping):
        raise PolicyError(
            "This JSON is not a state export: it has no 'deployment'.",
            fix="Make it with 'pulumi stack export'.",
        )
    if version not in DEPLOYMENT_VERSIONS:
        raise PolicyError(
            f"The state export has version {version!r}, which cannot be read.",
            fix=f"Use a CLI that writes version {' or '.join(map(str, DEPLOYMENT_VERSIONS))}.",
        )
    return list(_states(deployment.get("resources") or ()))


def from_manifests(text: str, *, source: str = "manifest") -> list[Resource]:
    """Return the objects of Kubernetes YAML, lists taken apart.

    Args:
        text: One or more YAML documents.
        source: Name of the file, for the resources' identities.

    Raises:
        PolicyError: It is no YAML, or a document is no Kubernetes object: nothing is skipped silently.
    """
    return [resource for resource, _ in placed_manifests(text, source=source)]


def placed_manifests(text: str, *, source: str) -> list[tuple[Resource, int]]:
    """Return the objects of Kubernetes YAML with the line on which their document begins.

    Raises:
        PolicyError: As :func:`from_manifests`.
    """
    found = list(documents(text, source))
    if not found:
        raise PolicyError("The file holds no Kubernetes object.", where=source, fix="Give a manifest.")
    placed = [(resource, line) for document, line in found for resource in _objects(document, source)]
    if not placed:
        raise PolicyError("The file holds only empty lists.", where=source, fix="Give a manifest.")
    return placed


def from_file(path: Path) -> list[Resource]:
    """Return the resources of a file: a JSON preview or state export, or Kubernetes YAML or JSON.

    Raises:
        PolicyError: The file cannot be read or is none of them.
    """
    return [resource for resource, _ in placed(read_text(path), source=path.name)]


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        PolicyError: It cannot be read, or is too large.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise PolicyError("The file is too large.", where=str(path), fix="Judge it in parts.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise PolicyError(
            "The file cannot be read.", where=str(path), fix="Give a readable text file."
        ) from None


def placed(text: str, *, source: str) -> list[tuple[Resource, int]]:
    """Return the resources of a text with their lines; what it is, its content says.

    Raises:
        PolicyError: It is neither a preview, nor a state export, nor Kubernetes YAML or JSON.
    """
    if text.lstrip()[:1] in ("{", "[") and _is_json(text, source):
        document = _json(text, source)
        if "checkpoint" in document:
            raise PolicyError(
                "This is the engine's own state file, not an export.",
                where=source,
                fix="Make one with 'pulumi stack export'.",
            )
        if "steps" in document:
            return [(resource, 1) for resource in from_preview(text)]
        if "deployment" in document:
            return [(resource, 1) for resource in from_export(text)]
    return placed_manifests(text, source=source)


def _is_json(text: str, source: str) -> bool:
    """Whether a text is JSON; YAML may begin with a brace too, but a file named so has to be JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        if source.endswith(".json"):
            raise PolicyError(
                "This is not valid JSON.", where=source, fix="Make the file again, whole."
            ) from None
        return False
    return True


def _json(text: str, what: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise PolicyError(f"The {what} is not valid JSON.", where=what, fix="Make it again, whole.") from None
    if not isinstance(document, Mapping):
        raise PolicyError(f"The {what} is not a JSON object.", where=what, fix="Make it again, whole.")
    return document


def _states(states: Iterable[Any]) -> Iterator[Resource]:
    for state in states:
        if not isinstance(state, Mapping) or state.get("delete") or state.get("external"):
            continue  # gone, about to go, or only read: none of it is this stack's to change
        if not isinstance(state.get("urn"), str) or not isinstance(state.get("type"), str):
            raise PolicyError("A resource has no URN or no type.", fix="Make the file again, whole.")
        feeds = state.get("propertyDependencies") or {}
        yield Resource(
            urn=state["urn"],
            type=state["type"],
            props=normalise(state.get("inputs") or {}),
            protect=state.get("protect") is True,
            dependencies=tuple(state.get("dependencies") or ()),
            property_dependencies={key: tuple(urns or ()) for key, urns in feeds.items()},
        )


def _objects(document: Any, source: str) -> Iterator[Resource]:
    if not isinstance(document, Mapping) or not all(
        isinstance(document.get(key), str) for key in ("apiVersion", "kind")
    ):
        raise PolicyError(
            "A document is no Kubernetes object: it has no apiVersion and kind.",
            where=source,
            fix="Give rendered manifests; templates and value files are not judged.",
        )
    version, kind = document["apiVersion"], document["kind"]
    items = document.get("items")
    if kind.endswith("List") and isinstance(items, list):
        for item in items:
            # Items of a typed list may leave out what the list already says.
            typed = {"apiVersion": version, "kind": kind.removesuffix("List")} if kind != "List" else {}
            yield from _objects({**typed, **item} if isinstance(item, Mapping) else item, source)
        return
    metadata = document.get("metadata")
    names = metadata if isinstance(metadata, Mapping) else {}
    group = version if "/" in version else f"core/{version}"
    token = f"kubernetes:{group}:{kind}"
    name = f"{names.get('namespace', '')}/{names.get('name', '')}".removeprefix("/")
    yield Resource(urn=f"urn:manifest:{source}::{token}::{name}", type=token, props=normalise(document))
