"""From the cluster's objects to Envoy's files and the conditions to report: one pure function."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.gateway.attach import Attachment, Snapshot, attach, by_age, own_gateways
from infra.local.gateway.backends import Backend, Cluster, envoy_cluster, envoy_endpoints
from infra.local.gateway.bootstrap import ROUTE_CONFIG
from infra.local.gateway.files import render
from infra.local.gateway.matching import (
    ANY,
    UnsupportedValueError,
    covers,
    envoy_match,
    precedence,
    specificity,
)
from infra.local.gateway.rules import Rule, translate_rule


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one attachment; reason and message of each problem."""

    attachment: Attachment
    refusal: tuple[str, str] | None
    unresolved: tuple[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the objects ask for."""

    files: dict[str, bytes]
    """Envoy's dynamic files by path under the xDS folder."""
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class _Entry:
    """One match of one rule under one hostname."""

    hostname: str
    key: tuple[Any, ...]
    route: dict[str, Any]


def plan(snapshot: Snapshot, *, controller: str, xds_dir: Path) -> Plan:
    """Return files and outcomes; the same objects, in any order, give the same bytes."""
    cluster = Cluster(services=snapshot.services, pods=snapshot.pods)
    # One address serves one gateway: the oldest.
    served = [item["metadata"]["uid"] for item in own_gateways(snapshot, controller)[:1]]
    outcomes: list[Outcome] = []
    entries: list[_Entry] = []
    backends: set[Backend] = set()
    for attachment in attach(snapshot, controller):
        refusal, rules = _rules(attachment, cluster)
        problem = next((problem for rule in rules for problem in rule.problems), None)
        outcomes.append(
            Outcome(
                attachment=attachment,
                refusal=attachment.refusal or refusal,
                unresolved=(problem.reason, str(problem)) if problem else None,
            )
        )
        if attachment.refusal or attachment.gateway["metadata"]["uid"] not in served:
            continue
        entries.extend(_entries(attachment, rules))
        backends.update(backend for rule in rules for backend in rule.backends)
    ordered = sorted(backends, key=lambda backend: backend.name)
    routes = {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": ROUTE_CONFIG,
        "virtual_hosts": _virtual_hosts(entries),
    }
    files = render(
        routes,
        [envoy_cluster(backend, xds_dir) for backend in ordered],
        {backend.name: envoy_endpoints(backend, cluster.endpoints(backend)) for backend in ordered},
    )
    return Plan(files=files, outcomes=tuple(outcomes))


def _rules(attachment: Attachment, cluster: Cluster) -> tuple[tuple[str, str] | None, list[Rule]]:
    """Return why a part of the route is refused, if so, and all its rules; a refused rule answers 500."""
    refusal = None
    rules = []
    for rule in attachment.route["spec"].get("rules") or []:
        try:
            for match in rule.get("matches") or []:
                envoy_match(match)
            rules.append(translate_rule(rule, attachment.route, cluster))
        except UnsupportedValueError as error:
            refusal = refusal or ("UnsupportedValue", f"not supported by the local gateway: {error}")
            rules.append(Rule(action={"direct_response": {"status": 500}}))
    return refusal, rules


def _entries(attachment: Attachment, rules: list[Rule]) -> Iterable[_Entry]:
    meta = attachment.route["metadata"]
    for number, (rule, done) in enumerate(
        zip(attachment.route["spec"].get("rules") or [], rules, strict=True)
    ):
        for match in rule.get("matches") or [{}]:
            try:
                matched = envoy_match(match)
            except UnsupportedValueError:
                continue  # nothing can be said about which requests it means
            key = (*(-part for part in precedence(match)), *by_age(attachment.route), number)
            route = {"name": f"{meta['namespace']}/{meta['name']}/{number}", "match": matched, **done.action}
            for hostname in attachment.hostnames:
                yield _Entry(hostname, key, route)


def _virtual_hosts(entries: list[_Entry]) -> list[dict[str, Any]]:
    """Return one virtual host for each hostname.

    Envoy looks into the most specific one only, so each also holds the routes of wider hostnames,
    after its own.
    """
    hosts = []
    for hostname in sorted({entry.hostname for entry in entries}, key=lambda host: (host == ANY, host)):
        inside = [entry for entry in entries if covers(entry.hostname, hostname)]
        inside.sort(key=lambda entry: (tuple(-int(part) for part in specificity(entry.hostname)), entry.key))
        hosts.append(
            {"name": hostname, "domains": [hostname], "routes": [dict(entry.route) for entry in inside]}
        )
    return hosts


def attached_routes(outcomes: Iterable[Outcome], gateway: Mapping[str, Any], listener: str) -> int:
    """Return how many routes a listener has accepted."""
    uid = gateway["metadata"]["uid"]
    return len(
        {
            outcome.attachment.route["metadata"]["uid"]
            for outcome in outcomes
            if outcome.attachment.gateway["metadata"]["uid"] == uid
            and listener in outcome.attachment.listeners
        }
    )
