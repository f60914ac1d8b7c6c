"""Which routes a gateway serves, and why not the others: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.gateway.matching import ANY, intersection

GROUP = "gateway.networking.k8s.io"

PROTOCOLS = ("HTTP", "HTTPS")
"""HTTPS listeners are served without TLS here: loopback needs none, and the certificate is AWS's."""


@dataclass(frozen=True)
class Snapshot:
    """All objects that the configuration follows from."""

    classes: tuple[Mapping[str, Any], ...] = ()
    gateways: tuple[Mapping[str, Any], ...] = ()
    routes: tuple[Mapping[str, Any], ...] = ()
    services: tuple[Mapping[str, Any], ...] = ()
    pods: tuple[Mapping[str, Any], ...] = ()
    namespaces: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """One parentRef of a route to a gateway of ours."""

    route: Mapping[str, Any]
    parent: Mapping[str, Any]
    gateway: Mapping[str, Any]
    listeners: tuple[str, ...] = ()
    """Names of the listeners that accept the route."""
    hostnames: tuple[str, ...] = ()
    """What the route is served under, ``*`` for every host; sorted."""
    refusal: tuple[str, str] | None = None
    """Reason and message when no listener accepts it."""


def by_age(item: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the API's tie breaker: the oldest first, then by namespace and name."""
    meta = item["metadata"]
    return (meta.get("creationTimestamp") or "", meta.get("namespace") or "", meta["name"])


def own_classes(snapshot: Snapshot, controller: str) -> list[Mapping[str, Any]]:
    """Return the GatewayClasses of this controller, oldest first."""
    return sorted(
        (item for item in snapshot.classes if item["spec"]["controllerName"] == controller), key=by_age
    )


def own_gateways(snapshot: Snapshot, controller: str) -> list[Mapping[str, Any]]:
    """Return the Gateways of this controller's classes, oldest first. Only the first has an address here."""
    names = {item["metadata"]["name"] for item in own_classes(snapshot, controller)}
    return sorted(
        (item for item in snapshot.gateways if item["spec"]["gatewayClassName"] in names), key=by_age
    )


def served_listeners(gateway: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the listeners that the loopback port stands for: those with HTTPS, or else those with HTTP.

    A gateway with both uses HTTP to send people to HTTPS; one port cannot do both.
    """
    listeners = gateway["spec"].get("listeners") or []
    secure = [item for item in listeners if item["protocol"] == "HTTPS"]
    return secure or [item for item in listeners if item["protocol"] == "HTTP"]


def attach(snapshot: Snapshot, controller: str) -> list[Attachment]:
    """Return one attachment for each reference of a route to a gateway of ours, the oldest route first."""
    gateways = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item
        for item in own_gateways(snapshot, controller)
    }
    labels = {item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in snapshot.namespaces}
    found = []
    for route in sorted(snapshot.routes, key=by_age):
        for parent in route["spec"].get("parentRefs") or []:
            if (parent.get("group") or GROUP, parent.get("kind") or "Gateway") != (GROUP, "Gateway"):
                continue
            place = parent.get("namespace") or route["metadata"]["namespace"]
            if gateway := gateways.get((place, parent["name"])):
                found.append(_attach_one(route, parent, gateway, labels))
    return found


def _attach_one(
    route: Mapping[str, Any],
    parent: Mapping[str, Any],
    gateway: Mapping[str, Any],
    labels: Mapping[str, Mapping[str, str]],
) -> Attachment:
    listeners = [
        item
        for item in gateway["spec"].get("listeners") or []
        if parent.get("sectionName") in (None, item["name"])
        and parent.get("port") in (None, item["port"])
        and item["protocol"] in PROTOCOLS
    ]
    if not listeners:
        return Attachment(
            route=route,
            parent=parent,
            gateway=gateway,
            refusal=("NoMatchingParent", "no listener of that name or port"),
        )
    allowed = [item for item in listeners if _allows(item, gateway, route, labels)]
    if not allowed:
        message = f"no listener allows routes from namespace {route['metadata']['namespace']}"
        return Attachment(
            route=route, parent=parent, gateway=gateway, refusal=("NotAllowedByListeners", message)
        )
    wanted = route["spec"].get("hostnames") or [ANY]
    served = {item["name"] for item in served_listeners(gateway)}
    names: list[str] = []
    hostnames: set[str] = set()
    for item in allowed:
        common = {both for host in wanted if (both := intersection(item.get("hostname") or ANY, host))}
        if common:
            names.append(item["name"])
        if item["name"] in served:
            hostnames |= common
    if not names:
        message = f"no listener has a hostname in common with {', '.join(wanted)}"
        return Attachment(
            route=route, parent=parent, gateway=gateway, refusal=("NoMatchingListenerHostname", message)
        )
    return Attachment(
        route=route,
        parent=parent,
        gateway=gateway,
        listeners=tuple(names),
        hostnames=tuple(sorted(hostnames)),
    )


def _allows(
    listener: Mapping[str, Any],
    gateway: Mapping[str, Any],
    route: Mapping[str, Any],
    labels: Mapping[str, Mapping[str, str]],
) -> bool:
    allowed = listener.get("allowedRoutes") or {}
    kinds = allowed.get("kinds")
    if kinds and not any(
        (kind.get("group") or GROUP, kind["kind"]) == (GROUP, "HTTPRoute") for kind in kinds
    ):
        return False
    namespace = route["metadata"]["namespace"]
    rule = allowed.get("namespaces") or {}
    source = rule.get("from") or "Same"
    if source == "Selector":
        return selects(rule.get("selector") or {}, labels.get(namespace, {}))
    return source == "All" or (source == "Same" and namespace == gateway["metadata"]["namespace"])


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector matches; an empty one always, an unknown operator never."""
    if not (selector.get("matchLabels") or {}).items() <= labels.items():
        return False
    return all(_expression(item, labels) for item in selector.get("matchExpressions") or [])


def _expression(item: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = item["key"], item["operator"]
    values: list[str | None] = item.get("values") or []
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    if operator == "Exists":
        return key in labels
    return bool(operator == "DoesNotExist" and key not in labels)
