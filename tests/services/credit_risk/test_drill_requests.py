"""What the rollout drill sends drifts in no window: else the contract rightly undoes its good release."""

import asyncio
import random
from collections.abc import Sequence

import numpy as np
import pytest

from infra.ops.drills.rollout import stage
from services.credit_risk.answering import HOSTED
from services.credit_risk.schema import CreditApplication
from services.readiness import contract_file
from services.readiness.assessment import Assessment
from services.readiness.drift.known import Known
from services.readiness.drift.measures import BLOCK
from services.readiness.drift.windows import Block, Windows
from services.readiness.ladder import Ladder

pytestmark = pytest.mark.serving
SEEN = 3000
"""Requests of one release: five minutes of the drill's load."""
FEW = 64
"""So many distinct requests once undid a good release."""


@pytest.fixture(scope="module")
def ladder(built) -> Ladder:
    made = Ladder(contract_file.load(built.model.parent), features_digest=HOSTED.features_digest)
    made.load(built.model)
    return made


async def assessed(ladder: Ladder, rows: Sequence[list[float]]) -> list[Assessment]:
    return [await ladder.assess(row) for row in rows]


def worst(ladder: Ladder, distinct: int, seed: int) -> float:
    """Return how near any window comes to its border when a pod gets a random half of what is sent."""
    rows = [HOSTED.encode(CreditApplication(**body)) for body in stage.bodies()[:distinct]]
    found = asyncio.run(assessed(ladder, rows))
    chance = random.Random(seed)  # noqa: S311 - no secret
    start = chance.randrange(distinct)
    got = [(start + sent) % distinct for sent in range(SEEN) if chance.random() < 0.5]
    windows, most = Windows(Known(ladder.reference["drift"]), ladder.contract), 0.0
    for first in range(0, len(got) // BLOCK * BLOCK, BLOCK):
        part = got[first : first + BLOCK]
        windows.push(
            Block(
                rows=np.asarray([rows[i] for i in part], dtype=np.float64),
                probabilities=np.asarray([found[i].probabilities for i in part], dtype=np.float64),
                flagged=np.asarray(
                    [
                        (one := found[i].judgement) is not None and one.verdict == "out_of_distribution"
                        for i in part
                    ]
                ),
            )
        )
        most = max([most, *(one.value / one.border for one in windows.findings())])
    return most


@pytest.mark.parametrize("seed", range(5))
def test_no_window_of_the_drills_requests_passes_a_border(ladder, seed: int):
    assert worst(ladder, len(stage.bodies()), seed) < 1


def test_few_requests_again_and_again_are_drift(ladder):
    """So the test above can fail."""
    assert worst(ladder, FEW, 0) > 1
