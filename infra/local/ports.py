"""Ports on loopback: chosen free, kept from one start to the next, and who holds one that is taken."""

import json
import random
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from infra.errors import PlatformError
from infra.local.certs import write_private

FIRST, LAST = 20000, 29999
"""Where ports are chosen: under the ranges from which kernels give ports to outgoing connections
(Linux from 32768, macOS from 49152), so that a port is still free when the platform comes back."""
RELEASE_SECONDS = 3.0
"""How long a remembered port may still be taken before it counts as somebody else's: the kernel closes the
ports of a killed process only after it has freed its memory, which takes the API server half a second."""
TRIES = 200
"""Ports that are tried before giving up; on any usual machine the first is free."""


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections do not count
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return who listens on ``port``, such as ``nginx (pid 123)``; what cannot be known is said."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return "a process that this user may not see"
    for connection in connections:
        listening = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        if listening and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return "a process of another user"


def assign(path: Path, names: Iterable[str]) -> tuple[dict[str, int], list[str]]:
    """Return a free port for each name, the same as last time where it is still free.

    Args:
        path: The JSON file that remembers them; it is rewritten.
        names: What needs a port.

    Returns:
        The ports, and a sentence for each one that had to move.

    Raises:
        PlatformError: No free port was found.
    """
    try:
        remembered = json.loads(path.read_text())
    except (OSError, ValueError):
        remembered = {}
    if not isinstance(remembered, dict):
        remembered = {}
    chosen: dict[str, int] = {}
    moved: list[str] = []
    deadline = time.monotonic() + RELEASE_SECONDS  # for all of them together
    for name in names:
        port = remembered.get(name)
        if isinstance(port, int) and FIRST <= port <= LAST and port not in chosen.values():
            while not (free := is_free(port)) and time.monotonic() < deadline:
                time.sleep(0.05)
            if free:
                chosen[name] = port
                continue
            moved.append(f"port {port} of {name} is taken by {holder(port)}")
        chosen[name] = _choose(set(chosen.values()))
    write_private(path, json.dumps(chosen, indent=1))
    return chosen, [f"{text}; it moves to {chosen[text.split()[3]]}" for text in moved]


def _choose(taken: set[int]) -> int:
    for _ in range(TRIES):
        port = random.randint(FIRST, LAST)  # noqa: S311 - spreads clones, guards nothing
        if port not in taken and is_free(port):
            return port
    raise PlatformError(
        f"No free port between {FIRST} and {LAST} on 127.0.0.1 ({TRIES} tried).",
        fix="see what listens there (ss -ltnp), end what is not needed, then ./plinth up",
    )
