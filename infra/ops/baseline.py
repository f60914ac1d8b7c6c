"""What a cluster held before the program put anything into it; a teardown is checked against it."""

import json
from pathlib import Path

from infra.local.paths import home
from infra.ops import inventory
from infra.ops.account import Account
from infra.ops.inventory import Found, Thing


def file(stack: str) -> Path:
    """Return where a stack's baseline is kept."""
    return home() / "baseline" / f"{stack}.json"


def record(stack: str, account: Account) -> None:
    """Write down what the cluster holds; a cluster that could not be asked wholly has no baseline."""
    found = inventory.objects_in(account)
    if not found.unseen:
        path = file(stack)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps(sorted(key(thing) for thing in found.things), indent=0), encoding="utf-8")


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
