"""Writes a pod's status to the API, in the background: a slow API server must not hold up a probe."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from infra.local.runner import ENDPOINT_ANNOTATION
from infra.local.runner.rest import FAILURES, STRATEGIC, Api, ApiError
from infra.local.runner.status import Observed, build_status, differs

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_LAST_WORD_SECONDS = 1.0
_NOT_FOUND, _CONFLICT = 404, 409


class Reporter:
    """The status of one pod: :meth:`show` says what is true, the API follows as soon as it can."""

    def __init__(self, api: Api, pod: Mapping[str, Any], observed: Observed) -> None:
        """Start with what is true before anything ran."""
        meta = pod["metadata"]
        self.observed = observed
        self.endpoint: str | None = None
        """``127.0.0.1:PORT`` of the process; written before the status, so that a ready pod has one."""
        self._api = api
        self._pod = pod
        self._path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self._dirty = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to write."""
        self._dirty.set()
        self._task = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop writing."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def show(self, **changes: Any) -> None:
        """Change what is true (fields of :class:`Observed`)."""
        changed = replace(self.observed, **changes)
        if changed != self.observed:
            self.observed = changed
            self._dirty.set()

    async def last_word(self, **changes: Any) -> None:
        """Write once more after the end, if the API server answers at once; it may be ending too."""
        self.show(**changes)
        with contextlib.suppress(*FAILURES, TimeoutError):
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                await self._push()

    def update(self, pod: Mapping[str, Any]) -> None:
        """Take a newer version of the pod, and correct it if somebody wrote another status."""
        # Since Kubernetes 1.35 versions may be compared; an event can be older than our own last write.
        if int(pod["metadata"]["resourceVersion"]) > int(self._pod["metadata"]["resourceVersion"]):
            self._pod = pod
            self._dirty.set()

    async def _write(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._push()
            except ApiError as error:
                # The pod is gone, or one of the same name has its place: the watch will say so.
                if error.status not in (_NOT_FOUND, _CONFLICT):
                    log.warning("%s: status refused: %s", self._path, error)
                    await self._later()
            except FAILURES:
                await self._later()

    async def _later(self) -> None:
        await asyncio.sleep(_RETRY_SECONDS)
        self._dirty.set()

    async def _push(self) -> None:
        meta = self._pod["metadata"]
        if self.endpoint and (meta.get("annotations") or {}).get(ENDPOINT_ANNOTATION) != self.endpoint:
            # The uid is a precondition: a successor of the same name is not ours to mark.
            annotation = {"uid": meta["uid"], "annotations": {ENDPOINT_ANNOTATION: self.endpoint}}
            self._pod = await self._api.patch(self._path, {"metadata": annotation})
        status = build_status(self.observed, self._pod, now=time.time())
        if differs(status, self._pod):
            body = {"metadata": {"uid": meta["uid"]}, "status": status}
            self._pod = await self._api.patch(f"{self._path}/status", body, kind=STRATEGIC)
