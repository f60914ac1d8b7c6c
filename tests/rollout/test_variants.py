"""A/B tests have something that routes: a header leads to the candidate, and the release waits meanwhile."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.errors import SettingsError
from infra.local.gateway.attach import Snapshot
from infra.local.gateway.translate import plan
from infra.operations import gates
from infra.operations.shadows import Shadows
from infra.ops import experiments, graph
from infra.rollout import objects
from infra.settings import Settings
from services.readiness import contract_file

ROOT = Path(__file__).parents[2]
CONTRACT = contract_file.load(ROOT / "services" / "credit_risk")
ROUTE = objects.Route(
    gateway="plinth", gateway_namespace="gateway", hostname="a.b", prefix="/v1/", timeout_seconds=10
)
CREATED = "2026-01-01T00:00:00Z"


def settings(**rollout: Any) -> Settings:
    raw = json.loads(graph.stack_settings(ROOT / "stacks" / "Pulumi.local.yaml").model_dump_json())
    raw["monitoring"]["scrape_seconds"] = 10
    return Settings.parse({**raw, "rollout": rollout}, stack="local", environ={})


def meta(name: str, space: str = "serving", **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": space, "uid": f"{space}/{name}", "creationTimestamp": CREATED, **more}


def pod(name: str, port: int) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    return {
        "metadata": meta(
            f"{name}-1", labels=labels, annotations={"plinth.dev/endpoint": f"127.0.0.1:{port}"}
        ),
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 3000}]}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def service(name: str, app: str) -> dict[str, Any]:
    spec = {"selector": {"app.kubernetes.io/name": app}, "ports": [{"port": 80, "targetPort": "http"}]}
    return {"metadata": meta(name), "spec": spec}


def flaggers() -> dict[str, Any]:
    """Return a route as Flagger writes it, while a release waits in shadow."""
    shares = [{"name": "s-primary", "port": 80, "weight": 100}, {"name": "s-canary", "port": 80, "weight": 0}]
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": "/v1/"}}], "backendRefs": shares}
    parents = [{"name": "plinth", "namespace": "gateway"}]
    return {"metadata": meta("s"), "spec": {"parentRefs": parents, "hostnames": ["a.b"], "rules": [rule]}}


def envoys() -> list[dict[str, Any]]:
    """Return what Envoy tries in turn for the host."""
    gateway = {
        "metadata": {**meta("plinth", "gateway")},
        "spec": {
            "gatewayClassName": "plinth",
            "listeners": [
                {
                    "name": "http",
                    "port": 80,
                    "protocol": "HTTP",
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                }
            ],
        },
    }
    known = {"metadata": {"name": "plinth"}, "spec": {"controllerName": "plinth.dev/local-gateway"}}
    snapshot = Snapshot(
        classes=(known,),
        gateways=(gateway,),
        routes=(flaggers(), {"metadata": meta("s-variant"), "spec": objects.variant_route("s", ROUTE)}),
        services=(service("s-primary", "s-primary"), service("s-canary", "s"), service("s-shadow", "s")),
        pods=(pod("s-primary", 1001), pod("s", 1002)),
        namespaces=(),
    )
    made = plan(snapshot, controller="plinth.dev/local-gateway", xds_dir=Path("/xds"))
    (config,) = json.loads(made.files["rds.json"])["resources"]
    (host,) = [one for one in config["virtual_hosts"] if one["domains"][0] == "a.b"]
    return list(host["routes"])


def test_the_gateway_tries_the_header_before_the_shares():
    first, second = envoys()
    (header,) = first["match"]["headers"]
    assert (header["name"], header["string_match"]["exact"]) == ("x-plinth-variant", "b")
    assert "serving_s-shadow_80" in str(first["route"])
    assert "headers" not in second["match"]
    assert "serving_s-primary_80" in str(second["route"])
    assert "s-canary" not in str(second["route"])  # no share of the others


def test_variants_need_an_engine():
    with pytest.raises(SettingsError, match="there is no candidate to send a variant to"):
        settings(variants=True)


@pytest.mark.parametrize("wanted", [False, True])
def test_the_program_routes_variants_where_the_settings_ask_for_it(*, wanted: bool):
    asked = graph.resources(settings(engine="flagger", variants=wanted)).asked
    routes = [one for _, _, one in asked if one.get("kind") == "HTTPRoute"]
    assert sorted(one["metadata"]["name"] for one in routes) == (
        ["credit-risk-variant", "digit-reader-variant"] if wanted else []
    )
    hooks = [
        {hook["name"] for hook in one["spec"]["analysis"]["webhooks"]}
        for _, _, one in asked
        if one.get("kind") == "Canary"
    ]
    assert all(("experiment" in names) == wanted for names in hooks)


def test_the_header_is_the_one_that_experiments_speak_of():
    (match,) = objects.variant_route("s", ROUTE)["rules"][0]["matches"]
    assert match["headers"] == [{"type": "Exact", "name": experiments.HEADER, "value": "b"}]


def test_a_release_waits_while_an_experiment_runs_and_goes_on_after_it():
    running = ["pricing"]
    sources = gates.Sources(
        contracts={"credit-risk": CONTRACT},
        shadows=Shadows(list, {"credit-risk": CONTRACT}),
        target=lambda _: {},
        stable=lambda _: None,
        objections=lambda *_: [],
        experiments=lambda _: running,
    )
    status, reason = gates.answer(sources, "experiment", "credit-risk")
    assert (status, "pricing" in reason) == (gates.NO, True)
    running.clear()
    assert gates.answer(sources, "experiment", "credit-risk")[0] == gates.YES
