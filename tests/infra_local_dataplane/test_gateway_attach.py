"""Which routes a gateway takes: by listener, namespace, hostname and age."""

from typing import Any

import pytest

from infra.local.gateway.attach import Attachment, Snapshot, attach, own_gateways

US = "plinth.dev/local-gateway"


def meta(name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    found = {"name": name, "uid": f"{namespace}/{name}", "creationTimestamp": "2026-01-01T00:00:00Z", **more}
    return found | ({"namespace": namespace} if namespace else {})


def listener(**more: Any) -> dict[str, Any]:
    return {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
        **more,
    }


def gateway(*listeners: dict[str, Any], name: str = "plinth", **more: Any) -> dict[str, Any]:
    spec = {"gatewayClassName": "plinth", "listeners": list(listeners or [listener()])}
    return {"metadata": meta(name, "gateway", **more), "spec": spec}


def route(*, name: str = "r", hostnames: list[str] | None = None, **parent: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"parentRefs": [{"name": "plinth", "namespace": "gateway", **parent}]}
    return {"metadata": meta(name, "app"), "spec": spec | ({"hostnames": hostnames} if hostnames else {})}


def attached(
    *routes: dict[str, Any], gateways: Any = None, labels: Any = None, controller: str = US
) -> list[Attachment]:
    snapshot = Snapshot(
        classes=({"metadata": meta("plinth"), "spec": {"controllerName": controller}},),
        gateways=tuple(gateways or [gateway()]),
        routes=routes,
        namespaces=({"metadata": meta("app", labels=labels or {})},),
    )
    return attach(snapshot, US)


@pytest.mark.parametrize(
    ("subject", "parent", "reason"),
    [
        (listener(allowedRoutes={"namespaces": {"from": "Same"}}), {}, "NotAllowedByListeners"),
        (listener(allowedRoutes={}), {}, "NotAllowedByListeners"),
        (
            listener(allowedRoutes={"kinds": [{"kind": "GRPCRoute"}], "namespaces": {"from": "All"}}),
            {},
            "NotAllowedByListeners",
        ),
        (listener(), {"sectionName": "other"}, "NoMatchingParent"),
        (listener(), {"port": 8080}, "NoMatchingParent"),
        (listener(protocol="TCP"), {}, "NoMatchingParent"),
        (listener(hostname="*.example"), {}, None),
        (listener(), {"sectionName": "http", "port": 80}, None),
    ],
)
def test_a_listener_decides_which_routes_it_takes(
    subject: dict[str, Any], parent: dict[str, Any], reason: str | None
):
    (found,) = attached(route(**parent), gateways=[gateway(subject)])
    assert (found.refusal[0] if found.refusal else None) == reason
    assert bool(found.hostnames) == bool(found.listeners) == (reason is None)


@pytest.mark.parametrize(
    ("selector", "allowed"),
    [
        ({"matchLabels": {"team": "risk"}}, True),
        ({"matchLabels": {"team": "other"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["risk"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["risk"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "Resembles"}]}, False),
        ({}, True),
    ],
)
def test_a_selector_chooses_the_namespaces_whose_routes_are_taken(selector: dict[str, Any], *, allowed: bool):
    only = listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": selector}})
    (found,) = attached(route(), gateways=[gateway(only)], labels={"team": "risk"})
    assert (found.refusal is None) == allowed


def test_hostnames_are_what_listener_and_route_have_in_common():
    limited = gateway(listener(hostname="*.example"))
    (found,) = attached(route(hostnames=["api.example", "api.other", "*.deep.example"]), gateways=[limited])
    assert found.hostnames == ("*.deep.example", "api.example")
    (whole,) = attached(route(), gateways=[limited])
    assert whole.hostnames == ("*.example",)
    (stranger,) = attached(route(hostnames=["api.other"]), gateways=[limited])
    assert stranger.refusal is not None
    assert stranger.refusal[0] == "NoMatchingListenerHostname"


def test_with_https_the_plain_listeners_routes_are_accepted_but_not_served():
    both = gateway(listener(), listener(name="https", port=443, protocol="HTTPS"))
    plain, secure = attached(
        route(name="plain", sectionName="http"), route(name="secure", sectionName="https"), gateways=[both]
    )
    assert (plain.refusal, plain.hostnames) == (None, ())
    assert (secure.refusal, secure.hostnames) == (None, ("*",))


def test_gateways_of_other_controllers_are_left_alone():
    assert attached(route(), controller="example.net/other") == []


def test_routes_of_other_parents_are_left_alone():
    assert attached(route(kind="Service", group="")) == []
    assert attached(route(name="unknown", namespace="elsewhere")) == []


def test_the_oldest_gateway_comes_first_whatever_its_name():
    newer = gateway(name="a", creationTimestamp="2026-02-01T00:00:00Z")
    snapshot = Snapshot(
        classes=({"metadata": meta("plinth"), "spec": {"controllerName": US}},), gateways=(newer, gateway())
    )
    assert [item["metadata"]["name"] for item in own_gateways(snapshot, US)] == ["plinth", "a"]
