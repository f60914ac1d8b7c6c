"""Hostnames, matches and their precedence as the Gateway API defines them, in Envoy's words: pure."""

import re
from collections.abc import Mapping
from typing import Any

_DURATION_PARTS = re.compile(r"(\d{1,5})(h|ms|m|s)")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

ANY = "*"
"""The hostname that stands for all."""


class UnsupportedValueError(Exception):
    """The route asks for something that this controller does not do; the text says what."""


def covers(pattern: str, host: str) -> bool:
    """Return whether every host of ``host`` (a name or a wildcard) is one of ``pattern``."""
    if pattern in (ANY, host):
        return True
    return pattern.startswith("*.") and host != ANY and host.removeprefix("*").endswith(pattern[1:])


def intersection(listener: str, route: str) -> str | None:
    """Return the hostname that both allow, the narrower of the two; ``None`` when there is none."""
    if covers(listener, route):
        return route
    return listener if covers(route, listener) else None


def specificity(host: str) -> tuple[bool, int]:
    """Return a key by which more specific hostnames are greater: exact ones, then by length."""
    return (not host.startswith("*"), len(host.removeprefix(ANY)))


def precedence(match: Mapping[str, Any]) -> tuple[int, int, bool, int, int]:
    """Return a key by which a match that must be tried earlier is greater.

    The order is the API's: exact path, longest prefix, method, number of headers, number of query parameters.
    Regular expressions, whose place the API leaves open, come between exact paths and prefixes.
    """
    path = match.get("path") or {}
    rank = {"Exact": 2, "RegularExpression": 1}.get(path.get("type", "PathPrefix"), 0)
    return (
        rank,
        len(path.get("value") or "/"),
        bool(match.get("method")),
        len(match.get("headers") or []),
        len(match.get("queryParams") or []),
    )


def envoy_match(match: Mapping[str, Any]) -> dict[str, Any]:
    """Return Envoy's form of an HTTPRouteMatch.

    Raises:
        UnsupportedValueError: A kind of match that is not known here.
    """
    result = _path(match.get("path") or {})
    headers = [{"name": item["name"], "string_match": _string(item)} for item in match.get("headers") or []]
    if method := match.get("method"):
        headers.append({"name": ":method", "string_match": {"exact": method}})
    if headers:
        result["headers"] = headers
    if parameters := match.get("queryParams"):
        result["query_parameters"] = [
            {"name": item["name"], "string_match": _string(item)} for item in parameters
        ]
    return result


def _path(path: Mapping[str, Any]) -> dict[str, Any]:
    value, kind = path.get("value") or "/", path.get("type") or "PathPrefix"
    if kind == "Exact":
        return {"path": value}
    if kind == "PathPrefix":
        # "/a" stands for /a and /a/..., never for /ab.
        trimmed = value.rstrip("/")
        return {"path_separated_prefix": trimmed} if trimmed else {"prefix": "/"}
    if kind == "RegularExpression":
        return {"safe_regex": {"regex": value}}
    raise UnsupportedValueError(f"path match of type {kind}")


def _string(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = item.get("type") or "Exact"
    if kind == "Exact":
        return {"exact": item["value"]}
    if kind == "RegularExpression":
        return {"safe_regex": {"regex": item["value"]}}
    raise UnsupportedValueError(f"match of type {kind} on {item['name']!r}")


def seconds(duration: str) -> float:
    """Return the seconds of a Gateway API duration such as ``1m30s``.

    Raises:
        UnsupportedValueError: It is not one.
    """
    parts = _DURATION_PARTS.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise UnsupportedValueError(f"duration {duration!r}")
    return round(sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts), 3)
