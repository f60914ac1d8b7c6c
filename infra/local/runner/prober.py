"""Asks a process its probes, each at its own period, and keeps the verdicts."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import httpx

from infra.local.runner.probes import Kind, Probe, Verdict

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, since probes are plain HTTP. Loading the usual authorities for each probe would cost 23 ms
of CPU, 25 times that of the probe itself."""


class Prober:
    """The probes of one run of a process.

    Args:
        probes: The container's probes.
        port: The loopback port of the process; it stands for the container's port.
        turned: Called after each answer, in the event loop.
        started, ready: What an earlier runner had found out about this very process.
    """

    def __init__(
        self,
        probes: Iterable[Probe],
        port: int,
        turned: Callable[[], None],
        *,
        started: bool = False,
        ready: bool = False,
    ) -> None:
        """Prepare; nothing is asked before :meth:`begin`."""
        self._verdicts: dict[Kind, Verdict] = {probe.kind: Verdict.first(probe) for probe in probes}
        if "readiness" in self._verdicts and ready:
            self._verdicts["readiness"] = replace(self._verdicts["readiness"], good=True)
        if started:
            self._verdicts.pop("startup", None)
        self._port = port
        self._turned = turned
        self._tasks: list[asyncio.Task[None]] = []
        self._up = asyncio.Event()

    def begin(self, started_at: float) -> None:
        """Start asking; ``started_at`` is when the process began, in seconds since the epoch."""
        if "startup" not in self._verdicts:
            self._up.set()
        for verdict in self._verdicts.values():
            self._tasks.append(asyncio.create_task(self._ask_again(verdict.probe, started_at)))

    def end(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()

    @property
    def started(self) -> bool:
        """Whether the startup probe has succeeded; without one, from the beginning."""
        return self._up.is_set()

    @property
    def ready(self) -> bool:
        """Whether the pod may get traffic; without a readiness probe, once it is started."""
        readiness = self._verdicts.get("readiness")
        return self.started and (readiness is None or readiness.good)

    @property
    def fatal(self) -> Probe | None:
        """The startup or liveness probe for which the process must be restarted."""
        for kind in ("startup", "liveness"):
            verdict = self._verdicts.get(kind)
            if verdict is not None and verdict.exhausted:
                return verdict.probe
        return None

    async def _ask_again(self, probe: Probe, started_at: float) -> None:
        if probe.kind != "startup":
            await self._up.wait()
        await asyncio.sleep(max(0.0, started_at + probe.initial_delay_seconds - time.time()))
        while True:
            answer = await ask(probe, self._port)
            self._verdicts[probe.kind] = verdict = self._verdicts[probe.kind].record(answer)
            if probe.kind == "startup" and verdict.good:
                self._up.set()
            self._turned()
            if probe.kind == "startup" and verdict.good:
                return
            await asyncio.sleep(probe.period_seconds)


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, verify=_NO_TLS)


async def ask(probe: Probe, port: int) -> bool:
    """Ask once, on a connection of its own as the kubelet does; a redirect counts as success there too."""
    if probe.path is None:
        try:
            async with asyncio.timeout(probe.timeout_seconds):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # TimeoutError is one
            return False
        writer.close()
        return True
    try:
        async with asyncio.timeout(probe.timeout_seconds), _client() as client:
            response = await client.get(
                f"http://127.0.0.1:{port}/{probe.path.removeprefix('/')}", headers=list(probe.headers)
            )
    except (httpx.HTTPError, TimeoutError):
        return False
    return response.is_success or response.is_redirect
