"""The HTTP service: one worker, one verified model, logged decisions.

A model that is missing, altered or made for other code leaves the service alive but never ready, with the
reason in the log. What a request passes stands in ``readiness/api.py``, how it is decided in
``readiness/decisions.py``, what is special here in ``answering.py``.
"""

import bentoml

from services.credit_risk.answering import HOSTED
from services.readiness.fronting import fronted
from services.readiness.hosting import Process

PROCESS = Process(HOSTED)


@fronted(PROCESS)
class CreditRisk:
    """Decides on a credit application: approve, refer to a person, or decline."""

    def __init__(self) -> None:
        """Load the model before the first request."""
        PROCESS.start()

    async def __is_ready__(self) -> bool:
        """Answer ``/readyz``: ready only with a verified model."""
        return PROCESS.ready

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]  # BentoML leaves it open
    def stop(self) -> None:
        """Seal and ship the decision log."""
        PROCESS.stop()
