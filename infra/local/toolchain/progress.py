"""How a long build tells what it does: a stream of small events, drawn by whoever listens."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

QUIET_SECONDS = 15.0
"""The plain reporter repeats a phase that goes on after this long, so that a log shows life."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One step of progress.

    Attributes:
        part: The part's name, such as ``kube``.
        phase: ``wait``, ``go``, ``download``, ``compile``, ``install`` or ``done``.
        message: What is being done now, in words.
        elapsed_seconds: Wall time since this part was begun.
        fraction: How far the phase is, 0 to 1; None where it cannot be known.
    """

    part: str
    phase: str
    message: str
    elapsed_seconds: float
    fraction: float | None = None


Progress = Callable[[Event], None]


def silent(_event: Event) -> None:
    """Report nothing."""


class PlainProgress:
    """Write a line for each new phase, and one now and then while it lasts."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to the stream, by default standard error."""
        self._stream = stream or sys.stderr
        self._last: tuple[str, str] | None = None
        self._said_at = 0.0

    def __call__(self, event: Event) -> None:
        """Write the event unless it only repeats what was said a moment ago."""
        here = (event.part, event.phase)
        if here == self._last and event.elapsed_seconds - self._said_at < QUIET_SECONDS:
            return
        self._last, self._said_at = here, event.elapsed_seconds
        share = "" if event.fraction is None else f" {event.fraction:4.0%}"
        line = f"{event.part:>10}  {event.elapsed_seconds:5.0f} s  {event.phase}{share}  {event.message}"
        print(line, file=self._stream, flush=True)
