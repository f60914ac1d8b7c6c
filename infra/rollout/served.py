"""Which pods answer users where Flagger carries out releases, and how a release stands. Pure.

Flagger keeps a stable copy of each Deployment beside it, by the name with ``-primary``; the Deployment of the
program is the candidate, without pods while nothing is released.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

PRIMARY = "-primary"
"""What Flagger appends to the name of the stable copy."""
APPROVED = "plinth.dev/approved-image"
"""Annotation of a service's Deployment: the image that a person lets go to everybody."""
SETTLED = ("Initialized", "Succeeded")
"""Phases of a Canary in which the stable version is the one that the program asks for."""
BEGINNING = ("", "Initializing")
"""Phases in which there is no stable copy yet, so that requests have nowhere to go."""


def stable_copies(deployments: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give each Deployment whose pods answer users, by the name of its service.

    Args:
        deployments: As the API server lists them, of any namespaces.
    """
    rows = [dict(one) for one in deployments]
    kept = {_place(row) for row in rows}
    for row in rows:
        space, name = _place(row)
        if (space, name + PRIMARY) in kept:
            continue
        yield {**row, "metadata": {**row["metadata"], "name": name.removesuffix(PRIMARY)}}


def in_service(deployments: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the Deployment whose pods answer users, by service.

    Args:
        deployments: Of one namespace.
    """
    return {one["metadata"]["name"]: one for one in stable_copies(deployments)}


def phases(canaries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return how each service's release stands, in Flagger's word; empty before Flagger saw it."""
    return {
        str(one["metadata"]["name"]): str((one.get("status") or {}).get("phase") or "") for one in canaries
    }


def told(phase: str) -> str:
    """Return how a release stands, in words; empty when there is nothing to tell."""
    if phase in SETTLED:
        return ""
    if phase in BEGINNING:
        return "its first stable version is being made"
    if phase == "Failed":
        return "the latest release was undone; the version before answers until a person releases another"
    if phase == "WaitingPromotion":
        return "a release waits for a person's approval"
    return f"a release goes on ({phase})"


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["metadata"].get("namespace", "")), str(row["metadata"]["name"])
