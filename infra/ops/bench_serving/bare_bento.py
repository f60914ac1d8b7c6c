"""The same model in BentoML as its quick start has it: no guard, no log, no tokens, nothing tuned."""

import os
from pathlib import Path

import bentoml

from services.credit_risk.features import encode
from services.credit_risk.schema import CreditApplication
from services.readiness.model import INPUT, OUTPUT, opened


@bentoml.service(name="bare")
class Bare:
    """Gives the probability of default."""

    def __init__(self) -> None:
        """Load the model."""
        self.session = opened(Path(os.environ["BENCH_MODEL"]))

    @bentoml.api(route="/v1/decisions")  # type: ignore[untyped-decorator]  # BentoML leaves it open
    def decide(self, application: CreditApplication, /) -> dict[str, float]:
        """Answer one application; the body is the application itself."""
        answer = self.session.run([OUTPUT], {INPUT: [encode(application)]})[0]
        return {"probability_of_default": float(answer[0][1])}
