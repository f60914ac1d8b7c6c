"""What a pod needs to be run well: stated resources, probes, and an image that cannot change."""

import re
from collections.abc import Iterator
from functools import lru_cache

from policies.core import At, Outcome, PolicySettings, failed, not_applicable, passed, require, undecided
from policies.core.values import Value
from policies.core.verdicts import Verdict
from policies.families.pod_view import Pod

_ZERO = re.compile(r"^0+(\.0*)?[A-Za-z]*$")
_PROBE_DEFAULTS: dict[str, Value] = {
    "initialDelaySeconds": 0,
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
"""What Kubernetes takes when a probe does not say (API reference of Probe), in seconds or counts."""


def states_resources(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    """Judge requests and limits. Ephemeral containers may not have any."""
    for container in pod.containers:
        if container.role == "ephemeral":
            continue
        for bound in ("requests", "limits"):
            for resource in ("cpu", "memory"):
                place = container.at.at("resources", bound, resource)
                yield require(place, _positive, "must be more than zero", unknown=Verdict.PASSED)


def _positive(value: Value) -> bool:
    if isinstance(value, str):
        return bool(value) and not _ZERO.match(value) and not value.startswith("-")
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def has_probes(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    """Judge liveness and readiness: both there, and not the same, or a slow start ends in a kill."""
    if pod.finite:
        yield not_applicable()
        return
    for container in pod.containers:
        if container.role not in ("main", "sidecar"):
            continue
        live, ready = (container.at.at(key) for key in ("livenessProbe", "readinessProbe"))
        missing = [probe for probe in (live, ready) if probe.empty]
        for probe in missing:
            yield failed(probe, "is not set; must be a probe")
        if not missing:
            yield _distinct(live, ready)


def _distinct(live: At, ready: At) -> Outcome:
    for probe in (live, ready):
        if hidden := _first_unknown(probe):
            # Two probes of which one cannot be read may be the same.
            return undecided(hidden)
    same = _with_defaults(live) == _with_defaults(ready)
    return (
        failed(live, "must differ from readinessProbe, in what it asks or in how long it waits")
        if same
        else passed()
    )


def _first_unknown(place: At) -> At | None:
    if place.unknown:
        return place
    return next((found for key in place.keys() if (found := _first_unknown(place.at(key)))), None)  # noqa: SIM118


def _with_defaults(probe: At) -> dict[str, Value]:
    return _PROBE_DEFAULTS | {key: probe.at(key).value for key in probe.keys()}  # noqa: SIM118


def image_is_pinned(pod: Pod, settings: PolicySettings) -> Iterator[Outcome]:
    """Judge images: by digest, so that what was checked is what runs, and from a registry that is trusted."""
    pattern = _pinned(settings.registries)
    for container in pod.containers:
        yield require(
            container.at.at("image"),
            lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)),
            "must be <registry>/<repository>@sha256:<64 hex digits>, from a registry that the setting "
            "'registries' of the pack allows",
        )


@lru_cache(maxsize=16)
def _pinned(registries: tuple[str, ...]) -> re.Pattern[str]:
    hosts = "|".join(f"(?:{pattern})" for pattern in registries) or "(?!)"
    return re.compile(rf"(?:{hosts})/[a-z0-9][a-z0-9._/-]*(?::[\w.-]+)?@sha256:[0-9a-f]{{64}}")
