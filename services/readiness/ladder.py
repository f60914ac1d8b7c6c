"""What is answered when: the model, else the scorecard, else an earlier answer, else nothing, with a reason.

Which trouble leads to which step stands in the service's contract; here it is carried out. Every rung is
independent of what breaks the one above: the scorecard needs no ONNX and no array library, the cache no
model at all.
"""

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from services.readiness.confidence import Calibration, Confidence
from services.readiness.contract import Contract, Trouble
from services.readiness.digests import file_digest
from services.readiness.engine import Engine, ModelFaultError, Row
from services.readiness.errors import ModelRefusedError
from services.readiness.explanation import Explainer
from services.readiness.guard import Guard, Judgement
from services.readiness.manifest import read_manifest
from services.readiness.model import VerifiedModel
from services.readiness.scorecard import Scorecard

REFERENCE_FILE, SCORECARD_FILE = "reference.json", "scorecard.json"

MODEL_SECONDS = 0.25
"""Longest wait for the model: the contract's limit for a whole answer. A batch takes milliseconds."""

CLASSES = 2
"""Classes of a decision; the probability is that of the second."""

CACHED_ANSWERS = 4096
CACHE_SECONDS = 3600.0
"""An earlier answer to the very same input is given again for an hour, if nothing better can."""

RungName = Literal["model", "scorecard", "cached_answer", "none"]
logger = logging.getLogger("bentoml.service.ladder")


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What the ladder has to say about one row.

    Args:
        rung: Where the probability comes from; ``none`` when there is none.
        troubles: What went wrong on the way, in the contract's words.
        probability: Of the second class.
        judgement: What the guard found; None when it could not be asked.
        confidence: What is known about the model's probability; None for other rungs.
        explanation: Terms that add up to the log-odds (model) or to the points (scorecard), by input.
        base: What these terms are added to.
    """

    rung: RungName
    troubles: tuple[Trouble, ...] = ()
    probability: float | None = None
    judgement: Judgement | None = None
    confidence: Confidence | None = None
    explanation: dict[str, float] | None = None
    base: float = 0.0


class Ladder:
    """The rungs of one service, in one process.

    Args:
        contract: What the service promises.
        features_digest: The features of the code.
        model_seconds: Longest wait for the model.
    """

    def __init__(
        self, contract: Contract, *, features_digest: str, model_seconds: float = MODEL_SECONDS
    ) -> None:
        """Hold nothing yet; every question is answered with "unavailable" until :meth:`load`."""
        self.contract = contract
        self.features_digest = features_digest
        self.model: VerifiedModel | None = None
        self.problem: str | None = "The model is not loaded yet."
        self.scorecard: Scorecard | None = None
        self.guard: Guard | None = None
        self._calibration: Calibration | None = None
        self._explainer: Explainer | None = None
        self._cache: OrderedDict[bytes, tuple[float, Assessment]] = OrderedDict()
        self.engine: Engine[Assessment] = Engine(self._assess, limit_seconds=model_seconds)

    def load(self, folder: Path) -> None:
        """Load every rung that can be trusted; what cannot is named in the log."""
        try:
            self.model = VerifiedModel(folder, features_digest=self.features_digest)
            self.problem = None
        except ModelRefusedError as error:
            self.problem = "No verified model is loaded."
            logger.error("Model refused, the service will not be ready: %s", error)  # noqa: TRY400 - no stack
            if _altered(folder):
                return  # whoever changed one file may have changed all: nothing of it is used
        try:
            reference, scorecard = (_verified_json(folder, name) for name in (REFERENCE_FILE, SCORECARD_FILE))
            self.guard = Guard(reference["guard"])
            self._calibration = Calibration(reference["confidence"])
            self._explainer = Explainer(reference["explanation"])
            self.scorecard = Scorecard(scorecard)
        except (ModelRefusedError, OSError, ValueError, KeyError, TypeError) as error:
            self.model, self.problem = (
                None,
                "What the model learned from is missing, so it cannot be guarded.",
            )
            logger.error("Reference refused, the service will not be ready: %s", error)  # noqa: TRY400

    async def assess(self, row: Row) -> Assessment:
        """Return the best that can be said about a row; never raises for a fault that was designed for."""
        try:
            if self.model is None:
                raise ModelFaultError("model_unavailable")  # noqa: TRY301 - one place for all faults
            found = await self.engine.run(row)
        except ModelFaultError as error:
            return self._simpler(row, error.fault)
        self._keep(row, found)
        return found

    def _assess(self, rows: Sequence[Row]) -> list[Assessment]:
        """Run the model with its guard, calibration and explanation over a batch; in the engine's thread."""
        assert self.model is not None
        assert self.guard is not None
        assert self._calibration is not None
        assert self._explainer is not None
        matrix = np.asarray(rows, dtype=np.float64)
        outputs = np.asarray(self.model.outputs(matrix.astype(np.float32)), dtype=np.float64)
        if outputs.shape != (len(rows), CLASSES) or not ((outputs >= 0) & (outputs <= 1)).all():
            raise ModelFaultError("model_wrong_shape")
        probabilities = outputs[:, 1]
        judgements = self.guard.judge(matrix)
        known = self._calibration.judge(probabilities, coverage=self.contract.confidence.coverage)
        values = self._explainer.values(matrix).tolist()
        names, base = self._explainer.names, self._explainer.base
        return [
            Assessment(
                rung="model",
                probability=probability,
                judgement=judgement,
                confidence=confidence,
                explanation=dict(zip(names, terms, strict=True)),
                base=base,
            )
            for probability, judgement, confidence, terms in zip(
                probabilities.tolist(), judgements, known, values, strict=True
            )
        ]

    def _simpler(self, row: Row, fault: Trouble) -> Assessment:
        """Go down the ladder from the model, as far as the contract says."""
        if self.contract.answer_to(fault) == "simple_model" and self.scorecard is not None:
            try:
                points = self.scorecard.points(row)
                return Assessment(
                    rung="scorecard",
                    troubles=(fault,),
                    probability=self.scorecard.probability(row),
                    judgement=self._judge(row),
                    explanation={name: float(count) for name, count in points.items()},
                )
            except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
                logger.error("The scorecard gave no answer: %s", type(error).__name__)  # noqa: TRY400
        earlier = self._cache.get(_key(row))
        if earlier is not None and time.monotonic() - earlier[0] < CACHE_SECONDS:
            return replace(earlier[1], rung="cached_answer", troubles=(fault,))
        return Assessment(rung="none", troubles=(fault,))

    def _judge(self, row: Row) -> Judgement | None:
        try:
            return self.guard.judge(np.asarray([row], dtype=np.float64))[0] if self.guard else None
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError):
            return None

    def _keep(self, row: Row, found: Assessment) -> None:
        key = _key(row)
        self._cache.pop(key, None)
        self._cache[key] = (time.monotonic(), found)
        if len(self._cache) > CACHED_ANSWERS:
            self._cache.popitem(last=False)


def _key(row: Row) -> bytes:
    return repr(row).encode()


def _altered(folder: Path) -> bool:
    """Tell whether a file differs from the manifest, other than by being absent."""
    try:
        stated = read_manifest(folder)
        return any(
            file_digest(path) != stated.get(path.name)
            for path in folder.iterdir()
            if path.is_file() and path.name != "manifest.json"
        )
    except (ModelRefusedError, OSError):
        return True


def _verified_json(folder: Path, name: str) -> dict[str, Any]:
    """Return a JSON file whose digest is the manifest's.

    Raises:
        ModelRefusedError: It is another one.
    """
    path = folder / name
    if file_digest(path) != read_manifest(folder).get(name):
        raise ModelRefusedError(f"{name} is not what the manifest says.", where=str(path))
    value = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value
