"""A process that cannot call out.

moto itself would make requests for some services (an SNS topic with an HTTP subscriber, a Lambda
function in Docker). The local AWS API must reach nothing, so the interpreter refuses: after
:func:`raise_fence` every attempt to connect, to send a datagram or to resolve a name fails.
Accepting connections goes on working. An audit hook cannot be taken out again.
"""

import sys
from typing import Any

_FORBIDDEN = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
    }
)


class FenceError(PermissionError):
    """Something inside the local AWS API tried to reach out."""


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN:
        raise FenceError(f"the local AWS API must not reach out: {event} {args[1:3]!r} was refused")


def raise_fence() -> None:
    """Forbid this process to connect anywhere, to resolve names and to start programs, for good."""
    sys.addaudithook(_hook)
