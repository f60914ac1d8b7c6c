"""Probes as the API defines them: what to ask, when, and what a row of answers means."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["startup", "readiness", "liveness"]

_DEFAULTS = {
    # The API server fills these in; a pod that was not defaulted behaves the same.
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 3,
}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One probe of a container; times in seconds, thresholds in answers in a row."""

    kind: Kind
    path: str | None
    """The path to GET, with query; ``None`` means that an accepted TCP connection is enough."""
    port: int | str
    """A number, or a name among the container's ports."""
    headers: tuple[tuple[str, str], ...] = ()
    initial_delay_seconds: float = 0
    period_seconds: float = 10
    timeout_seconds: float = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    grace_seconds: int | None = None
    """Overrides the pod's grace period when this probe ends the process."""


def read_probe(kind: Kind, spec: Mapping[str, Any]) -> Probe:
    """Read a probe from a container's specification.

    Raises:
        ValueError: It asks for something that a process on loopback cannot answer (exec, grpc, HTTPS).
    """
    values = {**_DEFAULTS, **{key: value for key, value in spec.items() if value is not None}}
    if http := spec.get("httpGet"):
        if http.get("scheme", "HTTP") != "HTTP":
            raise ValueError(f"the {kind} probe asks for {http['scheme']}; only HTTP is served here")
        path, port = http.get("path") or "/", http["port"]
        headers = tuple((item["name"], item["value"]) for item in http.get("httpHeaders") or ())
    elif tcp := spec.get("tcpSocket"):
        path, port, headers = None, tcp["port"], ()
    else:
        raise ValueError(f"the {kind} probe is neither httpGet nor tcpSocket")
    return Probe(
        kind=kind,
        path=path,
        port=port,
        headers=headers,
        initial_delay_seconds=values["initialDelaySeconds"],
        period_seconds=values["periodSeconds"],
        timeout_seconds=values["timeoutSeconds"],
        success_threshold=values["successThreshold"],
        failure_threshold=values["failureThreshold"],
        grace_seconds=spec.get("terminationGracePeriodSeconds"),
    )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the answers so far mean. It turns only after a threshold's number of equal answers in a row."""

    probe: Probe
    good: bool
    last: bool | None = None
    streak: int = 0

    @classmethod
    def first(cls, probe: Probe) -> "Verdict":
        """Return the verdict before any answer: alive, but neither started nor ready."""
        return cls(probe=probe, good=probe.kind == "liveness")

    def record(self, answer: bool) -> "Verdict":  # noqa: FBT001 - an answer is yes or no
        """Return the verdict after one more answer."""
        streak = self.streak + 1 if answer == self.last else 1
        needed = self.probe.success_threshold if answer else self.probe.failure_threshold
        good = answer if streak >= needed else self.good
        return replace(self, good=good, last=answer, streak=streak)

    @property
    def exhausted(self) -> bool:
        """Whether the failures in a row have reached the threshold: for liveness and startup, restart now."""
        return self.last is False and self.streak >= self.probe.failure_threshold
