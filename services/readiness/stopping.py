"""The switch with which people take a model out of service, as a serving process reads it.

One item in the registry's table says whether a service's model may answer. A serving process looks at it
each second, beside its answers. It is fail-closed: a process that has not been able to read the switch yet,
or for as long as :data:`TRUSTED_SECONDS`, does not ask its model either, since nobody could stop it any
more. In both cases the contract's answer to ``stopped`` is given. Whoever writes the switch needs the
right to write this item and nothing else (``overseer`` in infra/iam/roles.py); a service may only read it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.readiness import metrics

TABLE_VARIABLE = "PLINTH_STOP_TABLE"
PARTITION, SORT = "model", "version"
"""Keys of the registry's table."""
PREFIX, SWITCH = "stop#", "switch"
"""A service's switch has a partition of its own, so that a permission can name it."""

LOOK_SECONDS = 1.0
"""Between two looks: a person notices no difference below it; 86,400 reads of one item a day."""
TRUSTED_SECONDS = 300.0
"""For so long the last look counts: five minutes, after which the decision log would refuse as well."""
FIRST_SECONDS = 3.0
"""Longest wait of a start for the first look: two tries of a second each, and a margin."""

logger = logging.getLogger("bentoml.service.stop")


@dataclass(frozen=True, kw_only=True)
class Switch:
    """Whether a model may answer, and who said so.

    Args:
        stopped: Whether it is out of service.
        by: Who turned the switch last; empty when nobody ever did.
        why: Their reason.
        at: When, ISO 8601.
        moves: How often it was turned.
    """

    stopped: bool = False
    by: str = ""
    why: str = ""
    at: str = ""
    moves: int = 0

    @classmethod
    def of(cls, item: Mapping[str, Any] | None) -> "Switch":
        """Return the switch in an item; one that was never turned is on.

        Raises:
            ValueError: The item is none of ours.
        """
        if item is None:
            return cls()
        if item.get("state") not in {"stopped", "running"}:
            raise ValueError("the item is no switch")
        return cls(
            stopped=item["state"] == "stopped",
            by=str(item.get("by", "")),
            why=str(item.get("why", "")),
            at=str(item.get("at", "")),
            moves=int(item.get("moves", 0)),
        )

    def item(self, service: str) -> dict[str, str | int]:
        """Return it as an item of the registry's table."""
        return {
            PARTITION: PREFIX + service,
            SORT: SWITCH,
            "state": "stopped" if self.stopped else "running",
            "by": self.by,
            "why": self.why,
            "at": self.at,
            "moves": self.moves,
        }


class StopWatch:
    """Keeps an eye on a service's switch.

    Args:
        service: Name of the service.
        read: Returns the switch; whatever it raises counts as "not read".
        clock: Seconds, as ``time.monotonic`` counts them.
    """

    def __init__(
        self, service: str, read: Callable[[], Switch], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Know nothing yet, so the model is not asked."""
        self._service, self._read, self._clock = service, read, clock
        self._born = clock()
        self._seen: float | None = None
        self._switch = Switch()
        self._ending, self._looked = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stopped(self) -> bool:
        """Tell whether the model may not be asked: people said so, or nobody knows whether they did."""
        return self._switch.stopped or self._seen is None or self.unread_seconds > TRUSTED_SECONDS

    @property
    def unread_seconds(self) -> float:
        """Return how long ago the switch was read; since the start, when it never was."""
        return self._clock() - (self._born if self._seen is None else self._seen)

    def look(self) -> None:
        """Read the switch once and show how it stands."""
        try:
            found = self._read()
        except Exception as error:  # noqa: BLE001 - botocore makes its exceptions at run time
            logger.warning("The stop switch cannot be read: %s", type(error).__name__)
        else:
            if found.stopped != self._switch.stopped:
                logger.warning("The model was %s by %s.", "stopped" if found.stopped else "resumed", found.by)
            self._switch, self._seen = found, self._clock()
        metrics.child(metrics.STOPPED, self._service).set(self._switch.stopped)
        metrics.child(metrics.STOP_UNREAD, self._service).set(self.unread_seconds)
        self._looked.set()

    def asked(self) -> bool:
        """Look, unless that was a moment ago, and tell whether the model may not be asked. For jobs."""
        if self._seen is None or self.unread_seconds > LOOK_SECONDS:
            self.look()
        return self._switch.stopped or self._seen is None or self.unread_seconds > LOOK_SECONDS

    def start(self) -> None:
        """Begin to look, and wait a moment for the first look, so that a start knows where it stands."""
        self._thread = threading.Thread(target=self._run, name="stop-switch", daemon=True)
        self._thread.start()
        self._looked.wait(FIRST_SECONDS)

    def _run(self) -> None:
        self.look()
        while not self._ending.wait(LOOK_SECONDS):
            self.look()

    def close(self) -> None:
        """End; a read that hangs is left behind."""
        self._ending.set()
        if self._thread:
            self._thread.join(LOOK_SECONDS)


def watch_from(environment: Mapping[str, str], service: str) -> StopWatch | None:
    """Return the watch of the switch that the environment names; None where there is no table.

    Every deployed pod has one (``PLINTH_STOP_TABLE`` in infra/components/serving.py).
    """
    table = environment.get(TABLE_VARIABLE)
    return StopWatch(service, reading(table, service)) if table else None


def reading(table: str, service: str, client: Any = None) -> Callable[[], Switch]:
    """Return what reads a service's switch from a DynamoDB table.

    Args:
        table: Its name.
        service: Name of the service.
        client: Of DynamoDB; made from the environment, with short waits, when left out.
    """
    import boto3  # noqa: PLC0415 - a third of a second, and not every process has a table
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    asked = client or boto3.client("dynamodb", config=config)
    key = {PARTITION: {"S": PREFIX + service}, SORT: {"S": SWITCH}}

    def read() -> Switch:
        item = asked.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return Switch.of(item and {name: next(iter(value.values())) for name, value in item.items()})

    return read
