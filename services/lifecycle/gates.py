"""Whether a model may become a candidate: the contract's limits, and the model that is there now. Pure."""

from collections.abc import Mapping

from services.readiness.attestation import broken
from services.readiness.contract import Contract


def objections(
    contract: Contract, figures: Mapping[str, float], production: Mapping[str, float] | None
) -> list[str]:
    """Return every reason against a model; empty when there is none.

    Args:
        contract: Holds the limits.
        figures: What was measured on the model, by name.
        production: The same figures of the model in production; None when there is none.
    """
    found = broken(contract, figures)
    if production is None:
        return found
    allowed = contract.validation.worse_by_at_most
    for name in contract.validation.compare:
        mine, theirs = figures.get(name), production.get(name)
        if mine is None:
            found.append(f"comparison {name}: nothing was measured")
        elif theirs is not None and not mine >= theirs - allowed:
            found.append(
                f"worse than the model in production: {name} is {mine:g} against {theirs:g}, "
                f"{allowed:g} less is allowed"
            )
    return found
