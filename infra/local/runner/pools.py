"""What the pods of a machine share: addresses, ports and room."""

import ipaddress
import random
import socket
import time
from collections.abc import Iterable

_POD_NETWORK = ipaddress.ip_network("10.244.0.0/16")
"""The usual pod network. The addresses lead nowhere: the API refuses loopback addresses in EndpointSlices,
and each pod needs one of its own there."""

_PORT_REST_SECONDS = 60.0
"""A port rests this long after its process ended. A gateway that is a moment behind, or a liveness probe,
must meet a closed port and not another pod."""

_FIRST_PORT, _LAST_PORT = 30000, 32767
"""Above the platform's own ports and below those that kernels give to outgoing connections, so that none
of these takes the port between the moment it is chosen and the moment the server listens."""

_PORT_ATTEMPTS = 200


class Addresses:
    """Pod addresses in use; :meth:`take` gives the lowest free one."""

    def __init__(self) -> None:
        """Start with none in use."""
        self._used: set[str] = set()

    def hold(self, addresses: Iterable[str]) -> None:
        """Mark addresses that pods already have."""
        self._used.update(address for address in addresses if address)

    def take(self) -> str:
        """Return an address that no pod has."""
        address = next(str(host) for host in _POD_NETWORK.hosts() if str(host) not in self._used)
        self._used.add(address)
        return address

    def give_back(self, address: str) -> None:
        """Free the address of a pod that is gone."""
        self._used.discard(address)


class Ports:
    """Loopback ports chosen free, none of them twice within a minute."""

    def __init__(self) -> None:
        """Start with none in use."""
        self._held: dict[int, float] = {}

    def hold(self, port: int) -> None:
        """Mark the port of a process that was adopted."""
        self._held[port] = float("inf")

    def take(self) -> int:
        """Return a free port.

        Raises:
            OSError: The machine has none.
        """
        now = time.monotonic()
        self._held = {port: until for port, until in self._held.items() if until > now}
        for _ in range(_PORT_ATTEMPTS):
            port = random.randint(_FIRST_PORT, _LAST_PORT)  # noqa: S311 - no secret
            if port not in self._held and _is_free(port):
                self.hold(port)
                return port
        raise OSError("no free loopback port")

    def rest(self, port: int) -> None:
        """Let a port rest after its process ended."""
        self._held[port] = time.monotonic() + _PORT_REST_SECONDS


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
