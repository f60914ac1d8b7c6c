"""From objects to Envoy's files: shares are kept, only ready pods get traffic, order does not matter."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.gateway.attach import Snapshot
from infra.local.gateway.translate import Plan, plan

US = "plinth.dev/local-gateway"
XDS = Path("/xds")


def meta(name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    found = {"name": name, "uid": f"{namespace}/{name}", "creationTimestamp": "2026-01-01T00:00:00Z", **more}
    return found | ({"namespace": namespace} if namespace else {})


def gateway_class(controller: str = US) -> dict[str, Any]:
    return {"metadata": meta("plinth"), "spec": {"controllerName": controller}}


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


def route(
    *rules: dict[str, Any], name: str = "r", parent: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    parents = [{"name": "plinth", "namespace": "gateway", **(parent or {})}]
    hostnames = more.pop("hostnames", None)
    spec = {"parentRefs": parents, "rules": list(rules)} | ({"hostnames": hostnames} if hostnames else {})
    return {"metadata": meta(name, more.pop("namespace", "app"), **more), "spec": spec}


def to(*backends: tuple[str, int], path: str = "/", kind: str = "PathPrefix", **more: Any) -> dict[str, Any]:
    refs = [{"name": name, "port": 80, "weight": weight} for name, weight in backends]
    return {"matches": [{"path": {"type": kind, "value": path}}], "backendRefs": refs, **more}


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": "http"}]
    return {"metadata": meta(name, "app"), "spec": {"selector": {"app": name}, "ports": ports, **spec}}


def pod(app: str, port: int, *, ready: bool = True, **more: Any) -> dict[str, Any]:
    annotations = {"plinth.dev/endpoint": f"127.0.0.1:{port}"}
    return {
        "metadata": meta(f"{app}-{port}", "app", labels={"app": app}, annotations=annotations, **more),
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 3000}]}]},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def planned(
    *routes: dict[str, Any], services: Any = (), pods: Any = (), gateways: Any = None, namespaces: Any = ()
) -> Plan:
    snapshot = Snapshot(
        classes=(gateway_class(),),
        gateways=tuple(gateways or [gateway()]),
        routes=routes,
        services=tuple(services),
        pods=tuple(pods),
        namespaces=tuple(namespaces),
    )
    return plan(snapshot, controller=US, xds_dir=XDS)


def hosts(result: Plan) -> dict[str, list[dict[str, Any]]]:
    (config,) = json.loads(result.files["rds.json"])["resources"]
    return {host["domains"][0]: host["routes"] for host in config["virtual_hosts"]}


def ports(result: Plan, name: str) -> list[int]:
    (assignment,) = json.loads(result.files[f"eds/app_{name}_80.json"])["resources"]
    return [
        item["endpoint"]["address"]["socket_address"]["port_value"]
        for group in assignment["endpoints"]
        for item in group["lb_endpoints"]
    ]


def shares(action: dict[str, Any]) -> dict[str, int]:
    return {item["name"]: item["weight"] for item in action["route"]["weighted_clusters"]["clusters"]}


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 100), min_size=1))
def test_each_backend_gets_the_share_that_its_weight_gives_it(weights: dict[str, int]):
    result = planned(route(to(*weights.items())), services=[service(name) for name in weights])
    (action,) = hosts(result)["*"]
    if sum(weights.values()) == 0:
        assert action["direct_response"] == {"status": 500}
    else:
        assert shares(action) == {f"app_{name}_80": weight for name, weight in weights.items() if weight}


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=6))
def test_only_pods_that_are_ready_and_stay_get_traffic(states: list[tuple[bool, bool, bool]]):
    pods = []
    for number, (ready, ending, named) in enumerate(states):
        item = pod("a", 30000 + number, ready=ready)
        if ending:
            item["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        if not named:
            item["metadata"]["annotations"] = {}
        pods.append(item)
    result = planned(route(to(("a", 1))), services=[service("a")], pods=pods)
    expected = [
        30000 + number
        for number, (ready, ending, named) in enumerate(states)
        if ready and not ending and named
    ]
    assert ports(result, "a") == expected


@given(st.randoms(use_true_random=False))
def test_the_same_objects_in_any_order_give_the_same_bytes(chance: random.Random):
    routes = [
        route(to(("a", 1), ("b", 9)), to(("a", 1), path="/x"), name="one"),
        route(to(("b", 1), path="/x"), name="two", hostnames=["b.example", "a.example", "*.example"]),
    ]
    services, pods = [service("a"), service("b")], [pod("a", 30001), pod("a", 30002), pod("b", 30003)]
    first = planned(*routes, services=services, pods=pods)
    for items in (routes, services, pods):
        chance.shuffle(items)
    assert planned(*routes, services=services, pods=pods).files == first.files


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": {"plinth.dev/endpoint": "10.0.0.1:80"}},
        {"annotations": {"plinth.dev/endpoint": "127.0.0.1:80@evil.example"}},
        {"annotations": {}},
        {"labels": {"app": "other"}},
        {"namespace": "elsewhere"},
    ],
)
def test_an_endpoint_is_believed_on_loopback_and_for_selected_pods_only(changes: dict[str, Any]):
    item = pod("a", 30001)
    item["metadata"].update(changes)
    assert ports(planned(route(to(("a", 1))), services=[service("a")], pods=[item]), "a") == []


def test_a_pod_without_the_named_port_is_no_endpoint():
    item = pod("a", 30001)
    item["spec"]["containers"][0]["ports"] = [{"name": "other", "containerPort": 3000}]
    assert ports(planned(route(to(("a", 1))), services=[service("a")], pods=[item]), "a") == []


def test_a_service_without_a_selector_has_no_endpoints():
    result = planned(route(to(("a", 1))), services=[service("a", selector=None)], pods=[pod("a", 30001)])
    assert ports(result, "a") == []


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ({"name": "none", "port": 80}, "BackendNotFound"),
        ({"name": "a", "port": 81}, "BackendNotFound"),
        ({"name": "a", "port": 80, "kind": "Bucket", "group": "example"}, "InvalidKind"),
        ({"name": "a", "port": 80, "namespace": "elsewhere"}, "RefNotPermitted"),
    ],
)
def test_an_invalid_backend_takes_its_share_with_500_and_is_reported(reference: dict[str, Any], reason: str):
    rule = to(("a", 3))
    rule["backendRefs"].append({**reference, "weight": 1})
    result = planned(route(rule), services=[service("a")])
    (action,) = hosts(result)["*"]
    assert shares(action) == {"app_a_80": 3, "invalid-backend": 1}
    assert action["route"]["cluster_not_found_response_code"] == "INTERNAL_SERVER_ERROR"
    assert "invalid-backend" not in result.files["cds.json"].decode()
    (outcome,) = result.outcomes
    assert outcome.refusal is None
    assert outcome.unresolved is not None
    assert outcome.unresolved[0] == reason


def test_a_mirror_gets_copies_and_no_share():
    rule = to(
        ("a", 1),
        filters=[
            {
                "type": "RequestMirror",
                "requestMirror": {"backendRef": {"name": "b", "port": 80}, "percent": 10},
            },
            {
                "type": "RequestMirror",
                "requestMirror": {
                    "backendRef": {"name": "c", "port": 80},
                    "fraction": {"numerator": 1, "denominator": 1000},
                },
            },
            {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}}},
        ],
    )
    result = planned(route(rule), services=[service(name) for name in "abc"], pods=[pod("b", 30001)])
    (action,) = hosts(result)["*"]
    assert shares(action) == {"app_a_80": 1}
    mirrors = [
        (item["cluster"], item["runtime_fraction"]["default_value"])
        for item in action["route"]["request_mirror_policies"]
    ]
    assert mirrors == [
        ("app_b_80", {"numerator": 10, "denominator": "HUNDRED"}),
        ("app_c_80", {"numerator": 1000, "denominator": "MILLION"}),
        ("app_b_80", {"numerator": 100, "denominator": "HUNDRED"}),
    ]
    assert ports(result, "b") == [30001]


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [
        (None, "15.0s"),
        ({"request": "500ms"}, "0.5s"),
        ({"request": "1m30s", "backendRequest": "20s"}, "20.0s"),
        ({"request": "0s"}, "0s"),
        ({"request": "0s", "backendRequest": "2s"}, "2.0s"),
    ],
)
def test_a_request_is_ended_after_the_routes_timeout(timeouts: dict[str, str] | None, expected: str):
    rule = to(("a", 1), **({"timeouts": timeouts} if timeouts else {}))
    (action,) = hosts(planned(route(rule), services=[service("a")]))["*"]
    assert action["route"]["timeout"] == expected
    assert "retry_policy" not in action["route"]


@pytest.mark.parametrize(
    "rule",
    [
        to(("a", 1), filters=[{"type": "URLRewrite", "urlRewrite": {}}]),
        to(("a", 1), timeouts={"request": "soon"}),
        to(("a", 1), kind="Magic"),
    ],
)
def test_a_rule_that_asks_for_something_unknown_is_refused_and_never_served(rule: dict[str, Any]):
    result = planned(route(rule), services=[service("a")])
    (outcome,) = result.outcomes
    assert outcome.refusal is not None
    assert outcome.refusal[0] == "UnsupportedValue"
    assert all(action.get("direct_response") == {"status": 500} for action in hosts(result).get("*", []))


def test_rules_are_tried_in_the_order_of_the_gateway_api():
    exact = to(("a", 1), path="/v1/predict", kind="Exact")
    long = to(("a", 1), path="/v1/models")
    headed = to(("a", 1), path="/v1")
    headed["matches"][0]["headers"] = [{"name": "x-canary", "value": "yes"}]
    method = to(("a", 1), path="/v1")
    method["matches"][0]["method"] = "POST"
    short = to(("a", 1), path="/v1")
    rules = [short, headed, method, long, exact]
    found = hosts(planned(route(*rules), services=[service("a")]))["*"]
    assert [item["name"] for item in found] == [
        f"app/r/{rules.index(r)}" for r in (exact, long, method, headed, short)
    ]
    assert found[0]["match"] == {"path": "/v1/predict"}
    assert found[2]["match"]["headers"] == [{"name": ":method", "string_match": {"exact": "POST"}}]


def test_the_older_route_wins_a_tie():
    old = route(to(("a", 1)), name="z", creationTimestamp="2025-01-01T00:00:00Z")
    new = route(to(("a", 1)), name="a")
    found = hosts(planned(new, old, services=[service("a")]))["*"]
    assert [item["name"] for item in found] == ["app/z/0", "app/a/0"]


def test_a_narrow_hostname_falls_back_to_the_routes_of_wider_ones():
    narrow = route(to(("a", 1), path="/only"), name="narrow", hostnames=["api.example"])
    wide = route(to(("a", 1)), name="wide", hostnames=["*.example"])
    all_hosts = route(to(("a", 1)), name="all")
    found = hosts(planned(all_hosts, wide, narrow, services=[service("a")]))
    assert {host: [item["name"] for item in inside] for host, inside in found.items()} == {
        "api.example": ["app/narrow/0", "app/wide/0", "app/all/0"],
        "*.example": ["app/wide/0", "app/all/0"],
        "*": ["app/all/0"],
    }


def test_a_body_limit_is_switched_on_for_its_route_only():
    limited = route(to(("a", 1)), annotations={"plinth.dev/max-request-bytes": "1024"})
    (action,) = hosts(planned(limited, services=[service("a")]))["*"]
    assert action["typed_per_filter_config"]["envoy.filters.http.buffer"]["buffer"] == {
        "max_request_bytes": 1024
    }
    (plain,) = hosts(planned(route(to(("a", 1))), services=[service("a")]))["*"]
    assert "typed_per_filter_config" not in plain


def test_only_the_oldest_gateway_is_served():
    newer = gateway(name="newer", creationTimestamp="2026-02-01T00:00:00Z")
    subject = route(to(("a", 1)), parent={"name": "newer"})
    result = planned(subject, services=[service("a")], gateways=[newer, gateway()])
    assert hosts(result) == {}
