"""From a backendRef to the processes that get its traffic: pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.local.gateway.bootstrap import source
from infra.local.gateway.files import ENDPOINTS

ENDPOINT_ANNOTATION = "plinth.dev/endpoint"

_LOOPBACK = re.compile(r"127\.0\.0\.1:(?P<port>\d{1,5})")
_TYPE = "type.googleapis.com/"

_CONNECT_SECONDS = 1
"""A loopback connection takes microseconds; one that takes longer meets a full backlog."""

_UPSTREAM_IDLE_SECONDS = 3
"""uvicorn closes connections that are idle for 5 s. Envoy must close first: a request sent on a connection
that the server closes in the same moment is lost with 503."""


class BackendError(Exception):
    """A backendRef that cannot be served; ``reason`` is the API's word for it."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason for the route's ResolvedRefs condition."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One port of one Service."""

    namespace: str
    service: str
    port: int
    target_port: int | str

    @property
    def name(self) -> str:
        """Envoy's cluster name; also a file name, which Kubernetes names allow."""
        return f"{self.namespace}_{self.service}_{self.port}"


@dataclass(frozen=True)
class Cluster:
    """The objects that backends are made of."""

    services: tuple[Mapping[str, Any], ...]
    pods: tuple[Mapping[str, Any], ...]

    @cached_property
    def _services(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in self.services}

    def backend(self, reference: Mapping[str, Any], *, namespace: str) -> Backend:
        """Return what a reference from a route in ``namespace`` stands for.

        Raises:
            BackendError: No such Service or port, another kind, or another namespace. A ReferenceGrant could
                allow the last one; here it is always refused.
        """
        group, kind = reference.get("group") or "", reference.get("kind") or "Service"
        if (group, kind) != ("", "Service"):
            raise BackendError("InvalidKind", f"{kind} {reference['name']!r}: only Services are served")
        if (reference.get("namespace") or namespace) != namespace:
            raise BackendError(
                "RefNotPermitted",
                f"Service {reference['namespace']}/{reference['name']} is in another namespace",
            )
        service = self._services.get((namespace, reference["name"]))
        if service is None:
            raise BackendError("BackendNotFound", f"no Service {namespace}/{reference['name']}")
        number = reference.get("port")
        for port in service["spec"].get("ports") or []:
            if port["port"] == number:
                return Backend(
                    namespace=namespace,
                    service=reference["name"],
                    port=number,
                    target_port=port.get("targetPort") or number,
                )
        raise BackendError("BackendNotFound", f"Service {namespace}/{reference['name']} has no port {number}")

    def endpoints(self, backend: Backend) -> list[int]:
        """Return the loopback ports of the backend's ready pods, sorted."""
        service = self._services[backend.namespace, backend.service]
        selector = service["spec"].get("selector") or {}
        if not selector:
            return []
        found = {
            port
            for pod in self.pods
            if pod["metadata"]["namespace"] == backend.namespace
            and selector.items() <= (pod["metadata"].get("labels") or {}).items()
            and _has_port(pod, backend.target_port)
            and (port := endpoint_port(pod)) is not None
        }
        return sorted(found)


def endpoint_port(pod: Mapping[str, Any]) -> int | None:
    """Return the port of a pod that may get traffic; ``None`` while it is not ready, or ends.

    Only loopback is believed: whoever may annotate a pod must not be able to send its traffic elsewhere.
    """
    if pod["metadata"].get("deletionTimestamp"):
        return None
    conditions = (pod.get("status") or {}).get("conditions") or []
    if not any(item["type"] == "Ready" and item["status"] == "True" for item in conditions):
        return None
    match = _LOOPBACK.fullmatch((pod["metadata"].get("annotations") or {}).get(ENDPOINT_ANNOTATION, ""))
    return int(match["port"]) if match else None


def _has_port(pod: Mapping[str, Any], target: int | str) -> bool:
    """Return whether the pod listens on the Service's target; a number needs no declaration."""
    if isinstance(target, int):
        return True
    ports: Iterable[Mapping[str, Any]] = (
        port for container in pod["spec"]["containers"] for port in container.get("ports") or []
    )
    return any(port.get("name") == target for port in ports)


def envoy_cluster(backend: Backend, xds_dir: Path) -> dict[str, Any]:
    """Return the cluster of a backend, whose endpoints come from a file of its own."""
    protocol = {
        "@type": f"{_TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": f"{_UPSTREAM_IDLE_SECONDS}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {
        "@type": f"{_TYPE}envoy.config.cluster.v3.Cluster",
        "name": backend.name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source(xds_dir / ENDPOINTS / f"{backend.name}.json")},
        "connect_timeout": f"{_CONNECT_SECONDS}s",
        "lb_policy": "LEAST_REQUEST",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol
        },
    }


def envoy_endpoints(backend: Backend, ports: Iterable[int]) -> dict[str, Any]:
    """Return the endpoints of a cluster; without any, Envoy answers 503 as the Gateway API asks."""
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
        for port in ports
    ]
    return {
        "@type": f"{_TYPE}envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": backend.name,
        "endpoints": [{"lb_endpoints": endpoints}] if endpoints else [],
    }
