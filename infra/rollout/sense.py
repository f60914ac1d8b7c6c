"""Releases that make no sense, whatever a candidate is like: found before any user could be harmed. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from infra.rollout.objects import Pace
from services.readiness.contract import Contract

FLAGGERS_OWN = "flagger-id"
"""Annotation that Flagger adds to the stable copy's pods."""
SCRAPES_FOR_A_RATE = 2
"""Scrapes before which nothing can be said of a counter."""
RUNS = ("containers", "initContainers", "volumes")
"""Parts of a pod that say what runs."""


class Step(Protocol):
    """One step of a preview: what is done, and the inputs before and after."""

    @property
    def operation(self) -> str:
        """The engine's word for it."""

    @property
    def old(self) -> Mapping[str, Any]:
        """Inputs before; empty when it is new."""

    @property
    def new(self) -> Mapping[str, Any]:
        """Inputs after; empty when it goes."""


def impossible(service: str, contract: Contract, pace: Pace) -> Iterator[str]:
    """Tell what a service promises of its releases and the stack's pace cannot keep.

    Args:
        service: Name of the service.
        contract: What it promises; limits that nothing can pass are refused with the contract itself.
        pace: How releases go.
    """
    # A limit may break just after a look; so many looks count it; the next one undoes the release.
    longest = (pace.failed_checks + 1) * pace.interval_seconds
    if longest > contract.rollback.within_seconds:
        yield (
            f"{service} promises that a bad release is undone within {contract.rollback.within_seconds} s; "
            f"with {pace.failed_checks} failed checks, {pace.interval_seconds} s apart, it takes up to "
            f"{longest} s: no release could keep the promise"
        )


def blind(pace: Pace) -> Iterator[str]:
    """Tell why no candidate could ever pass: the first look would find nothing, which counts against it.

    Args:
        pace: How releases go.
    """
    needed = SCRAPES_FOR_A_RATE * pace.scrape_seconds
    if pace.interval_seconds < needed:
        yield (
            f"no release could ever pass: looks are {pace.interval_seconds} s apart, and a pod that "
            f"Prometheus scrapes every {pace.scrape_seconds} s (plinth:monitoring.scrape_seconds) shows no "
            f"rate before {needed} s; a look that finds nothing counts as failed"
        )


def unseen(steps: Sequence[Step]) -> list[str]:
    """Tell of each change that makes a new version the stable one without anybody having compared it.

    Flagger's first stable version is whatever the Deployment is when the Canary appears. When both come with
    one change, there is no version to compare the new one with, nor one to go back to.

    Args:
        steps: Steps of a preview.
    """
    begun = {_place(step.new) for step in steps if step.operation == "create" and _kind(step.new) == "Canary"}
    found = []
    for step in steps:
        if step.operation == "create" or _kind(step.new) != "Deployment" or _place(step.new) not in begun:
            continue
        before, after = _images(step.old), _images(step.new)
        if before and before != after:
            found.append(
                f"{_place(step.new)[1]}: a canary without a stable version: {', '.join(after)} would become "
                f"the stable one unseen, in place of {', '.join(before)}"
            )
    return found


def no_release(target: Mapping[str, Any], stable: Mapping[str, Any] | None) -> str | None:
    """Return why there is nothing to release; None when there is.

    Args:
        target: The Deployment as it is asked for.
        stable: The stable copy that Flagger keeps; None when there is none.
    """
    name = target["metadata"]["name"]
    if stable is None:
        return f"{name} has no stable version: nothing to compare with, nothing to go back to"
    if not stable.get("status", {}).get("readyReplicas"):
        return f"no pod of the stable version of {name} is ready: nothing to compare with or to go back to"
    if _runs(target) == _runs(stable):
        return f"the candidate equals the stable version of {name}: {', '.join(_images(target))}"
    return None


def _runs(deployment: Mapping[str, Any]) -> tuple[Any, ...]:
    template = deployment["spec"]["template"]
    said = template.get("metadata", {}).get("annotations") or {}
    return (
        *(template["spec"].get(part) for part in RUNS),
        {name: value for name, value in said.items() if name != FLAGGERS_OWN},
    )


def _images(deployment: Mapping[str, Any]) -> list[str]:
    pod = deployment.get("spec", {}).get("template", {}).get("spec", {})
    return [str(one.get("image", "")) for one in pod.get("containers") or []]


def _kind(inputs: Mapping[str, Any]) -> str:
    return str(inputs.get("kind", ""))


def _place(inputs: Mapping[str, Any]) -> tuple[str, str]:
    meta = inputs.get("metadata") or {}
    return str(meta.get("namespace", "")), str(meta.get("name", ""))
