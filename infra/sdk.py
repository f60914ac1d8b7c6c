"""What Pulumi's Python SDK spends on a program of this size without anybody having use of it, taken away.

Measured on the local stack (435 resources, SDK 3.230, processor time of the program in a preview): the first
three places took more than half of it. The fourth was a third of the state file, which the engine writes anew
twice for each resource, and it named folders of the machine in it. Each stands here by itself, so that it can
go when the SDK has mended it; ``tests/infra/test_sdk.py`` fails when the SDK no longer has the place.
"""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pulumi
from pulumi.runtime import resource, settings, stack
from pulumi.runtime.proto import source_pb2

Output = asyncio.Future[Any]
_CONSTRUCTORS = 3


def lighten() -> None:
    """Take the costs away, for this process; a second call changes nothing."""
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
    # For each resource the whole stack goes into the state, down to the interpreter's own files. The line in
    # which it was asked for is enough; who asked on the way there, ``infra.ops.sources`` finds out itself.
    setattr(resource, "_get_stack_trace", _asked_for)  # noqa: B010 - as above


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


def _asked_for() -> source_pb2.StackTrace:
    """Return a stack of one frame: that which called a resource's own constructor.

    Above it stand the constructors of Resource, CustomResource or ComponentResource, and the resource's own.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the stack without reading any source file
    constructors = 0
    while frame and constructors < _CONSTRUCTORS:
        constructors += frame.f_code.co_name == "__init__"
        frame = frame.f_back
    if frame is None:
        return source_pb2.StackTrace()
    place = source_pb2.SourcePosition(
        uri=Path(frame.f_code.co_filename).absolute().as_uri(), line=frame.f_lineno
    )
    return source_pb2.StackTrace(frames=[source_pb2.StackFrame(pc=place)])


def _unsaid(
    msg: str,
    resource: pulumi.Resource | None = None,
    stream_id: int | None = None,
    ephemeral: bool | None = None,  # noqa: FBT001 - the SDK's own signature
) -> None:
    """Say nothing."""
