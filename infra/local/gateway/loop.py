"""The controller's loop: objects in, files and statuses out."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from infra.local.gateway import CONTROLLER_NAME
from infra.local.gateway.attach import GROUP, Snapshot
from infra.local.gateway.bootstrap import ACCESS_LOG
from infra.local.gateway.conditions import status_patches
from infra.local.gateway.files import empty_config, publish, write_atomically
from infra.local.gateway.translate import plan
from infra.local.runner.reflector import Reflector
from infra.local.runner.rest import FAILURES, Api, ApiError
from infra.local.runner.sandbox import rotate

log = logging.getLogger(__name__)

_GATHER_SECONDS = 0.02
"""Changes come in groups (a rollout touches many pods); waiting this long makes one configuration of them."""

_RETRY_SECONDS = 2.0

_LOG_LOOK_SECONDS = 30.0
"""How often the access log is measured: at a thousand requests a second it grows by 15 MB in that time."""
_GONE = frozenset({404, 409})

_PATHS = {
    "classes": f"/apis/{GROUP}/v1/gatewayclasses",
    "gateways": f"/apis/{GROUP}/v1/gateways",
    "routes": f"/apis/{GROUP}/v1/httproutes",
    "services": "/api/v1/services",
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
}


class Controller:
    """Keeps Envoy's files and the statuses true until cancelled."""

    def __init__(self, api: Api, xds_dir: Path, port: int) -> None:
        """``port`` is the loopback port on which Envoy serves."""
        self._api = api
        self._xds_dir = xds_dir.absolute()
        self._port = port
        self._changed = asyncio.Event()
        self._kinds = {name: Reflector(api, path, self._changed.set) for name, path in _PATHS.items()}

    async def run(self) -> None:
        """Follow the cluster until cancelled.

        Nothing is written before every kind was listed once: half a picture would take routes away.
        Until then, and whenever the API server is away, the files of before stay in force.
        """
        for name, content in empty_config().items():
            if not (self._xds_dir / name).exists():
                write_atomically(self._xds_dir / name, content)
        async with asyncio.TaskGroup() as group:
            for reflector in self._kinds.values():
                group.create_task(reflector.run())
            group.create_task(self._cut_log())
            for reflector in self._kinds.values():
                await reflector.synced.wait()
            log.info("all objects listed")
            while True:
                self._changed.clear()
                await self._reconcile()
                await self._changed.wait()
                await asyncio.sleep(_GATHER_SECONDS)

    async def _cut_log(self) -> None:
        while True:
            rotate(self._xds_dir / ACCESS_LOG)
            await asyncio.sleep(_LOG_LOOK_SECONDS)

    async def _reconcile(self) -> None:
        snapshot = Snapshot(**{name: tuple(kind.items.values()) for name, kind in self._kinds.items()})
        result = plan(snapshot, controller=CONTROLLER_NAME, xds_dir=self._xds_dir)
        changed = await publish(self._xds_dir, result.files)
        if changed:
            log.info("written: %s", ", ".join(changed))
        # Statuses come after the files: "Programmed" must not be said too early.
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for patch in status_patches(
            snapshot, result.outcomes, controller=CONTROLLER_NAME, port=self._port, now=now
        ):
            try:
                await self._api.patch(patch.path, {"status": patch.status})
            except FAILURES as error:
                if not (isinstance(error, ApiError) and error.status in _GONE):
                    log.warning("%s: %s", patch.path, error)
                    asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._changed.set)
