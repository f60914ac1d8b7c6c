"""What Pulumi's Python SDK spends on a program of this size without anybody having use of it, taken away.

Measured on the local stack (435 resources, SDK 3.230, processor time of the program in a preview): three
places took more than half of it. Each stands here by itself, so that it can go when the SDK has mended it;
``tests/infra/test_sdk.py`` fails when the SDK no longer has the place.
"""

import asyncio
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pulumi
from pulumi.runtime import settings, stack

Output = asyncio.Future[Any]


def lighten() -> None:
    """Take the three costs away, for this process; a second call changes nothing."""
    # Each debug line is a call to the engine that the event loop waits for: several for each resource. The
    # engine throws them away, since nothing here runs it with --debug.
    pulumi.log.debug = _unsaid
    # At the end of the program the SDK waits for the first of all outputs, then for the first of the rest,
    # and so on: time by the square of their number. Waiting until all are done, or one has failed, gives the
    # same end.
    waits: Any = SimpleNamespace(**{**vars(asyncio), "FIRST_COMPLETED": asyncio.FIRST_EXCEPTION})
    setattr(stack, "asyncio", waits)  # noqa: B010 - a name that the module does not export
    # Each output that is done is searched for in a list of all others: the square again.
    if not isinstance(settings.SETTINGS.outputs, Pending):
        pending: Any = Pending(settings.SETTINGS.outputs)
        settings.SETTINGS.outputs = pending


class Pending:
    """Outputs that are not done, in the order in which they were made: what the SDK uses of its deque."""

    def __init__(self, outputs: Iterable[Output]) -> None:
        """Take over those that there are."""
        self._outputs: dict[Output, None] = dict.fromkeys(outputs)

    def __len__(self) -> int:
        """Return their number."""
        return len(self._outputs)

    def __iter__(self) -> Iterator[Output]:
        """Give them in order."""
        return iter(self._outputs)

    def append(self, output: Output) -> None:
        """Add one."""
        self._outputs[output] = None

    def remove(self, output: Output) -> None:
        """Take one away.

        Raises:
            ValueError: It is not among them, as a deque would say.
        """
        if output not in self._outputs:
            raise ValueError(output)
        del self._outputs[output]

    def clear(self) -> None:
        """Take all away."""
        self._outputs.clear()


def _unsaid(
    msg: str,
    resource: pulumi.Resource | None = None,
    stream_id: int | None = None,
    ephemeral: bool | None = None,  # noqa: FBT001 - the SDK's own signature
) -> None:
    """Say nothing."""
