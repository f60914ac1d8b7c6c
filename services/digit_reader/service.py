"""The HTTP service: one worker, one verified model; what it cannot read goes to a person.

What a request passes stands in ``readiness/api.py``, how it is decided in
``readiness/decisions.py``, what is special here in ``answering.py``.
"""

import bentoml

from services.digit_reader.answering import HOSTED
from services.readiness.fronting import fronted
from services.readiness.hosting import Process

PROCESS = Process(HOSTED)


@fronted(PROCESS)
class DigitReader:
    """Reads a digit, or says that a person has to look."""

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
