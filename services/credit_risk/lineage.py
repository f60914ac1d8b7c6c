"""What a model of this service depends on."""

from typing import Any

from services.credit_risk.features import FEATURES_DIGEST
from services.lifecycle import lineage

NAME = "credit-risk"
"""Name of the service, as Kubernetes, BentoML, metrics and records know it."""

SEED = 20_250_101
"""Any number would do; it is fixed so that a figure can be compared with the last one."""


def inputs(data_digest: str) -> dict[str, Any]:
    """Return all that a model depends on; the same inputs give the same model on one machine."""
    return lineage.inputs(
        training="services/credit_risk/training.py",
        data_digest=data_digest,
        features_digest=FEATURES_DIGEST,
        seed=SEED,
    )
