"""An API server in memory: enough of it to try the runner and the gateway without a toolchain."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import pytest

from infra.local.runner.rest import ApiError


class FakeApi:
    """Objects by path, with the calls that :class:`infra.local.runner.rest.Api` offers."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.down = False
        self._version = 0

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._version += 1
        found = copy.deepcopy(dict(body))
        found.setdefault("metadata", {})["resourceVersion"] = str(self._version)
        self.objects[path] = found
        return copy.deepcopy(found)

    async def get(self, path: str, **_: str) -> dict[str, Any]:
        self._check(path)
        return copy.deepcopy(self.objects[path])

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(("create", path, body))
        if self.down:
            raise httpx.ConnectError("down")
        return self.put(f"{path}/{body['metadata']['name']}", body)

    async def patch(self, path: str, body: Mapping[str, Any], *, kind: str = "") -> dict[str, Any]:
        del kind
        self.calls.append(("patch", path, body))
        path = path.removesuffix("/status")
        self._check(path)
        found = self.objects[path]
        if body.get("metadata", {}).get("uid", found["metadata"].get("uid")) != found["metadata"].get("uid"):
            raise ApiError(409, "uid")
        if "status" in body:
            found["status"] = {**found.get("status", {}), **copy.deepcopy(body["status"])}
        if "annotations" in body.get("metadata", {}):
            found["metadata"].setdefault("annotations", {}).update(body["metadata"]["annotations"])
        return self.put(path, found)

    async def delete_now(self, path: str, *, uid: str) -> None:
        self.calls.append(("delete", path, uid))
        self._check(path)
        del self.objects[path]

    async def watch(self, path: str, **_: str) -> AsyncIterator[dict[str, Any]]:
        self._check(path)
        await asyncio.Event().wait()
        yield {}

    def _check(self, path: str) -> None:
        if self.down:
            raise httpx.ConnectError("down")
        if path not in self.objects:
            raise ApiError(404, path)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for the first true value of a condition, in an event loop."""

    async def wait(condition: Callable[[], Any]) -> Any:
        async with asyncio.timeout(60):
            while not (value := condition()):  # noqa: ASYNC110 - what is awaited sets no event
                await asyncio.sleep(0.02)
        return value

    return wait
