"""From a trained scikit-learn model to ONNX: the same bytes for the same model, the same answers in both."""

from typing import Any

import numpy as np
import numpy.typing as npt
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from services.readiness.errors import TrainingError
from services.readiness.model import INPUT, OUTPUT, opened

OPSET = 18
"""Operator set of the export: fixed, or a new library would change the model's bytes."""

MAX_OUTPUT_DIFFERENCE = 1e-5
"""Largest difference of a probability between the trained and the exported model. The export computes
in 32 bits (7 digits); about 1e-7 is measured, and 1e-5 changes no decision on the data."""


def exported(model: Any, *, columns: int, name: str) -> bytes:
    """Return a classifier as ONNX: input ``features`` (rows, columns), output ``probabilities``."""
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    graph = to_onnx(
        model,
        initial_types=[(INPUT, FloatTensorType([None, columns]))],
        options={id(last): {"zipmap": False}},
        target_opset=OPSET,
        name=name,
    )
    # The converter keeps operator sets in a Python set, whose order changes from run to run.
    opsets = sorted(graph.opset_import, key=lambda opset: str(opset.domain))
    ordered = [type(opset).FromString(opset.SerializeToString()) for opset in opsets]
    del graph.opset_import[:]
    graph.opset_import.extend(ordered)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def compare(content: bytes, model: Any, features: npt.NDArray[np.float32]) -> dict[str, float]:
    """Check that the exported model gives the trained model's probabilities.

    Raises:
        TrainingError: A probability differs by more than the tolerance, or the likeliest class does.
    """
    trained = model.predict_proba(features)
    answered = opened(content).run([OUTPUT], {INPUT: features})[0]
    largest = float(np.abs(trained - answered).max())
    changed = int((trained.argmax(axis=1) != answered.argmax(axis=1)).sum())
    if not largest <= MAX_OUTPUT_DIFFERENCE or changed:
        raise TrainingError(
            f"The exported model differs from the trained one: by {largest:.3g} in probability "
            f"(allowed {MAX_OUTPUT_DIFFERENCE:g}), in {changed} of {len(features)} answers (allowed 0).",
            fix="do not serve it; look for an operator that the export converts differently",
        )
    return {
        "rows": len(features),
        "largest_difference": float(f"{largest:.3g}"),
        "answers_changed": changed,
        "opset": OPSET,
        "tolerance": MAX_OUTPUT_DIFFERENCE,
    }
