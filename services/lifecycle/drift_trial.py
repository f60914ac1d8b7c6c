"""Try a model's drift watch: how often it is wrong without drift, and how soon it is right with some.

Requests are drawn, with replacement, from rows that the model was not fitted on. The windows are those
that a serving process keeps, fed block by block and judged after each block, oftener than any scrape
looks; so what stands here as a false alarm is one that somebody could have seen.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.lifecycle.pipeline import Pipeline
from services.readiness.contract import Contract
from services.readiness.drift.known import Known
from services.readiness.drift.labelled import Labelled, judged, window_of
from services.readiness.drift.measures import BLOCK
from services.readiness.drift.windows import Block, Finding, Windows
from services.readiness.insight import Insight
from services.readiness.ladder import REFERENCE_FILE
from services.readiness.model import VerifiedModel
from services.readiness.shifts import Shift

MOST_REQUESTS = 20_000
"""Requests after which an injected drift counts as not found."""

MOST_CASES = 2_000
"""Settled cases after which a drift of the truth counts as not found."""

STRENGTHS = (0.5, 1.0)
"""Share of requests that an injected drift touches."""

FLIPPED = (0.1, 0.25)
"""Share of settled cases whose truth is another one than the model was trained for."""

POOL_ROWS = 4_000
"""Rows that are drifted once and drawn from."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a service gives for its trial.

    Args:
        held_out: Rows that the model was not fitted on.
        everything: Those that it was fitted on as well.
        truth: The class of each row that was held out, 0 for the first.
        shifts: Ways in which input goes wrong, by name.
    """

    held_out: Matrix
    everything: Matrix
    truth: npt.NDArray[np.int64]
    shifts: Mapping[str, Shift]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Rows with what the model and its guard say of them."""

    rows: Matrix
    probabilities: Matrix
    flagged: npt.NDArray[np.bool_]

    def draw(self, count: int, rng: np.random.Generator) -> Block:
        """Return a block of so many rows."""
        at = rng.integers(0, len(self.rows), count)
        return Block(rows=self.rows[at], probabilities=self.probabilities[at], flagged=self.flagged[at])


@dataclass(kw_only=True)
class _Alarms:
    """Counts how often each kind of drift begins to be seen."""

    began: Counter[str] = field(default_factory=Counter)
    judgements: int = 0
    _on: set[str] = field(default_factory=set)

    def take(self, findings: Sequence[Finding]) -> set[str]:
        self.judgements += 1
        on = {one.kind for one in findings if one.drifted}
        self.began.update(on - self._on)
        self._on = on
        return on


