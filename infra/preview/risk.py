"""How dangerous each change is, and why: data loss, downtime, exposure, access, encryption, retention."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.preview import risk_access
from infra.preview.changes import Change, Operation
from infra.preview.levels import Kind, Level, Risk
from infra.preview.risk_switches import SWITCHES
from infra.preview.risk_tables import FEWER, GUARDS, HOLDS_DATA, REBUILDABLE, SERVES
from infra.preview.values import at, differences, holds_unknown

WORLD = 8
"""Longest prefix of an IPv4 network that counts as the whole internet: no customer has a /8."""
WORLD_V6 = 16
"""The same for IPv6."""
_PRIVATE = tuple(
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)


def risks(change: Change) -> list[Risk]:
    """Return every risk of a change, the worst first."""
    found = {risk for rule in _RULES for risk in rule(change)}
    return sorted(found, key=lambda risk: (-risk.level, risk.kind, risk.reason))


def level(found: list[Risk]) -> Level:
    """Return the highest level among risks."""
    return max((risk.level for risk in found), default=Level.NONE)


def _removal(change: Change) -> Iterator[Risk]:
    if not change.goes:
        return
    replaced = change.operation is Operation.REPLACE
    verb = "is replaced" if replaced else "is deleted"
    if change.protect:
        yield Risk(
            level=Level.CRITICAL,
            kind=Kind.PROTECTED,
            reason=f"it is protected and {verb}; the engine refuses that, so the change cannot go through",
        )
    if change.retain:
        yield Risk(
            level=Level.MEDIUM,
            kind=Kind.SAFEGUARD,
            reason="it leaves the program but stays in the account, where nobody looks after it or its cost",
        )
        return
    lost = HOLDS_DATA.get(change.type)
    if lost and change.type in REBUILDABLE:
        yield Risk(
            level=Level.MEDIUM,
            kind=Kind.DOWNTIME,
            reason=f"interrupted until the program has made it again: {lost}",
        )
    elif lost:
        empties = change.old.get("forceDestroy") or change.old.get("forceDelete")
        how = ", without a question (forceDestroy)" if empties else ""
        yield Risk(
            level=Level.CRITICAL,
            kind=Kind.DATA_LOSS,
            reason=f"lost with it{how}: {lost}; that cannot be undone",
        )
    if change.type in SERVES:
        gap = "; the old one goes before the new one stands" if change.deleted_first else ""
        yield Risk(
            level=Level.HIGH, kind=Kind.DOWNTIME, reason=f"interrupted with it: {SERVES[change.type]}{gap}"
        )
    if change.type in GUARDS:
        kind, what = GUARDS[change.type]
        until = "gone for a moment" if replaced else "gone with it"
        yield Risk(level=Level.MEDIUM if replaced else Level.HIGH, kind=kind, reason=f"{until}: {what}")


def _renamed(change: Change) -> Iterator[Risk]:
    if change.renamed_from:
        yield Risk(
            level=Level.MEDIUM,
            kind=Kind.RENAME,
            reason=f"looks like '{change.renamed_from}' under a new name; with aliases=[pulumi.Alias(name="
            f"'{change.renamed_from}')] it is kept instead of deleted and made anew",
        )


def _switches(change: Change) -> Iterator[Risk]:
    if change.operation is Operation.DELETE:
        return
    for switch in SWITCHES:
        if switch.type != change.type:
            continue
        old, new = at(change.old, switch.path), at(change.new, switch.path)
        was_good = change.operation is Operation.CREATE or old in switch.good
        if new not in switch.good and was_good and not holds_unknown(new) and new != old:
            # A new resource takes nothing away yet, and the policies judge it; a weakened one did hold more.
            fresh = change.operation is Operation.CREATE
            yield Risk(
                level=Level(switch.level - 1) if fresh else switch.level,
                kind=switch.kind,
                reason=switch.means,
            )
        elif holds_unknown(new) and not holds_unknown(old):
            yield Risk(
                level=Level.MEDIUM,
                kind=Kind.UNKNOWN,
                reason=f"{switch.path} is known only after the change, so it may be that {switch.means}",
            )


def _fewer(change: Change) -> Iterator[Risk]:
    if change.operation not in (Operation.UPDATE, Operation.REPLACE):
        return
    for (kind, path), (danger, means) in FEWER.items():
        if kind != change.type:
            continue
        old, new = _number(at(change.old, path)), _number(at(change.new, path))
        forever = change.type.endswith("LogGroup") and old == 0  # CloudWatch: 0 keeps for ever
        if old is not None and new is not None and (new < old or forever) and new != old:
            yield Risk(
                level=danger, kind=Kind.RETENTION, reason=f"{path} goes from {old:g} to {new:g}: {means}"
            )
    if change.type == "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration":
        yield from _expiry(change)


def _expiry(change: Change) -> Iterator[Risk]:
    for difference in differences(change.old.get("rules"), change.new.get("rules"), "rules"):
        old, new = _number(difference.old), _number(difference.new)
        if difference.path.lower().endswith("days") and new is not None and (old is None or new < old):
            yield Risk(
                level=Level.HIGH,
                kind=Kind.RETENTION,
                reason=f"{difference.path} goes from {'never' if old is None else f'{old:g}'} to {new:g}: "
                "objects are deleted sooner",
            )


def _open_to_the_world(change: Change) -> Iterator[Risk]:
    if change.operation is Operation.DELETE:
        return
    before = {str(d) for d in _networks(change.old)}
    for network in _networks(change.new):
        if network in before or not is_world(network):
            continue
        egress = "egress" in change.type.lower() or str(change.new.get("type")) == "egress"
        ports = _ports(change.new)
        yield Risk(
            level=Level.MEDIUM if egress else Level.CRITICAL,
            kind=Kind.EXPOSURE,
            reason=f"{network} {'can be reached from' if egress else 'can reach'} it{ports}: "
            "that is everybody on the internet",
        )
    if change.type == "kubernetes:core/v1:Service":
        kind, was = at(change.new, "spec.type"), at(change.old, "spec.type")
        if kind in ("LoadBalancer", "NodePort") and kind != was:
            yield Risk(
                level=Level.HIGH, kind=Kind.EXPOSURE, reason=f"the service gets a way in of its own ({kind})"
            )


def _networks(value: Any) -> list[str]:
    found: list[str] = []
    if isinstance(value, Mapping):
        for inner in value.values():
            found += _networks(inner)
    elif isinstance(value, list):
        for inner in value:
            found += _networks(inner)
    elif isinstance(value, str) and "/" in value and is_world(value):
        found.append(value)
    return found


def is_world(text: str) -> bool:
    """Return whether a network is so wide that it means everybody; private ranges do not count."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    if any(network.version == own.version and network.subnet_of(own) for own in _PRIVATE):  # type: ignore[arg-type]
        return False
    return network.prefixlen <= (WORLD if network.version == 4 else WORLD_V6)  # noqa: PLR2004 - IP's versions


