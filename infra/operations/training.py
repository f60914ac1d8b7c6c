"""Continuous training as a standing job: looks at each service now and then, and trains when it is time.

Each look is a process of its own (``./plinth retrain once``), so that nothing of a training stays in this
one's memory, and its end by the contract's CPU time ends nothing else. What it decides and does stands in the
service's decision log; here is told only that it looks, and how the last look ended.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from infra.errors import Exit
from infra.local.paths import repo_root
from infra.operations.samples import Sample

logger = logging.getLogger(__name__)

IDLE_SECONDS = 20.0
"""Between two looks at the settings while retraining is off: reading one file."""
LONGEST_SECONDS = 2 * 3600.0
"""After which a look is ended: as long as its lease keeps others away."""
NICE = 10
"""A training may wait; answers may not."""
WORKED = ("waiting", "handed over", "nothing new")
"""Steps at which a look ends well; a refused model or a failed training is told as such."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be looked at.

    Args:
        services: Services whose contract asks for retraining; none while it is off.
        seconds: Between two looks.
    """

    services: tuple[str, ...]
    seconds: float


class Trainer:
    """Looks in a thread of its own, for ever.

    Args:
        wanted: What is to be looked at; asked anew for each round, so that a switch in the settings counts.
        once: Looks at one service and trains if it is time; returns the name of the last step.
    """

    def __init__(self, wanted: Callable[[], Wanted], once: Callable[[str], str]) -> None:
        """Begin with nothing known."""
        self._wanted, self._once = wanted, once
        self._steps: dict[str, tuple[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trainer", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; a training that goes on is not waited for."""
        self._ended.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            pause = self.look()

    def look(self) -> float:
        """Look at each service once; return the seconds until the next round. No failure ends the watch."""
        try:
            wanted = self._wanted()
        except Exception as error:  # noqa: BLE001 - a stack file that somebody is writing is read again
            logger.warning("whether to retrain cannot be told: %s", type(error).__name__)
            return IDLE_SECONDS
        for service in wanted.services:
            try:
                step = self._once(service)
            except Exception as error:  # noqa: BLE001 - the next look may be better
                step = f"failed: {type(error).__name__}: {error}"
            if self._steps.get(service, ("", 0.0))[0] != step:
                logger.info("retraining of %s: %s", service, step)
            self._steps[service] = (step, time.time())
        for gone in self._steps.keys() - set(wanted.services):
            del self._steps[gone]
        return wanted.seconds if wanted.services else IDLE_SECONDS

    def samples(self) -> Iterator[Sample]:
        """Tell when each service was looked at last, and whether that went well."""
        for service, (step, at) in sorted(self._steps.copy().items()):
            labels = {"service": service}
            yield Sample(name="plinth_retraining_look_timestamp_seconds", value=at, labels=labels)
            yield Sample(name="plinth_retraining_look_ok", value=float(step in WORKED), labels=labels)


def in_a_process(service: str, stack: str, environ: Mapping[str, str] = os.environ) -> str:
    """Look at a service in a process of its own; return the name of the last step.

    Args:
        service: Name of the service.
        stack: Name of the stack.
        environ: Its environment.
    """
    argv = [sys.executable, "-m", "infra.ops", "retrain", "once", service, "--stack", stack, "--json"]
    done = subprocess.run(
        ["nice", "-n", str(NICE), *argv],
        cwd=repo_root(), env=dict(environ), capture_output=True, text=True, check=False,
        timeout=LONGEST_SECONDS,
    )  # fmt: skip
    if done.returncode in (Exit.OK, Exit.FAILED, Exit.REFUSED):
        try:
            return str(json.loads(done.stdout)["step"])
        except (ValueError, KeyError, TypeError):
            pass  # it ended before it could look, and says why
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reason = next((line for line in said if line.startswith("error:")), said[-1] if said else "")
    return f"failed: {reason or f'exit code {done.returncode}'}"