class Trial:
    """One model under trial.

    Args:
        folder: Its folder.
        pipeline: Its service.
        source: Rows to draw requests from.
        seed: Where every draw begins.
    """

    def __init__(self, folder: Path, pipeline: Pipeline, source: Source, *, seed: int) -> None:
        """Load the model."""
        self.contract: Contract = pipeline.contract()
        self.model = VerifiedModel(folder, features_digest=pipeline.hosted.features_digest)
        reference = json.loads((folder / REFERENCE_FILE).read_text(encoding="utf-8"))
        self.insight, self.known = Insight(reference), Known(reference["drift"])
        self.source, self._seed = source, seed
        self.ordinary = self.pool(source.held_out)

    def pool(self, rows: Matrix) -> Pool:
        """Return rows with what is said of them."""
        said = self.insight.guard.judge(rows)
        return Pool(
            rows=rows,
            probabilities=np.asarray(self.model.outputs(rows.astype(np.float32)), dtype=np.float64),
            flagged=np.asarray([one.verdict == "out_of_distribution" for one in said]),
        )

    def false_alarms(self, requests: int, rows: Matrix) -> dict[str, Any]:
        """Return how often drift was seen in so many requests drawn from these rows.

        Args:
            requests: How many.
            rows: Drawn from with replacement.
        """
        rng, pool = np.random.default_rng(self._seed), self.pool(rows)
        windows, alarms, highest = Windows(self.known, self.contract), _Alarms(), dict[str, float]()
        for _ in range(requests // BLOCK):
            windows.push(pool.draw(BLOCK, rng))
            findings = windows.findings()
            alarms.take(findings)
            for one in findings:
                highest[one.kind] = max(highest.get(one.kind, 0.0), one.value / one.border)
        return {
            "requests": requests,
            "judgements": alarms.judgements,
            "alarms": sum(alarms.began.values()),
            "by_kind": dict(alarms.began),
            "highest_share_of_border": {kind: round(value, 3) for kind, value in highest.items()},
        }

    def detection(self, name: str, strength: float, *, runs: int) -> dict[str, Any]:
        """Return after how many requests a drift is seen that touches this share of them.

        Args:
            name: Of the shift.
            strength: Share of requests that it touches.
            runs: Tries, each with windows full of ordinary requests at first.
        """
        rng = np.random.default_rng([self._seed, len(name)])
        source = self.source.held_out[rng.integers(0, len(self.source.held_out), POOL_ROWS)]
        drifted = self.pool(self.source.shifts[name](source, rng))
        after: list[int | None] = []
        kinds: Counter[str] = Counter()
        for _ in range(runs):
            windows = Windows(self.known, self.contract)
            for _ in range(self._longest() // BLOCK):
                windows.push(self.ordinary.draw(BLOCK, rng))
            found = self._until_seen(windows, drifted, strength, rng)
            after.append(found[0])
            kinds.update(found[1])
        return _summary(after, kinds)

    def _until_seen(
        self, windows: Windows, drifted: Pool, strength: float, rng: np.random.Generator
    ) -> tuple[int | None, set[str]]:
        before = {one.kind for one in windows.findings() if one.drifted}
        for block in range(1, MOST_REQUESTS // BLOCK + 1):
            touched = rng.random(BLOCK) < strength
            bad, good = drifted.draw(BLOCK, rng), self.ordinary.draw(BLOCK, rng)
            windows.push(
                Block(
                    rows=np.where(touched[:, None], bad.rows, good.rows),
                    probabilities=np.where(touched[:, None], bad.probabilities, good.probabilities),
                    flagged=np.where(touched, bad.flagged, good.flagged),
                )
            )
            seen = {one.kind for one in windows.findings() if one.drifted} - before
            if seen:
                return block * BLOCK, seen
        return None, set()

    def _longest(self) -> int:
        return max([limit.window_requests for limit in self.contract.drift] + [1000])

    def concept(self, flipped: float, *, runs: int) -> dict[str, Any]:
        """Return after how many settled cases it is seen that this share of truths has changed.

        Args:
            flipped: Share of cases whose truth is another class; 0 for none.
            runs: Tries.
        """
        rng, window = np.random.default_rng([self._seed, 7]), window_of(self.contract)
        likelier = self.ordinary.probabilities.max(axis=1).tolist()
        likeliest = self.ordinary.probabilities.argmax(axis=1).tolist()
        classes = self.ordinary.probabilities.shape[1]
        after: list[int | None] = []
        kinds: Counter[str] = Counter()

        def case(share: float) -> Labelled:
            at = int(rng.integers(0, len(likelier)))
            truth = int(self.source.truth[at])
            if rng.random() < share:
                truth = (truth + int(rng.integers(1, classes))) % classes
            return Labelled(likelier=likelier[at], likeliest=likeliest[at], truth=truth)

        for _ in range(runs):
            cases = [case(0.0) for _ in range(window)]
            found: int | None = None
            for count in range(1, MOST_CASES + 1):
                cases = [*cases[1:], case(flipped)]
                seen = {one.kind for one in judged(self.known, self.contract, cases) if one.drifted}
                if seen:
                    found = count
                    kinds.update(seen)
                    break
            after.append(found)
        return _summary(after, kinds)


def _summary(after: Sequence[int | None], kinds: Counter[str]) -> dict[str, Any]:
    found = sorted(one for one in after if one is not None)
    return {
        "runs": len(after),
        "found": len(found),
        "median": found[len(found) // 2] if len(found) * 2 > len(after) else None,
        "most": found[-1] if len(found) == len(after) else None,
        "seen_as": dict(kinds.most_common()),
    }


def measure(
    trial: Trial, *, requests: int, runs: int, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Return all figures of one service.

    Args:
        trial: Its model.
        requests: Requests without drift, for each of two sources.
        runs: Tries for each drift and strength.
        say: Told what is being done.
    """
    say("without drift")
    without = {
        "held_out_rows": trial.false_alarms(requests, trial.source.held_out),
        "all_rows": trial.false_alarms(requests, trial.source.everything),
        "settled_cases": trial.concept(0.0, runs=runs),
    }
    found: dict[str, Any] = {}
    for name in trial.source.shifts:
        say(name)
        found[name] = {
            f"{strength:.0%}": trial.detection(name, strength, runs=runs) for strength in STRENGTHS
        }
    say("truth")
    found["truth_changed"] = {f"{share:.0%}": trial.concept(share, runs=runs) for share in FLIPPED}
    return {"without_drift": without, "found": found}
