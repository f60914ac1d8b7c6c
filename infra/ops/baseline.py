"""What a cluster held before the program put anything into it; a teardown is checked against it."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from infra.errors import Exit, PlinthError
from infra.local.certs import write_private
from infra.local.paths import home
from infra.ops import inventory
from infra.ops.account import Account
from infra.ops.inventory import Found, Thing

ATTEMPTS = 12
PAUSE_SECONDS = 5.0
"""A control plane that has just started refuses what it does not serve yet; waits a minute in all."""


def file(stack: str) -> Path:
    """Return where a stack's baseline is kept."""
    return home() / "baseline" / f"{stack}.json"


def record(stack: str, account: Account, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Write down what the cluster holds, all of it or nothing.

    Raises:
        PlinthError: The cluster could not be asked wholly: a teardown could not tell later what was planted.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(PAUSE_SECONDS)
        found = inventory.objects_in(account)
        if not found.unseen:
            names = sorted(key(thing) for thing in found.things)
            write_private(file(stack), json.dumps(names, indent=0))
            return
    told = "; ".join(f"{kind}: {why}" for kind, why in sorted(found.unseen.items()))
    raise PlinthError(
        f"What the cluster of '{stack}' holds before the first change could not be written down: {told}.",
        fix="./plinth status shows what does not answer; ./plinth up again goes on from here.",
        code=Exit.PLATFORM,
    )


def read(stack: str) -> frozenset[str] | None:
    """Return what was there before, or None when nobody wrote it down."""
    try:
        return frozenset(json.loads(file(stack).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def key(thing: Thing) -> str:
    """Return what tells an object from all others, over the life of a cluster."""
    return f"{thing.kind} {thing.id}"


def added(found: Found, before: frozenset[str] | None) -> list[Thing]:
    """Return the objects that are there beside the baseline, or that the program made. Pure.

    Without a baseline only what carries the program's mark counts, and what lies in its namespaces.
    """
    things = [thing for thing in found.things if not made_by_kubernetes(thing)]
    if before is not None:
        return [thing for thing in things if key(thing) not in before]
    marked = {thing.id for thing in things if thing.kind == "kubernetes/namespace" and _marked(thing)}
    return [thing for thing in things if _marked(thing) or thing.tied_to in marked]


def made_by_kubernetes(thing: Thing) -> bool:
    """Tell whether Kubernetes makes an object by itself, in its own time. Pure."""
    labels = thing.detail.get("labels", {})
    return (
        labels.get("kubernetes.io/bootstrapping") == "rbac-defaults"
        or thing.name == "kube-root-ca.crt"
        or (thing.kind == "kubernetes/serviceaccount" and thing.name == "default")
        or (thing.tied_to or thing.id) in {"kube-system", "kube-public", "kube-node-lease"}
    )


def _marked(thing: Thing) -> bool:
    return "pulumi.com/patchFieldManager" in thing.detail.get("annotations", ())
