"""Whom Flagger asks before a release goes on: it may (200), or it may not yet, or not at all (403, and why).

Nothing is decided here that is not written elsewhere: the contract's limits, its signatures, a person's word.
A gate that cannot find out says no; the one that undoes a release does so only for a limit that is broken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.operations.cluster import DIGEST
from infra.operations.shadows import Shadows, Watched
from infra.rollout.comparison import broken, lacking
from infra.rollout.sense import no_release
from infra.rollout.served import APPROVED
from services.readiness.contract import Contract

YES, NO = 200, 403


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the gates look.

    Args:
        contracts: The contract of each service.
        shadows: What the candidates answered.
        target: The Deployment of a service, as it is asked for now.
        stable: The copy of it that Flagger keeps in service; None when there is none.
        objections: Why a service may not run with a model; nothing when it may.
        experiments: Names of a service's A/B tests that run.
    """

    contracts: Mapping[str, Contract]
    shadows: Shadows
    target: Callable[[str], dict[str, Any]]
    stable: Callable[[str], dict[str, Any] | None]
    objections: Callable[[str, str], list[str]]
    experiments: Callable[[str], list[str]]


def answer(sources: Sources, gate: str, service: str) -> tuple[int, str]:
    """Return the status and the reason with which a gate answers.

    Args:
        sources: Where it looks.
        gate: Name of the gate.
        service: Name of the Canary, which is the service's.
    """
    contract = sources.contracts.get(service)
    if contract is None:
        return NO, f"there is no service {service} with a contract"
    known = sources.shadows.of(service)
    if gate == "undo":
        return _undo(contract, known)
    no = {
        "versions": lambda: no_release(sources.target(service), sources.stable(service)),
        "contract": lambda: _contract(sources, service),
        "shadow": lambda: _shadow(contract, known),
        "experiment": lambda: _experiment(sources.experiments(service)),
        "approval": lambda: _approval(sources.target(service)),
    }.get(gate, lambda: f"there is no gate {gate}")()
    return (NO, no) if no else (YES, "go on")


def _undo(contract: Contract, known: Watched | None) -> tuple[int, str]:
    found = broken(contract, known.comparison.tally) if known and known.present else []
    return (YES, "; ".join(found)) if found else (NO, "no limit is broken in shadow")


def _shadow(contract: Contract, known: Watched | None) -> str | None:
    if known is None or not known.present:
        return "there is no candidate to compare"
    return lacking(contract, known.comparison.tally)


def _contract(sources: Sources, service: str) -> str | None:
    digest = (sources.target(service)["metadata"].get("annotations") or {}).get(DIGEST, "")
    return "; ".join(sources.objections(service, digest)) or None


def _experiment(running: list[str]) -> str | None:
    if not running:
        return None
    return f"the A/B test {', '.join(running)} runs: requests keep their variant until it has ended"


def _approval(target: dict[str, Any]) -> str | None:
    image = target["spec"]["template"]["spec"]["containers"][0]["image"]
    approved = (target["metadata"].get("annotations") or {}).get(APPROVED, "")
    if approved == image:
        return None
    return f"nobody has approved {image}: set annotation {APPROVED} of the Deployment to it"
