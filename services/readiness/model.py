"""A model folder: ``model.onnx`` and the ``record.json`` that says what it is.

The folder is checked before anything in it is loaded: a model whose digest differs from its record,
or that was made for other features than the code's, is refused.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.readiness.digests import file_digest
from services.readiness.errors import ModelRefusedError
from services.readiness.manifest import MODEL_FILE, RECORD_FILE, check_manifest

INPUT, OUTPUT = "features", "probabilities"
REBUILD = "build the service again; a model folder is never repaired by hand"


def session(path: Path) -> ort.InferenceSession:
    """Open a model for serving; see :func:`opened`."""
    return opened(path)


def opened(model: Path | bytes) -> ort.InferenceSession:
    """Open a model, from a file or its content: one thread, since a pod is one worker and scales by pods."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def read_record(folder: Path) -> dict[str, Any]:
    """Return the record of a model folder.

    Raises:
        ModelRefusedError: The record is missing or is not a JSON object.
    """
    path = folder / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelRefusedError("The model's record is missing.", where=str(path), fix=REBUILD) from error
    except ValueError as error:
        raise ModelRefusedError("The model's record is not JSON.", where=str(path), fix=REBUILD) from error
    if not isinstance(record, dict):
        raise ModelRefusedError("The model's record is not an object.", where=str(path), fix=REBUILD)
    return record


def verify(folder: Path, *, features_digest: str | None = None) -> dict[str, Any]:
    """Check a model folder and return its record.

    Args:
        folder: Holds the model and its record.
        features_digest: The features of the code that will use the model; left out, not compared.

    Raises:
        ModelRefusedError: A file is missing, or a digest differs.
    """
    record = read_record(folder)
    path = folder / MODEL_FILE
    try:
        actual = file_digest(path)
    except OSError as error:
        raise ModelRefusedError("The model file is missing.", where=str(path), fix=REBUILD) from error
    recorded = record.get("model_digest")
    if actual != recorded:
        raise ModelRefusedError(
            f"The model has the digest {actual}, its record says {recorded}.", where=str(path), fix=REBUILD
        )
    check_manifest(folder)
    if features_digest is not None and record.get("features_digest") != features_digest:
        raise ModelRefusedError(
            "The model was made for other features than this code's.", where=str(path), fix=REBUILD
        )
    return record


class VerifiedModel:
    """A model that was verified, then loaded.

    Args:
        folder: Holds the model and its record.
        features_digest: The features of the code that will use the model.

    Raises:
        ModelRefusedError: See :func:`verify`; also when the file cannot be run.
    """

    def __init__(self, folder: Path, *, features_digest: str) -> None:
        """Verify, then load."""
        self.record = verify(folder, features_digest=features_digest)
        self.digest: str = self.record["model_digest"]
        try:
            self._session = session(folder / MODEL_FILE)
        except Exception as error:  # onnxruntime raises its own, undocumented types
            raise ModelRefusedError(
                "The model file cannot be run.", where=str(folder / MODEL_FILE), fix=REBUILD
            ) from error

    def probabilities(self, features: Sequence[Sequence[float]]) -> npt.NDArray[np.float32]:
        """Return the probability of each class, for each row of features."""
        rows = np.asarray(features, dtype=np.float32)
        answer: npt.NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: rows})[0]
        return answer

    def probability(self, features: Sequence[float]) -> float:
        """Return the probability of the second class for one row of features."""
        row = np.asarray([features], dtype=np.float32)
        return float(self._session.run([OUTPUT], {INPUT: row})[0][0, 1])

    def outputs(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what the model gives for rows of features, unchecked: a probability for each class."""
        found: npt.NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: rows})[0]
        return found
