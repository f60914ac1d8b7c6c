"""Asks Prometheus and Alertmanager, on the laptop or through a port-forward to a cluster."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.errors import PlatformError, PlinthError
from infra.local import session

ANSWER_SECONDS = 15.0
"""A query over some hours of a laptop's samples takes milliseconds."""
VARIABLES = {"prometheus": "PLINTH_PROMETHEUS", "alertmanager": "PLINTH_ALERTMANAGER"}
"""Addresses by hand, such as that of a port-forward to a cluster."""
SEVERITIES = ("page", "ticket")
"""The urgent first; what says nothing of itself counts as urgent."""
WATCHDOG = "Watchdog"
"""Fires always, to prove that alerts flow; it is no complaint."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert as Alertmanager has it.

    Attributes:
        since: When it began to fire, ISO 8601.
        labels: All of them.
    """

    name: str
    severity: str
    service: str
    summary: str
    command: str
    since: str
    labels: Mapping[str, str]


def address(program: str) -> str:
    """Return where ``prometheus`` or ``alertmanager`` answers.

    Raises:
        PlatformError: The platform is down, and no address is given by hand.
    """
    if by_hand := os.environ.get(VARIABLES[program]):
        return by_hand.rstrip("/")
    platform = session.current()
    if platform is None or program not in platform.endpoints:
        raise PlatformError(
            f"The local platform is not up, so there is no {program} to ask.",
            fix=f"./plinth up; or, for a cluster: kubectl -n monitoring port-forward svc/{program}, and "
            f"set {VARIABLES[program]}",
        )
    return platform.endpoints[program]


def query(text: str, *, url: str = "") -> list[dict[str, Any]]:
    """Return the result of a PromQL query: one row for each series.

    Args:
        text: The query.
        url: Address of Prometheus; empty for :func:`address`.

    Raises:
        PlinthError: Prometheus does not take the query.
        PlatformError: It does not answer.
    """
    answer = _get(url or address("prometheus"), "/api/v1/query", query=text)
    data = answer["data"]
    if data["resultType"] == "scalar":
        return [{"metric": {}, "value": data["result"]}]
    return list(data["result"])


def alerts(name: str | None = None, labels: Mapping[str, str] | None = None) -> list[Alert]:
    """Return the alerts that fire, also those that a graver one hides; the Watchdog only when asked for.

    Raises:
        PlatformError: Alertmanager does not answer.
    """
    wanted = {**({"alertname": name} if name else {}), **(labels or {})}
    return [row for row in firing(wanted, hidden=True) if name or row.name != WATCHDOG]


def firing(labels: Mapping[str, str] | None = None, *, hidden: bool = False, url: str = "") -> list[Alert]:
    """Return what fires and is not silenced, the Watchdog too, the urgent first.

    Args:
        labels: Of all of them.
        hidden: Also what Alertmanager inhibits, since a graver alert of the same service fires.
        url: Address of Alertmanager; empty for :func:`address`.

    Raises:
        PlatformError: Alertmanager does not answer.
    """
    filters = [f'{key}="{value}"' for key, value in (labels or {}).items()]
    found = _get(
        url or address("alertmanager"),
        "/api/v2/alerts",
        filter=filters,
        silenced="false",
        inhibited="true" if hidden else "false",
    )
    rows = [
        Alert(
            name=(name := one["labels"].get("alertname", "unnamed")),
            severity=one["labels"].get("severity", SEVERITIES[0]),
            service=one["labels"].get("service", ""),
            summary=one["annotations"].get("summary", "no summary"),
            command=one["annotations"].get("command", f"./plinth runbook {name}"),
            since=one["startsAt"],
            labels=one["labels"],
        )
        for one in found
    ]
    return sorted(rows, key=lambda row: (_rank(row.severity), row.name, row.since))


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _get(base: str, path: str, **parameters: str | Sequence[str]) -> Any:
    url = f"{base}{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
    # Loopback or a port-forward: never through a proxy of the shell.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            said = json.loads(text).get("error", text)
        except (ValueError, AttributeError):
            said = text
        raise PlinthError(
            f"The question is not taken: {said}", where=base, fix="Correct the query."
        ) from None
    except (OSError, ValueError) as error:
        raise PlatformError(
            f"There is no answer: {error}", where=base, fix="./plinth status says what is wrong"
        ) from None