def _ports(inputs: Mapping[str, Any]) -> str:
    low, high = inputs.get("fromPort"), inputs.get("toPort")
    if low is None:
        return ""
    return f" on port {low:g}" if low == high else f" on ports {low:g} to {high:g}"


def _pods(change: Change) -> Iterator[Risk]:
    if change.type not in ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"):
        return
    old, new = _number(at(change.old, "spec.replicas")), _number(at(change.new, "spec.replicas"))
    if new is not None and new < 1:
        yield Risk(level=Level.CRITICAL, kind=Kind.DOWNTIME, reason="no pod is left: the service is down")
    elif old is not None and new is not None and new < old:
        danger = Level.HIGH if new == 1 else Level.LOW
        yield Risk(level=danger, kind=Kind.DOWNTIME, reason=f"{old:g} pods become {new:g}")
    if at(change.new, "spec.strategy.type") == "Recreate" != at(change.old, "spec.strategy.type"):
        yield Risk(
            level=Level.HIGH, kind=Kind.DOWNTIME, reason="every rollout stops all pods first (Recreate)"
        )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


_RULES: tuple[Callable[[Change], Iterator[Risk]], ...] = (
    _removal,
    _renamed,
    _switches,
    _fewer,
    _open_to_the_world,
    _pods,
    risk_access.risks,
)
