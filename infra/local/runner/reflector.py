"""A local copy of one kind of objects, kept true by list and watch."""

import asyncio
import logging
import random
from collections.abc import Callable

from infra.local.runner.rest import FAILURES, Api, ApiError, Json

log = logging.getLogger(__name__)

_GONE = 410
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0
"""Short at first, since the API server restarts within seconds; never so long that a person waits."""

_BETWEEN_STREAMS_SECONDS = 0.1
"""Keeps a server that ends each stream at once from being asked thousands of times a second."""


class Reflector:
    """The objects at a list path, by uid.

    While the API server is away the last copy stays, so that what runs goes on. :attr:`synced` is set
    once a first list has arrived; until then an empty copy means "not known".

    Args:
        api: The API server.
        path: The list path, for example ``/api/v1/pods``.
        changed: Called after each change of :attr:`items`, in the event loop.
        field_selector: Restricts the list.
    """

    def __init__(
        self, api: Api, path: str, changed: Callable[[], None], *, field_selector: str | None = None
    ) -> None:
        """Prepare; nothing is asked before :meth:`run`."""
        self.items: dict[str, Json] = {}
        self.synced = asyncio.Event()
        self._api = api
        self._path = path
        self._changed = changed
        self._params = {"fieldSelector": field_selector} if field_selector else {}

    async def run(self) -> None:
        """Follow the objects until cancelled."""
        pause, said = _FIRST_PAUSE_SECONDS, ""
        while True:
            try:
                version = await self._list()
                pause, said = _FIRST_PAUSE_SECONDS, ""
                await self._follow(version)
            except FAILURES as error:
                # Said once, not at every attempt: an API server that is down stays so for a while.
                if said != (said := f"{type(error).__name__}: {error}"):
                    log.warning("%s: %s; the last known state stays in force", self._path, said)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _list(self) -> str:
        answer = await self._api.get(self._path, **self._params)
        kind = str(answer.get("kind", "")).removesuffix("List")
        self.items = {item["metadata"]["uid"]: {"kind": kind, **item} for item in answer["items"]}
        self.synced.set()
        self._changed()
        return str(answer["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> None:
        """Apply events, resuming where a stream ended, until the server no longer has our version."""
        while True:
            params = {**self._params, "resourceVersion": version, "allowWatchBookmarks": "true"}
            try:
                async for event in self._api.watch(self._path, **params):
                    version = self._apply(event["type"], event["object"])
            except ApiError as error:
                if error.status == _GONE:
                    return
                raise
            await asyncio.sleep(_BETWEEN_STREAMS_SECONDS)

    def _apply(self, kind: str, item: Json) -> str:
        """Apply one event and return the version up to which the copy is now true."""
        if kind == "ERROR":
            raise ApiError(item.get("code", 500), str(item.get("message")))
        if kind != "BOOKMARK":
            uid = item["metadata"]["uid"]
            if kind == "DELETED":
                self.items.pop(uid, None)
            else:
                self.items[uid] = item
            self._changed()
        return str(item["metadata"]["resourceVersion"])
