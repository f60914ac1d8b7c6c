"""What a model depends on, known without training one (and without the libraries that train)."""

import platform
from importlib.metadata import version
from typing import Any

from services.lifecycle.closure import ROOT, needed
from services.readiness.digests import files_digest

LIBRARIES = ("numpy", "onnx", "onnxruntime", "pydantic", "scikit-learn", "scipy", "skl2onnx", "threadpoolctl")
"""Libraries whose version may change a model's bytes or figures."""


def code_digest(training: str) -> str:
    """Return the digest of the code that a model is made by: a training module and all it imports.

    The packages' own ``__init__.py`` are left out: they hold a sentence each.
    """
    names = [name for name in needed(training) if not _is_empty_package(name)]
    return files_digest(ROOT, (ROOT / name for name in names))


def inputs(*, training: str, data_digest: str, features_digest: str, seed: int) -> dict[str, Any]:
    """Return all that a model depends on; the same inputs give the same model on one machine.

    Args:
        training: Path of the training module below the root.
        data_digest: Content of the data.
        features_digest: Names the feature list.
        seed: Where every draw of chance begins.
    """
    return {
        "data_digest": data_digest,
        "code_digest": code_digest(training),
        "features_digest": features_digest,
        "seed": seed,
        "libraries": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _is_empty_package(name: str) -> bool:
    return name.endswith("__init__.py") and "import" not in (ROOT / name).read_text(encoding="utf-8")
