"""Keeps the windows of drift beside a serving process, and shows them as metrics.

An answer costs one append to a list. A thread of its own comes by every two seconds, takes what has
gathered and does the arithmetic on whole blocks. Whatever goes wrong here is counted and ends the
watch; it never reaches an answer.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from services.readiness import metrics
from services.readiness.assessment import Assessment
from services.readiness.contract import Contract
from services.readiness.drift.known import Known
from services.readiness.drift.labelled import Labelled, judged
from services.readiness.drift.measures import BLOCK
from services.readiness.drift.windows import Block, Finding, Windows
from services.readiness.engine import Row

PAUSE_SECONDS = 2.0
"""Between two looks: much shorter than a scrape (15 s), long enough that an idle process stays idle."""

LABEL_SECONDS = 60.0
"""Between two looks at the review table: people label a few cases an hour."""

MOST_WAITING = 20_000
"""Rows that may wait for the thread, a few MiB; beyond it rows are passed over and counted."""

logger = logging.getLogger("bentoml.service.drift")


class DriftWatch:
    """Watches one model.

    Args:
        service: Name of the service.
        digest: The model's.
        reference: Content of ``reference.json``.
        contract: What is allowed.
        labelled: Returns the latest settled cases, the newest last; None where there is no review table.
    """

    def __init__(
        self,
        service: str,
        digest: str,
        reference: Mapping[str, Any],
        contract: Contract,
        *,
        labelled: Callable[[], Sequence[Labelled]] | None = None,
    ) -> None:
        """Show the limits; nothing runs before :meth:`start`."""
        self._service, self._model = service, metrics.model_label(digest)
        self._contract, self._labelled = contract, labelled
        self.windows = Windows(Known(reference["drift"]), contract)
        self._waiting: list[tuple[Sequence[Row], Sequence[Assessment]]] = []
        self._count = 0
        self._left: tuple[list[Row], list[Assessment]] = ([], [])
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._until_labels = 0.0
        metrics.DRIFT_FAILURES.labels(service)
        metrics.DRIFT_SKIPPED.labels(service)
        metrics.DRIFT_WATCHING.labels(service, self._model).set(1)

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="drift", daemon=True)
        self._thread.start()

    def saw(self, rows: Sequence[Row], found: Sequence[Assessment]) -> None:
        """Take note of rows that the model answered; costs an append."""
        if self._ending.is_set() or self._count > MOST_WAITING:
            metrics.child(metrics.DRIFT_SKIPPED, self._service).inc(len(rows))
            return
        self._count += len(rows)
        self._waiting.append((rows, found))

    def close(self) -> None:
        """End."""
        self._ending.set()
        if self._thread:
            self._thread.join(PAUSE_SECONDS)

    def _run(self) -> None:
        used = metrics.DRIFT_CPU.labels(self._service)
        before = 0.0
        while not self._ending.wait(PAUSE_SECONDS):
            used.inc(time.thread_time() - before)
            before = time.thread_time()
            try:
                self.look()
                self._look_at_labels()
            except Exception as error:  # noqa: BLE001 - watching may fail, answering may not
                metrics.DRIFT_FAILURES.labels(self._service).inc()
                metrics.DRIFT_WATCHING.labels(self._service, self._model).set(0)
                logger.error("Drift is watched no more: %s", type(error).__name__)  # noqa: TRY400
                self._ending.set()
                self._waiting = []

    def look(self) -> None:
        """Take what has gathered into the windows, block by block, and show how they stand."""
        waiting, self._waiting = self._waiting, []
        self._count = 0
        rows, found = self._left
        for more, said in waiting:
            rows.extend(more)
            found.extend(said)
        whole = len(rows) // BLOCK * BLOCK
        for start in range(0, whole, BLOCK):
            part = found[start : start + BLOCK]
            self.windows.push(
                Block(
                    rows=np.asarray(rows[start : start + BLOCK], dtype=np.float64),
                    probabilities=np.asarray([one.probabilities for one in part], dtype=np.float64),
                    flagged=np.asarray(
                        [
                            one.judgement is not None and one.judgement.verdict == "out_of_distribution"
                            for one in part
                        ]
                    ),
                )
            )
        self._left = (rows[whole:], found[whole:])
        if whole:
            self._show(self.windows.findings())
            for name, value in zip(self.windows.known.names, self.windows.features.tolist(), strict=True):
                metrics.child(metrics.DRIFT_FEATURE, self._service, self._model, name).set(value)

    def _look_at_labels(self) -> None:
        if self._labelled is None:
            return
        self._until_labels -= PAUSE_SECONDS
        if self._until_labels > 0:
            return
        self._until_labels = LABEL_SECONDS
        try:
            cases = self._labelled()
        except Exception as error:  # noqa: BLE001 - botocore makes its exceptions at run time
            logger.warning("The review table gave no labels: %s", type(error).__name__)
            return
        self._show(judged(self.windows.known, self._contract, cases))

    def _show(self, findings: Sequence[Finding]) -> None:
        for one in findings:
            labels = (self._service, self._model, one.kind, one.figure)
            metrics.child(metrics.DRIFT_VALUE, *labels).set(one.value)
            metrics.child(metrics.DRIFT_LIMIT, *labels).set(one.limit)
            metrics.child(metrics.DRIFT_BORDER, *labels).set(one.border)
            metrics.child(metrics.DRIFT_ROWS, *labels).set(one.rows)
