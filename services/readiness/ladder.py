"""What is answered when: the model, else the scorecard, else an earlier answer, else nothing, with a reason.

Which trouble leads to which step stands in the service's contract; here it is carried out. Every rung is
independent of what breaks the one above: the scorecard needs no ONNX and no array library, the cache no
model at all. A service without a simpler model sends what its model cannot answer to a person.
"""

import json
import logging
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from services.readiness.assessment import Assessment
from services.readiness.contract import Contract, Trouble
from services.readiness.digests import file_digest
from services.readiness.engine import Engine, ModelFaultError, Row
from services.readiness.errors import ModelRefusedError
from services.readiness.guard import Judgement
from services.readiness.insight import Insight
from services.readiness.manifest import read_manifest
from services.readiness.model import VerifiedModel
from services.readiness.scorecard import Scorecard

REFERENCE_FILE, SCORECARD_FILE = "reference.json", "scorecard.json"

MODEL_SECONDS = 0.25
"""Longest wait for the model: the contract's limit for a whole answer. A batch takes milliseconds."""

CACHED_ANSWERS = 4096
CACHE_SECONDS = 3600.0
"""An earlier answer to the very same input is given again for an hour, if nothing better can."""

logger = logging.getLogger("bentoml.service.ladder")


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
        self.insight: Insight | None = None
        self.reference: dict[str, Any] = {}
        self.stopped: Callable[[], bool] = _never
        self.saw: Callable[[Sequence[Row], Sequence[Assessment]], None] | None = None
        self._cache: OrderedDict[bytes, tuple[float, Assessment]] = OrderedDict()
        self.engine: Engine[Assessment] = Engine(self._assess, limit_seconds=model_seconds)

    def load(self, folder: Path, *, strict: bool = False) -> None:
        """Load every rung that can be trusted; what cannot is named in the log.

        Args:
            folder: The model folder.
            strict: Raise instead of going on with less.

        Raises:
            ModelRefusedError: Only when strict.
        """
        try:
            self.model = VerifiedModel(folder, features_digest=self.features_digest)
            self.problem = None
        except ModelRefusedError as error:
            if strict:
                raise
            self.problem = "No verified model is loaded."
            logger.error("Model refused, the service will not be ready: %s", error)  # noqa: TRY400 - no stack
            if _altered(folder):
                return  # whoever changed one file may have changed all: nothing of it is used
        try:
            self.reference = _verified_json(folder, REFERENCE_FILE)
            self.insight = Insight(self.reference)
            self.engine.most_rows = self.insight.most_rows
            if any(rung.step == "simple_model" for rung in self.contract.fallback):
                self.scorecard = Scorecard(_verified_json(folder, SCORECARD_FILE))
        except (ModelRefusedError, OSError, ValueError, KeyError, TypeError) as error:
            if strict:
                raise ModelRefusedError("The model's reference cannot be read.", where=str(folder)) from error
            self.model, self.problem = (
                None,
                "What the model learned from is missing, so it cannot be guarded.",
            )
            logger.error("Reference refused, the service will not be ready: %s", error)  # noqa: TRY400

    async def assess(self, row: Row) -> Assessment:
        """Return the best that can be said about a row; never raises for a fault that was designed for."""
        try:
            if self.stopped():
                raise ModelFaultError("stopped")  # noqa: TRY301 - one place for all faults
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
        assert self.insight is not None
        found = self.insight.assess(rows, self.model.outputs, coverage=self.contract.confidence.coverage)
        if self.saw is not None:
            self.saw(rows, found)
        return found

    def _simpler(self, row: Row, fault: Trouble) -> Assessment:
        """Go down the ladder from the model, as far as the contract says."""
        step = self.contract.answer_to(fault)
        if step == "simple_model" and self.scorecard is not None:
            try:
                points, second = self.scorecard.points(row), self.scorecard.probability(row)
                return Assessment(
                    rung="scorecard",
                    troubles=(fault,),
                    probabilities=(1.0 - second, second),
                    judgement=self._judge(row),
                    explanation={name: float(count) for name, count in points.items()},
                )
            except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
                logger.error("The scorecard gave no answer: %s", type(error).__name__)  # noqa: TRY400
        # A person who decides needs no earlier answer, and "unavailable" means none.
        # What a stopped model said before is as much in doubt as what it would say now.
        usable = step in {"simple_model", "cached_answer"} and fault != "stopped"
        earlier = self._cache.get(_key(row)) if usable else None
        if earlier is not None and time.monotonic() - earlier[0] < CACHE_SECONDS:
            return replace(earlier[1], rung="cached_answer", troubles=(fault,))
        return Assessment(rung="none", troubles=(fault,))

    def _judge(self, row: Row) -> Judgement | None:
        try:
            guard = self.insight.guard if self.insight else None
            return guard.judge(np.asarray([row], dtype=np.float64))[0] if guard else None
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError):
            return None

    def _keep(self, row: Row, found: Assessment) -> None:
        key = _key(row)
        self._cache.pop(key, None)
        self._cache[key] = (time.monotonic(), found)
        if len(self._cache) > CACHED_ANSWERS:
            self._cache.popitem(last=False)


def _never() -> bool:
    return False


def _key(row: Row) -> bytes:
    return array("d", row).tobytes()


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
