"""What Flagger reads: a Canary for each service, and the metric templates that all of them share. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.rollout.checks import QUERIES, checks
from services.readiness.contract import Contract

GROUP = "flagger.app/v1beta1"
PROVIDER = "gatewayapi:v1"
ROUTES = "gateway.networking.k8s.io"
PROMETHEUS = "http://prometheus.monitoring:9090"
GATES = "http://operations.monitoring:9464/gates"
"""Who is asked, by their Services."""
GATE_SECONDS = 5
"""Longest answer of a gate."""
PORT = 80
SCRAPES_IN_WINDOW = 4
"""Scrapes that a measurement spans: a rate needs two, and one may fail."""
LEAST_INTERVAL_SECONDS = 10
"""Flagger looks no more often, whatever it is told."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a release proceeds.

    Args:
        weights: Shares of the requests in percent that a candidate gets, one after the other.
        interval_seconds: Between two looks.
        failed_checks: Looks at a broken limit until the release is undone.
        ready_seconds: Until a candidate's pods must be ready.
        variants: Whether a release waits in shadow while an A/B test runs.
        scrape_seconds: Between two looks of Prometheus at a pod.
    """

    weights: Sequence[int] = (5, 25, 50)
    interval_seconds: int = 20
    failed_checks: int = 2
    ready_seconds: int = 120
    variants: bool = False
    scrape_seconds: int = 10

    @property
    def window_seconds(self) -> int:
        """Return over how long a limit is measured: so many scrapes that one may fail."""
        return max(self.interval_seconds, SCRAPES_IN_WINDOW * self.scrape_seconds)


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where requests for a service come in.

    Args:
        gateway: Name of the gateway.
        gateway_namespace: Its namespace.
        hostname: At which the gateway answers for the service.
        prefix: Paths that are led inside.
        timeout_seconds: Longest answer.
    """

    gateway: str
    gateway_namespace: str
    hostname: str
    prefix: str
    timeout_seconds: int


VARIANT_HEADER, VARIANT = "x-plinth-variant", "b"
"""Header of a request that belongs to the candidate's side of an A/B test, and its value."""


def variant_route(service: str, route: "Route") -> dict[str, Any]:
    """Return the specification of the route by which requests of variant b reach a service's candidate.

    It names a header more than Flagger's route of the same host, so the Gateway API prefers it. It leads to
    the Service of the copies, which selects the candidate's pods.

    Args:
        service: Name of the service.
        route: Where requests come in.
    """
    return {
        "parentRefs": [{"name": route.gateway, "namespace": route.gateway_namespace}],
        "hostnames": [route.hostname],
        "rules": [
            {
                "matches": [
                    {
                        "path": {"type": "PathPrefix", "value": route.prefix},
                        "headers": [{"type": "Exact", "name": VARIANT_HEADER, "value": VARIANT}],
                    }
                ],
                "backendRefs": [{"name": shadow_name(service), "port": PORT}],
                "timeouts": {"request": f"{route.timeout_seconds}s"},
            }
        ],
    }


def shadow_name(service: str) -> str:
    """Return the name of the Service through which copies of requests reach a service's candidate."""
    return f"{service}-shadow"


def templates() -> dict[str, dict[str, Any]]:
    """Return the specification of each metric template by name."""
    provider = {"type": "prometheus", "address": PROMETHEUS}
    return {name: {"provider": provider, "query": query} for name, query in QUERIES.items()}


def canary(service: str, namespace: str, contract: Contract, route: Route, pace: Pace) -> dict[str, Any]:
    """Return the specification of a service's Canary.

    Everything that the API server would fill in stands here: Flagger compares what it wants with what it
    finds, and writes a route anew, weights and all, when they differ.

    Args:
        service: Name of the Deployment and of the service.
        namespace: Where both are.
        contract: What it promised.
        route: Where requests come in.
        pace: How fast it goes.
    """
    return {
        "provider": PROVIDER,
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service},
        "progressDeadlineSeconds": pace.ready_seconds,
        "service": {
            "port": PORT,
            "targetPort": "http",
            "gatewayRefs": [
                {
                    "group": ROUTES,
                    "kind": "Gateway",
                    "name": route.gateway,
                    "namespace": route.gateway_namespace,
                }
            ],
            "hosts": [route.hostname],
            "match": [{"uri": {"prefix": route.prefix}}],
            "timeout": f"{route.timeout_seconds}s",
            # Copies go to the candidate as long as it has pods: before it gets users, and meanwhile. (With
            # the Gateway API, Flagger's own `analysis.mirror` has no effect on releases by weight; and a
            # mirror to its own Service would be taken for that, and the shadow gate left out.)
            "mirror": [
                {"backendRef": {"group": "", "kind": "Service", "name": shadow_name(service), "port": PORT}}
            ],
        },
        "analysis": {
            "interval": f"{pace.interval_seconds}s",
            "threshold": pace.failed_checks,
            "stepWeights": list(pace.weights),
            "metrics": [
                {
                    "name": check.name,
                    "templateRef": {"name": check.name, "namespace": namespace},
                    "thresholdRange": {"max": check.at_most},
                    "interval": f"{pace.window_seconds}s",
                    **({"templateVariables": dict(check.variables)} if check.variables else {}),
                }
                for check in checks(contract)
            ],
            "webhooks": gates(contract, variants=pace.variants),
        },
    }


def gates(contract: Contract, *, variants: bool = False) -> list[dict[str, Any]]:
    """Return who is asked before a release goes on: see ``infra/operations/gates.py``.

    Args:
        contract: What the service promised.
        variants: Whether a release waits for the end of an A/B test.
    """
    kinds: Mapping[str, str] = {
        "versions": "confirm-rollout",
        "contract": "confirm-rollout",
        "shadow": "confirm-traffic-increase",
        **({"experiment": "confirm-traffic-increase"} if variants else {}),
        "undo": "rollback",
        # A person lets a service of high risk go to everybody; others go by their evidence.
        **({"approval": "confirm-promotion"} if contract.risk_class == "high" else {}),
    }
    return [
        {"name": name, "type": kind, "url": f"{GATES}/{name}", "timeout": f"{GATE_SECONDS}s"}
        for name, kind in kinds.items()
    ]
