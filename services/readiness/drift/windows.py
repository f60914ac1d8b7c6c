"""Windows of the latest requests, compared with the training data; pure, no clock and no thread."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.readiness.contract import Contract, DriftLimit
from services.readiness.drift.known import Known
from services.readiness.drift.measures import (
    BLOCK,
    CHANCE,
    Array,
    correlation_by_chance,
    correlations,
    share_by_chance,
    stability,
    stability_by_chance,
)

SHARE_WINDOW = 1000
"""Requests over which shares of unsure and of flagged answers are taken, as for the other kinds."""

SMALLEST_SHARE = 0.2
"""Share of its window that a kind needs before it says anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """How one kind of drift stands.

    Args:
        kind: ``inputs``, ``correlation``, ``outputs``, ``confidence``, ``guard``, ``outcomes``, ``concept``.
        figure: The contract's name of the figure.
        value: The figure over its window.
        limit: What the contract allows.
        border: The limit, or what chance alone may reach, whichever is higher; drift lies above it.
        rows: Requests (or labelled cases) in the window.
        worst: What moved furthest: a feature, or two joined by ``~``.
    """

    kind: str
    figure: str
    value: float
    limit: float
    border: float
    rows: int
    worst: str = ""

    @property
    def drifted(self) -> bool:
        """Tell whether the value lies above the border."""
        return self.value > self.border


class Rolling:
    """Sums over the latest blocks.

    Args:
        blocks: How many blocks a window has.
    """

    def __init__(self, blocks: int) -> None:
        """Start empty."""
        self._blocks: deque[tuple[Array, ...]] = deque()
        self._most = max(1, blocks)
        self.sums: tuple[Array, ...] = ()

    def push(self, *parts: Array) -> None:
        """Add a block; the oldest one leaves a full window."""
        self._blocks.append(parts)
        gone = self._blocks.popleft() if len(self._blocks) > self._most else None
        if not self.sums:
            self.sums = tuple(part.astype(np.float64) for part in parts)
            return
        for place, part in enumerate(parts):
            total = self.sums[place]
            np.add(total, part, out=total)
            if gone is not None:
                np.subtract(total, gone[place], out=total)

    @property
    def rows(self) -> int:
        """Return how many requests the window holds."""
        return len(self._blocks) * BLOCK


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of requests that the model answered.

    Args:
        rows: The model's inputs.
        probabilities: One for each class.
        flagged: Whether the guard found each row out of distribution.
    """

    rows: Array
    probabilities: Array
    flagged: npt.NDArray[np.bool_]


class Windows:
    """All windows of one model.

    Args:
        known: Its training data.
        contract: What is allowed.
    """

    def __init__(self, known: Known, contract: Contract) -> None:
        """Make one window for each limit of the contract, and those of shares."""
        self.known, self._contract = known, contract
        self._limits: Mapping[str, DriftLimit] = {limit.kind: limit for limit in contract.drift}
        self._windows: dict[str, Rolling] = {
            kind: Rolling(limit.window_requests // BLOCK)
            for kind, limit in self._limits.items()
            if kind in {"inputs", "correlation", "outputs"}
        }
        self._windows["shares"] = Rolling(SHARE_WINDOW // BLOCK)
        self.features: Array = np.zeros(len(known.names))

    def push(self, block: Block) -> None:
        """Take in one block."""
        known, windows = self.known, self._windows
        cells = known.cells(block.rows)
        if "inputs" in windows:
            windows["inputs"].push(np.bincount(cells.ravel(), minlength=len(known.counts)).astype(float))
        if "correlation" in windows:
            scores = known.scores[cells[:, known.watched]]
            windows["correlation"].push(scores.sum(axis=0), scores.T @ scores)
        if "outputs" in windows:
            given = known.output_levels(block.probabilities)
            windows["outputs"].push(np.bincount(given, minlength=len(known.output_counts)).astype(float))
        low = block.probabilities.max(axis=1) < self._contract.confidence.low_below
        windows["shares"].push(np.asarray([low.sum(), block.flagged.sum()], dtype=np.float64))

    def findings(self) -> list[Finding]:
        """Return how every kind stands that has seen enough."""
        found = []
        for kind, judge in (
            ("inputs", self._inputs),
            ("correlation", self._correlation),
            ("outputs", self._outputs),
        ):
            limit = self._limits.get(kind)
            if limit and self._windows[kind].rows >= SMALLEST_SHARE * limit.window_requests:
                found.append(judge(limit, self._windows[kind]))
        if self._windows["shares"].rows >= SMALLEST_SHARE * SHARE_WINDOW:
            found += self._shares(self._windows["shares"])
        return found

    def _inputs(self, limit: DriftLimit, window: Rolling) -> Finding:
        known, (counts,) = self.known, window.sums
        self.features = stability(counts, known.counts, known.starts)
        chance = stability_by_chance(window.rows, known.rows, known.freedom, CHANCE / len(known.names))
        borders = np.maximum(chance, _most(limit))
        worst = int(np.argmax(self.features / borders))
        return _finding(limit, float(self.features[worst]), float(borders[worst]), window, known.names[worst])

    def _correlation(self, limit: DriftLimit, window: Rolling) -> Finding:
        known, (sums, products) = self.known, window.sums
        change = np.abs(correlations(window.rows, sums, products) - known.correlation)[known.pairs]
        pairs = len(change)
        worst = int(np.argmax(change)) if pairs else 0
        chance = correlation_by_chance(window.rows, known.rows, pairs, CHANCE)
        names = [known.names[known.watched[side[worst]]] for side in known.pairs] if pairs else []
        value = float(change[worst]) if pairs else 0.0
        return _finding(limit, value, max(chance, _most(limit)), window, "~".join(names))

    def _outputs(self, limit: DriftLimit, window: Rolling) -> Finding:
        known, (counts,) = self.known, window.sums
        one = np.zeros(1, dtype=np.intp)
        value = float(stability(counts, known.output_counts, one)[0])
        freedom = np.asarray([max(1.0, (known.output_counts > 0).sum() - 1.0)])
        chance = float(stability_by_chance(window.rows, known.rows, freedom, CHANCE)[0])
        return _finding(limit, value, max(chance, _most(limit)), window)

    def _shares(self, window: Rolling) -> list[Finding]:
        contract, known, rows = self._contract, self.known, window.rows
        low, flagged = (window.sums[0] / rows).tolist()
        usual = known.low_share(contract.confidence.low_below)
        given = (
            ("confidence", "low_confidence_share", low, contract.confidence.low_share_at_most, usual),
            (
                "guard",
                "flagged_share",
                flagged,
                contract.out_of_distribution.flagged_share_at_most,
                contract.out_of_distribution.false_positive_rate,
            ),
        )
        return [
            Finding(
                kind=kind,
                figure=figure,
                value=value,
                limit=limit,
                border=max(limit, share_by_chance(rows, known.rows, usually, CHANCE)),
                rows=rows,
            )
            for kind, figure, value, limit, usually in given
        ]


def _most(limit: DriftLimit) -> float:
    return float("inf") if limit.at_most is None else limit.at_most


def _finding(limit: DriftLimit, value: float, border: float, window: Rolling, worst: str = "") -> Finding:
    return Finding(
        kind=limit.kind,
        figure=limit.figure,
        value=value,
        limit=_most(limit),
        border=border,
        rows=window.rows,
        worst=worst,
    )
