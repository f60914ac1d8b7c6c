"""What a model depends on, known without training one (and without the libraries that train)."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from services.credit_risk.features import FEATURES_DIGEST
from services.readiness.digests import files_digest

ROOT = Path(__file__).parents[2]

NAME = "credit-risk"
"""Name of the service, as Kubernetes, BentoML, metrics and records know it."""

SEED = 20_250_101
"""Any number would do; it is fixed so that a figure can be compared with the last one."""

MODEL_CODE = (
    "services/credit_risk/data.py",
    "services/credit_risk/decision.py",
    "services/credit_risk/evaluation.py",
    "services/credit_risk/features.py",
    "services/credit_risk/lineage.py",
    "services/credit_risk/schema.py",
    "services/credit_risk/training.py",
    "services/readiness/digests.py",
    "services/readiness/errors.py",
    "services/readiness/guard.py",
    "services/readiness/model.py",
    "services/readiness/reference_making/__init__.py",
    "services/readiness/reference_making/columns.py",
    "services/readiness/reference_making/confidence.py",
    "services/readiness/reference_making/explanation.py",
    "services/readiness/reference_making/guard.py",
    "services/readiness/reference_making/scorecard.py",
)
"""The code that a model is made by; a test compares it with what ``training`` imports."""

LIBRARIES = ("numpy", "onnx", "onnxruntime", "pydantic", "scikit-learn", "scipy", "skl2onnx", "threadpoolctl")
"""Libraries whose version may change a model's bytes or figures."""


def code_digest() -> str:
    """Return the digest of the code that models are made by."""
    return files_digest(ROOT, (ROOT / name for name in MODEL_CODE))


def inputs(data_digest: str) -> dict[str, Any]:
    """Return all that a model depends on; the same inputs give the same model on one machine."""
    return {
        "data_digest": data_digest,
        "code_digest": code_digest(),
        "features_digest": FEATURES_DIGEST,
        "seed": SEED,
        "libraries": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
