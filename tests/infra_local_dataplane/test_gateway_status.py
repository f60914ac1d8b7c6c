"""What became of routes and gateways is told once, truly, and without touching what others told."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.gateway import files
from infra.local.gateway.attach import Snapshot
from infra.local.gateway.conditions import StatusPatch, status_patches
from infra.local.gateway.files import empty_config, publish, render
from infra.local.gateway.translate import plan

US = "plinth.dev/local-gateway"
FOREIGN = {"controllerName": "example.net/other", "parentRef": {"name": "other"}, "conditions": []}


def meta(name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    found = {"name": name, "uid": f"{namespace}/{name}", "creationTimestamp": "2026-01-01T00:00:00Z", **more}
    return found | ({"namespace": namespace} if namespace else {})


def objects(backend: str = "a", **route_status: Any) -> dict[str, list[dict[str, Any]]]:
    listeners = [
        {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}},
        {"name": "tls", "port": 443, "protocol": "TLS"},
    ]
    route = {
        "parentRefs": [{"name": "plinth", "namespace": "gateway"}],
        "rules": [{"backendRefs": [{"name": backend, "port": 80}]}],
    }
    return {
        "classes": [{"metadata": meta("plinth", generation=3), "spec": {"controllerName": US}}],
        "gateways": [
            {
                "metadata": meta("plinth", "gateway", generation=2),
                "spec": {"gatewayClassName": "plinth", "listeners": listeners},
            }
        ],
        "routes": [{"metadata": meta("r", "app", generation=7), "spec": route, "status": route_status}],
        "services": [
            {"metadata": meta("a", "app"), "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}}
        ],
    }


def patches(
    found: dict[str, list[dict[str, Any]]], now: str = "2026-01-02T00:00:00Z"
) -> dict[str, StatusPatch]:
    snapshot = Snapshot(**{name: tuple(items) for name, items in found.items()})
    outcomes = plan(snapshot, controller=US, xds_dir=Path("/xds")).outcomes
    written = status_patches(snapshot, outcomes, controller=US, port=8080, now=now)
    return {patch.path.split("/")[-3]: patch for patch in written}


def applied(
    found: dict[str, list[dict[str, Any]]], written: dict[str, StatusPatch]
) -> dict[str, list[dict[str, Any]]]:
    kinds = {"gatewayclasses": "classes", "gateways": "gateways", "httproutes": "routes"}
    for kind, patch in written.items():
        found[kinds[kind]][0]["status"] = patch.status
    return found


def truths(conditions: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item["reason"]) for item in conditions}


def test_class_gateway_and_route_are_accepted_and_say_where():
    written = patches(objects())
    assert truths(written["gatewayclasses"].status["conditions"]) == {"Accepted": ("True", "Accepted")}
    gateway = written["gateways"].status
    assert truths(gateway["conditions"]) == {
        "Accepted": ("True", "Accepted"),
        "Programmed": ("True", "Programmed"),
    }
    assert gateway["conditions"][1]["message"] == "served at http://127.0.0.1:8080"
    assert gateway["addresses"] == [{"type": "IPAddress", "value": "127.0.0.1"}]
    http, tls = gateway["listeners"]
    assert (http["attachedRoutes"], http["supportedKinds"][0]["kind"]) == (1, "HTTPRoute")
    assert truths(tls["conditions"])["Accepted"] == ("False", "UnsupportedProtocol")
    (parent,) = written["httproutes"].status["parents"]
    assert truths(parent["conditions"]) == {
        "Accepted": ("True", "Accepted"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
    }
    assert {item["observedGeneration"] for item in parent["conditions"]} == {7}
    assert written["httproutes"].path == (
        "/apis/gateway.networking.k8s.io/v1/namespaces/app/httproutes/r/status"
    )


def test_what_is_told_is_not_told_again():
    found = objects()
    assert patches(applied(found, patches(found)), now="2027-01-01T00:00:00Z") == {}


def test_a_missing_service_is_told_and_only_that_condition_turns():
    found = objects()
    applied(found, patches(found))
    found["routes"][0]["spec"]["rules"][0]["backendRefs"][0]["name"] = "none"
    written = patches(found, now="2027-01-01T00:00:00Z")
    assert list(written) == ["httproutes"]
    accepted, resolved = written["httproutes"].status["parents"][0]["conditions"]
    assert (accepted["status"], accepted["lastTransitionTime"]) == ("True", "2026-01-02T00:00:00Z")
    assert (resolved["reason"], resolved["lastTransitionTime"]) == ("BackendNotFound", "2027-01-01T00:00:00Z")
    assert "app/none" in resolved["message"]


def test_what_other_controllers_told_stays():
    written = patches(objects(parents=[FOREIGN]))
    assert written["httproutes"].status["parents"][0] == FOREIGN
    assert len(written["httproutes"].status["parents"]) == 2


def test_a_route_that_left_us_is_told_so_and_one_that_never_came_is_left_alone():
    found = objects()
    applied(found, patches(found))
    found["routes"][0]["spec"]["parentRefs"] = [{"name": "other"}]
    assert patches(found)["httproutes"].status == {"parents": []}
    stranger = objects(parents=[FOREIGN])
    stranger["routes"][0]["spec"]["parentRefs"] = [{"name": "other"}]
    assert "httproutes" not in patches(stranger)


def test_a_second_gateway_is_told_that_there_is_one_address():
    found = objects()
    second = {
        **found["gateways"][0],
        "metadata": meta("second", "gateway", creationTimestamp="2026-02-01T00:00:00Z"),
    }
    snapshot = Snapshot(classes=tuple(found["classes"]), gateways=(second, found["gateways"][0]))
    written = status_patches(snapshot, (), controller=US, port=8080, now="2026-03-01T00:00:00Z")
    status = next(patch.status for patch in written if patch.path.endswith("/second/status"))
    assert truths(status["conditions"])["Programmed"] == ("False", "AddressNotUsable")
    assert status["addresses"] == []


def cluster(name: str) -> dict[str, Any]:
    return {"name": name}


names = st.sets(st.sampled_from(["a", "b", "c"]))


@given(before=names, after=names)
def test_a_cluster_comes_before_the_route_that_names_it_and_goes_after_the_last(
    tmp_path_factory: pytest.TempPathFactory, before: set[str], after: set[str]
):
    folder = tmp_path_factory.mktemp("xds")
    history: list[tuple[set[str], set[str]]] = []

    def content(used: set[str]) -> dict[str, bytes]:
        routes = {"name": "plinth", "virtual_hosts": sorted(used)}
        return render(routes, [cluster(name) for name in sorted(used)], {name: {} for name in sorted(used)})

    def look() -> None:
        clusters = json.loads((folder / "cds.json").read_text())["resources"]
        (routes,) = json.loads((folder / "rds.json").read_text())["resources"]
        known = {item["name"] for item in clusters}
        assert known <= {path.stem for path in (folder / "eds").glob("*.json")} or not known
        history.append((set(routes["virtual_hosts"]), known))

    write = files.write_atomically

    def watched(path: Path, text: bytes) -> bool:
        changed = write(path, text)
        if changed and (folder / "rds.json").exists() and (folder / "cds.json").exists():
            look()
        return changed

    for name, text in empty_config().items():
        write(folder / name, text)
    patch = pytest.MonkeyPatch()
    try:
        patch.setattr(files, "write_atomically", watched)
        patch.setattr(files, "_SETTLE_SECONDS", 0)
        asyncio.run(publish(folder, content(before)))
        asyncio.run(publish(folder, content(after)))
        look()
        assert asyncio.run(publish(folder, content(after))) == []
    finally:
        patch.undo()
    assert all(used <= known for used, known in history)
    assert history[-1] == (after, after)
    assert {path.stem for path in (folder / "eds").glob("*.json")} == after
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]
