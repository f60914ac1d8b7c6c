"""All that is said about a model's answers, for many rows at once: guard, confidence, explanation.

``reference.json`` of a model folder says of each part which kind it is. Two classes and a table of inputs
have the richest kinds; many classes and images have kinds of their own, with the same results.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from services.readiness.assessment import Assessment
from services.readiness.confidence import Calibration, ClassCalibration, Confidence
from services.readiness.engine import MOST_ROWS, ModelFaultError, Row
from services.readiness.explanation import CoalitionExplainer, Explainer, Terms
from services.readiness.guard import Guard, Judgement
from services.readiness.likeness import Likeness

MOST_MODEL_ROWS = 16_384
"""Rows that the model is given at once, those of explanations included: about 30 ms of a small network."""

DIGITS = 6
"""Decimals of an explanation's terms: log-odds of 32-bit models are not known better."""

Matrix = npt.NDArray[np.float64]
Outputs = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


class _Guards(Protocol):
    def judge(self, rows: Matrix) -> list[Judgement]: ...


class _Calibrations(Protocol):
    classes: int

    def known(self, probabilities: Matrix, *, coverage: float) -> list[Confidence]: ...


class _Explainers(Protocol):
    model_rows: int

    def terms(self, rows: Matrix, probabilities: Matrix, outputs: Outputs) -> Terms: ...


GUARDS: Mapping[str, Callable[[Mapping[str, Any]], _Guards]] = {"rows": Guard, "directions": Likeness}
CALIBRATIONS: Mapping[str, Callable[[Mapping[str, Any]], _Calibrations]] = {
    "two_classes": Calibration,
    "classes": ClassCalibration,
}
EXPLAINERS: Mapping[str, Callable[[Mapping[str, Any]], _Explainers]] = {
    "additive": Explainer,
    "coalitions": CoalitionExplainer,
}


class Insight:
    """Judges, calibrates and explains what one model says.

    Args:
        reference: Content of ``reference.json``.

    Raises:
        KeyError: A part is missing, or of a kind that this code does not know.
    """

    def __init__(self, reference: Mapping[str, Any]) -> None:
        """Take each part of the kind that it says it is."""
        guard, confidence, explanation = (reference[part] for part in ("guard", "confidence", "explanation"))
        self.guard = GUARDS[guard.get("kind", "rows")](guard)
        self._calibration = CALIBRATIONS[confidence.get("kind", "two_classes")](confidence)
        self._explainer = EXPLAINERS[explanation.get("kind", "additive")](explanation)
        self.most_rows = max(1, min(MOST_ROWS, MOST_MODEL_ROWS // self._explainer.model_rows))

    def known(self, probabilities: Matrix, *, coverage: float) -> list[Confidence]:
        """Return what is known about rows of probabilities; see :class:`Confidence`."""
        return self._calibration.known(probabilities, coverage=coverage)

    def terms(self, rows: Matrix, probabilities: Matrix, outputs: Outputs) -> Terms:
        """Return the explanation of rows with these probabilities; see :class:`Terms`."""
        return self._explainer.terms(rows, probabilities, outputs)

    def assess(self, rows: Sequence[Row], outputs: Outputs, *, coverage: float) -> list[Assessment]:
        """Return what is known about each row.

        Args:
            rows: The model's inputs.
            outputs: Runs the model.
            coverage: Share of truths that the conformal sets shall hold.

        Raises:
            ModelFaultError: The model's answer has another shape, or is no probabilities.
        """
        matrix = np.asarray(rows, dtype=np.float64)
        found = np.asarray(outputs(matrix.astype(np.float32)), dtype=np.float64)
        if found.shape != (len(rows), self._calibration.classes) or not ((found >= 0) & (found <= 1)).all():
            raise ModelFaultError("model_wrong_shape")
        terms = self.terms(matrix, found, outputs)
        return [
            Assessment(
                rung="model",
                probabilities=tuple(probabilities),
                judgement=judgement,
                confidence=confidence,
                explanation=dict(zip(terms.names, values, strict=True)),
                base=base,
            )
            for probabilities, judgement, confidence, values, base in zip(
                found.tolist(),
                self.guard.judge(matrix),
                self.known(found, coverage=coverage),
                np.round(terms.values, DIGITS).tolist(),
                terms.bases.tolist(),
                strict=True,
            )
        ]
