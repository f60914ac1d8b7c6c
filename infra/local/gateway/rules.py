"""From one rule of an HTTPRoute to what Envoy does with a request that matches it: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.gateway.backends import Backend, BackendError, Cluster
from infra.local.gateway.matching import UnsupportedValueError, seconds

BODY_LIMIT_ANNOTATION = "plinth.dev/max-request-bytes"
"""On an HTTPRoute: the largest request body in bytes, answered 413 above it."""

DEFAULT_TIMEOUT_SECONDS = 15.0
"""Envoy's own default, which Envoy Gateway leaves as it is."""

_INVALID = "invalid-backend"
"""A cluster that never exists: its share of the requests gets 500, as the Gateway API asks for a backendRef
that names nothing. (A Service without ready pods is another case: its empty cluster answers 503.)"""

_TYPE = "type.googleapis.com/"
_HUNDRED = 100


@dataclass
class Rule:
    """A translated rule."""

    action: dict[str, Any]
    """Everything of Envoy's route but its match and name."""
    backends: set[Backend] = field(default_factory=set)
    problems: list[BackendError] = field(default_factory=list)


def translate_rule(rule: Mapping[str, Any], route: Mapping[str, Any], cluster: Cluster) -> Rule:
    """Return the translated rule.

    Raises:
        UnsupportedValueError: A filter or value that is not known here.
    """
    namespace = route["metadata"]["namespace"]
    result = Rule(action={})
    weights: dict[str, int] = {}
    for reference in rule.get("backendRefs") or []:
        if reference.get("filters"):
            raise UnsupportedValueError("filters on a single backendRef")
        name = _resolve(reference, namespace, cluster, result)
        weight = reference.get("weight")
        weights[name] = weights.get(name, 0) + (1 if weight is None else weight)
    mirrors, changes = _filters(rule.get("filters") or [], namespace, cluster, result)
    if sum(weights.values()) == 0:
        # No backend, or none with weight: the API asks for 500.
        result.action["direct_response"] = {"status": 500}
        return result
    result.action["route"] = {
        "weighted_clusters": {
            "clusters": [{"name": name, "weight": weights[name]} for name in sorted(weights) if weights[name]]
        },
        "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR",
        "timeout": f"{_timeout(rule.get('timeouts') or {})}s",
    }
    if mirrors:
        result.action["route"]["request_mirror_policies"] = mirrors
    result.action.update(changes)
    limit = (route["metadata"].get("annotations") or {}).get(BODY_LIMIT_ANNOTATION)
    if limit is not None:
        result.action["typed_per_filter_config"] = {"envoy.filters.http.buffer": _body_limit(limit)}
    return result


def _resolve(reference: Mapping[str, Any], namespace: str, cluster: Cluster, result: Rule) -> str:
    try:
        backend = cluster.backend(reference, namespace=namespace)
    except BackendError as error:
        result.problems.append(error)
        return _INVALID
    result.backends.add(backend)
    return backend.name


def _filters(
    filters: list[Mapping[str, Any]], namespace: str, cluster: Cluster, result: Rule
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the mirror policies and the changes to headers."""
    mirrors: list[dict[str, Any]] = []
    changes: dict[str, Any] = {}
    for item in filters:
        kind = item["type"]
        if kind == "RequestMirror":
            mirror = item["requestMirror"]
            name = _resolve(mirror["backendRef"], namespace, cluster, result)
            if name != _INVALID:
                mirrors.append(
                    {
                        "cluster": name,
                        # Its host name gets Envoy's suffix: by that a service knows a copy, which must
                        # have no effects (services/readiness/shadow.py).
                        "runtime_fraction": {"default_value": _fraction(mirror)},
                    }
                )
        elif kind in ("RequestHeaderModifier", "ResponseHeaderModifier"):
            side = "request" if kind.startswith("Request") else "response"
            changes.update(_headers(side, item[f"{side}HeaderModifier"]))
        else:
            raise UnsupportedValueError(f"filter {kind}")
    return mirrors, changes


def _fraction(mirror: Mapping[str, Any]) -> dict[str, Any]:
    """Return the share of requests that is mirrored: a percentage, a fraction, or all."""
    fraction = mirror.get("fraction")
    if fraction is None:
        percent = mirror.get("percent")
        return {"numerator": _HUNDRED if percent is None else percent, "denominator": "HUNDRED"}
    share = fraction["numerator"] / (fraction.get("denominator") or _HUNDRED)
    return {"numerator": round(share * 1_000_000), "denominator": "MILLION"}


def _headers(side: str, modifier: Mapping[str, Any]) -> dict[str, Any]:
    added = [
        {"header": {"key": item["name"], "value": item["value"]}, "append_action": action}
        for part, action in (("set", "OVERWRITE_IF_EXISTS_OR_ADD"), ("add", "APPEND_IF_EXISTS_OR_ADD"))
        for item in modifier.get(part) or []
    ]
    result: dict[str, Any] = {}
    if added:
        result[f"{side}_headers_to_add"] = added
    if modifier.get("remove"):
        result[f"{side}_headers_to_remove"] = list(modifier["remove"])
    return result


def _timeout(timeouts: Mapping[str, str]) -> float:
    """Return the limit of a request in seconds, 0 for none; without retries both kinds mean the same."""
    given = [seconds(timeouts[name]) for name in ("request", "backendRequest") if name in timeouts]
    limits = [value for value in given if value > 0]
    if limits:
        return min(limits)
    return 0 if given else DEFAULT_TIMEOUT_SECONDS


def _body_limit(text: str) -> dict[str, Any]:
    if not text.isdigit() or int(text) == 0:
        raise UnsupportedValueError(f"annotation {BODY_LIMIT_ANNOTATION} {text!r}: give a number of bytes")
    return {
        "@type": f"{_TYPE}envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        "buffer": {"max_request_bytes": int(text)},
    }
