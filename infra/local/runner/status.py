"""From what the runner observes to the status that the API shows: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


def rfc3339(moment: float) -> str:
    """Return seconds since the epoch as the API writes times (UTC, whole seconds)."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The process does not run yet, or not at the moment."""

    reason: str
    message: str = ""

    def render(self) -> dict[str, Any]:
        """Return the API's form."""
        return {"waiting": {"reason": self.reason, "message": self.message}}


@dataclass(frozen=True, kw_only=True)
class Running:
    """The process runs."""

    started_at: float
    """Seconds since the epoch."""

    def render(self) -> dict[str, Any]:
        """Return the API's form."""
        return {"running": {"startedAt": rfc3339(self.started_at)}}


@dataclass(frozen=True, kw_only=True)
class Terminated:
    """The process ended; times in seconds since the epoch."""

    exit_code: int
    reason: str
    started_at: float
    finished_at: float
    signal: int | None = None
    message: str = ""

    def render(self) -> dict[str, Any]:
        """Return the API's form."""
        inner: dict[str, Any] = {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "startedAt": rfc3339(self.started_at),
            "finishedAt": rfc3339(self.finished_at),
        }
        if self.signal:
            inner["signal"] = self.signal
        if self.message:
            inner["message"] = self.message
        return {"terminated": inner}


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What is true of one pod now."""

    container: str
    image: str
    state: Waiting | Running | Terminated
    last_state: Terminated | None = None
    restarts: int = 0
    started: bool = False
    """Whether the startup probe has succeeded (or there is none and the process runs)."""
    ready: bool = False
    process: str = ""
    """Names the process, for ``containerID``; empty before the first start."""
    pod_ip: str
    host_ip: str
    acknowledged_at: float
    """When the runner first saw the pod; seconds since the epoch."""


def build_status(observed: Observed, pod: Mapping[str, Any], *, now: float) -> dict[str, Any]:
    """Return the status to patch in; transition times are kept where a condition has not turned.

    Args:
        observed: What is true.
        pod: The pod as last seen: earlier conditions and readiness gates.
        now: Seconds since the epoch.
    """
    earlier = pod.get("status") or {}
    conditions = {item["type"]: item for item in earlier.get("conditions") or []}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    closed = [gate for gate in gates if conditions.get(gate, {}).get("status") != "True"]
    ended = bool(pod["metadata"].get("deletionTimestamp"))
    ready = observed.ready and not ended
    container = {
        "name": observed.container,
        "image": observed.image,
        "imageID": observed.image if observed.process else "",
        "restartCount": observed.restarts,
        "started": observed.started,
        "ready": ready,
        "state": observed.state.render(),
        "lastState": observed.last_state.render() if observed.last_state else {},
    }
    if observed.process:
        container["containerID"] = f"plinth://{observed.process}"
    truths = {
        "PodReadyToStartContainers": (True, "", ""),
        "Initialized": (True, "", ""),
        "ContainersReady": _ready_condition(observed, ready=ready),
        "Ready": _ready_condition(observed, ready=ready)
        if not ready or not closed
        else (False, "ReadinessGatesNotReady", f"waiting for {', '.join(closed)}"),
    }
    return {
        "phase": "Running" if observed.process else "Pending",
        "startTime": earlier.get("startTime") or rfc3339(observed.acknowledged_at),
        "podIP": observed.pod_ip,
        "podIPs": [{"ip": observed.pod_ip}],
        "hostIP": observed.host_ip,
        "hostIPs": [{"ip": observed.host_ip}],
        "conditions": [
            _condition(kind, truth, conditions.get(kind), now=now) for kind, truth in truths.items()
        ],
        "containerStatuses": [container],
    }


def differs(wanted: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Return whether the API's copy of the pod does not show ``wanted``; others' conditions do not count."""
    shown = dict(pod.get("status") or {})
    shown["conditions"] = sorted(_own(shown.get("conditions") or []), key=lambda item: str(item["type"]))
    expected = {**wanted, "conditions": sorted(wanted["conditions"], key=lambda item: str(item["type"]))}
    return any(not _covers(shown.get(key), value) for key, value in expected.items())


def _own(conditions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [item for item in conditions if item["type"] in _OWN_CONDITIONS]


def _covers(shown: Any, wanted: Any) -> bool:
    """Return whether ``shown`` says all that ``wanted`` says; the server drops what is empty."""
    if isinstance(wanted, Mapping):
        # An empty state must be empty; anything else may have more.
        if not wanted:
            return not shown
        return isinstance(shown, Mapping) and all(
            _covers(shown.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(shown, list)
            and len(shown) == len(wanted)
            and all(_covers(one, other) for one, other in zip(shown, wanted, strict=True))
        )
    return bool(shown == wanted or (not shown and not wanted))


def _ready_condition(observed: Observed, *, ready: bool) -> tuple[bool, str, str]:
    if ready:
        return True, "", ""
    return False, "ContainersNotReady", f"containers with unready status: [{observed.container}]"


def _condition(
    kind: str, truth: tuple[bool, str, str], earlier: Mapping[str, Any] | None, *, now: float
) -> dict[str, Any]:
    status = "True" if truth[0] else "False"
    turned = earlier is None or earlier["status"] != status
    since = rfc3339(now) if turned or not earlier else earlier.get("lastTransitionTime") or rfc3339(now)
    # Empty texts are sent too: a strategic merge keeps an old reason otherwise.
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": since,
        "reason": truth[1],
        "message": truth[2],
    }
