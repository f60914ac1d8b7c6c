"""The statuses that tell people, Flagger and Pulumi what became of classes, gateways and routes: pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.gateway.attach import GROUP, PROTOCOLS, Snapshot, own_classes, own_gateways, served_listeners
from infra.local.gateway.translate import Outcome, attached_routes

_ROOT = f"/apis/{GROUP}/v1"
_CONTROLLERS_PER_ROUTE = 32
"""The API's limit of parents in a route's status."""


@dataclass(frozen=True, kw_only=True)
class StatusPatch:
    """A status that must be written."""

    path: str
    status: dict[str, Any]


def status_patches(
    snapshot: Snapshot, outcomes: Sequence[Outcome], *, controller: str, port: int, now: str
) -> list[StatusPatch]:
    """Return the patches for everything whose status says something else; none when all is said.

    Args:
        snapshot: The objects.
        outcomes: What became of the routes.
        controller: Our controllerName.
        port: The loopback port of the gateway.
        now: RFC 3339, for conditions that turn.
    """
    return [
        *_classes(snapshot, controller, now),
        *_gateways(snapshot, outcomes, controller, port, now),
        *_routes(snapshot, outcomes, controller, now),
    ]


def _classes(snapshot: Snapshot, controller: str, now: str) -> Iterator[StatusPatch]:
    for item in own_classes(snapshot, controller):
        status = {"conditions": _conditions(item, item, [("Accepted", True, "Accepted", "")], now)}
        yield from _patch(f"{_ROOT}/gatewayclasses/{item['metadata']['name']}", item, status)


def _gateways(
    snapshot: Snapshot, outcomes: Sequence[Outcome], controller: str, port: int, now: str
) -> Iterator[StatusPatch]:
    for position, item in enumerate(own_gateways(snapshot, controller)):
        first = position == 0
        programmed = (
            ("Programmed", True, "Programmed", f"served at http://127.0.0.1:{port}")
            if first
            else (
                "Programmed",
                False,
                "AddressNotUsable",
                "the local gateway has one address; an older Gateway has it",
            )
        )
        shown = {entry["name"]: entry for entry in (item.get("status") or {}).get("listeners") or []}
        served = {listener["name"] for listener in served_listeners(item)} if first else set()
        listeners = [
            _listener(
                item,
                listener,
                shown.get(listener["name"]),
                outcomes,
                served=listener["name"] in served,
                now=now,
            )
            for listener in item["spec"].get("listeners") or []
        ]
        status: dict[str, Any] = {
            "conditions": _conditions(item, item, [("Accepted", True, "Accepted", ""), programmed], now),
            "listeners": listeners,
            "addresses": [{"type": "IPAddress", "value": "127.0.0.1"}] if first else [],
        }
        meta = item["metadata"]
        yield from _patch(f"{_ROOT}/namespaces/{meta['namespace']}/gateways/{meta['name']}", item, status)


def _listener(
    gateway: Mapping[str, Any],
    listener: Mapping[str, Any],
    shown: Mapping[str, Any] | None,
    outcomes: Iterable[Outcome],
    *,
    served: bool,
    now: str,
) -> dict[str, Any]:
    known = listener["protocol"] in PROTOCOLS
    truths = [
        (
            "Accepted",
            known,
            "Accepted" if known else "UnsupportedProtocol",
            "" if known else "HTTP and HTTPS only",
        ),
        (
            "Programmed",
            served,
            "Programmed" if served else "Pending",
            "served without TLS on loopback" if served and listener["protocol"] == "HTTPS" else "",
        ),
        ("ResolvedRefs", True, "ResolvedRefs", "certificates are not read locally"),
    ]
    return {
        "name": listener["name"],
        "supportedKinds": [{"group": GROUP, "kind": "HTTPRoute"}] if known else [],
        "attachedRoutes": attached_routes(outcomes, gateway, listener["name"]),
        "conditions": _conditions(gateway, {"status": shown or {}}, truths, now),
    }


def _routes(
    snapshot: Snapshot, outcomes: Sequence[Outcome], controller: str, now: str
) -> Iterator[StatusPatch]:
    for route in snapshot.routes:
        parents = (route.get("status") or {}).get("parents") or []
        others = [entry for entry in parents if entry["controllerName"] != controller]
        ours = [entry for entry in parents if entry["controllerName"] == controller]
        uid = route["metadata"]["uid"]
        wanted = [
            _parent(route, outcome, ours, controller, now)
            for outcome in outcomes
            if outcome.attachment.route["metadata"]["uid"] == uid
        ]
        if not wanted and not ours:
            continue  # not a route of ours, now or before
        meta = route["metadata"]
        status = {"parents": [*others, *wanted][:_CONTROLLERS_PER_ROUTE]}
        yield from _patch(f"{_ROOT}/namespaces/{meta['namespace']}/httproutes/{meta['name']}", route, status)


def _parent(
    route: Mapping[str, Any], outcome: Outcome, ours: Iterable[Mapping[str, Any]], controller: str, now: str
) -> dict[str, Any]:
    reference = dict(outcome.attachment.parent)
    shown = next((entry for entry in ours if entry["parentRef"] == reference), None)
    accepted, resolved = outcome.refusal is None, outcome.unresolved is None
    truths = [
        ("Accepted", accepted, *(outcome.refusal or ("Accepted", ""))),
        ("ResolvedRefs", resolved, *(outcome.unresolved or ("ResolvedRefs", ""))),
    ]
    return {
        "parentRef": reference,
        "controllerName": controller,
        "conditions": _conditions(route, {"status": shown or {}}, truths, now),
    }


def _conditions(
    item: Mapping[str, Any], shown: Mapping[str, Any], truths: Iterable[tuple[str, bool, str, str]], now: str
) -> list[dict[str, Any]]:
    """Return conditions whose transition time is kept where the status has not turned."""
    before = {entry["type"]: entry for entry in (shown.get("status") or {}).get("conditions") or []}
    result = []
    for kind, truth, reason, message in truths:
        status = "True" if truth else "False"
        earlier = before.get(kind, {})
        result.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "observedGeneration": item["metadata"].get("generation", 0),
                "lastTransitionTime": earlier["lastTransitionTime"]
                if earlier.get("status") == status
                else now,
            }
        )
    return result


def _patch(path: str, item: Mapping[str, Any], status: dict[str, Any]) -> Iterator[StatusPatch]:
    shown = item.get("status") or {}
    if any(shown.get(key, []) != value for key, value in status.items()):
        yield StatusPatch(path=f"{path}/status", status=status)
