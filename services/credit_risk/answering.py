"""What is special about credit-risk, in one place; how it is served stands in ``readiness/hosting.py``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.credit_risk.decision import decide
from services.credit_risk.features import FEATURES_DIGEST, KNOWN, decode, encode
from services.credit_risk.schema import CreditApplication, Decision
from services.readiness.decisions import DIGITS, Service
from services.readiness.feature_lookup import Known
from services.readiness.hosting import Hosted

NAME = "credit-risk"
"""As Kubernetes knows it; `lineage.py`, which stays out of the bento, says the same (tested)."""


def conclude(probabilities: Sequence[float]) -> tuple[str, list[str]]:
    """Return the decision that a probability of default leads to, and why."""
    outcome, reasons = decide(probabilities[1])
    return outcome, list(reasons)


def shown(probabilities: Sequence[float] | None) -> dict[str, Any]:
    """Return the probability of default; None where nothing is known of the subject."""
    return {"probability_of_default": None if probabilities is None else round(probabilities[1], DIGITS)}


def redact(application: CreditApplication) -> dict[str, Any]:
    """Return what the log may hold: all of it, since no field tells who the applicant is."""
    return application.__dict__.copy()


HOSTED = Hosted(
    service=Service(
        name=NAME,
        classes=("repaid", "default"),
        decide=conclude,
        refer="refer_to_human",
        shown=shown,
        labels={"good": "repaid", "bad": "default"},
    ),
    folder=Path(__file__).parent,
    features_digest=FEATURES_DIGEST,
    schema=CreditApplication,
    answer=Decision,
    encode=encode,
    redact=redact,
    known=Known(definition=KNOWN, decode=decode),
)
