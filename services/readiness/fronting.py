"""How a service is given to BentoML, and why its API answers before BentoML does.

BentoML puts a tracing span, three metrics with the raw path as a label, a timer of ten seconds and a task of
its own around each request, whoever answers it: twice what a guarded and logged decision itself costs
(``./plinth bench serving``). So the API stands in front of all that, and BentoML keeps what it does well:
loading, process, probes, metrics page, graceful stop. Each step of a decision has its own time limit.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bentoml
from _bentoml_sdk import Service  # type: ignore[import-untyped]  # ships no types
from pydantic_core import to_json

from services.readiness import tally
from services.readiness.hosting import BENTO, PAGES, Process, schema_shown
from services.readiness.shadow import PAGE, Recent

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

API_PREFIX = "/v1/"
METRICS_PAGE = "/metrics"
NOT_FOUND = b'{"error":"There is nothing at this path.","reason":"not_found"}'


class Front:
    """ASGI application: the API, BentoML's probes and metrics, and 404 for every other page.

    BentoML serves a user interface and its schema on the same port; in production nobody has any business
    there. A path that is refused here also leaves no time series behind.

    Args:
        api: The service's API.
        behind: BentoML's application.
        recent: The latest answers, for those who compare versions.
        all_pages: Whether all of BentoML's pages are shown.
    """

    def __init__(self, api: "ASGIApp", behind: "ASGIApp", *, recent: Recent, all_pages: bool) -> None:
        """Keep them."""
        self._api, self._behind, self._recent, self._all = api, behind, recent, all_pages

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on, or answer 404."""
        if scope["type"] == "http":
            path = scope["path"]
            if path.startswith(API_PREFIX):
                await self._api(scope, receive, send)
                return
            if path == PAGE:
                body = to_json(self._recent.page(scope.get("query_string", b"").decode("latin-1")))
                await _send(send, 200, body)
                return
            if not self._all and path not in PAGES:
                await _send(send, 404, NOT_FOUND)
                return
            if path == METRICS_PAGE:
                tally.carry_over()
        await self._behind(scope, receive, send)


async def _send(send: "Send", status: int, body: bytes) -> None:
    lines = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


class Fronted(Service[Any]):  # type: ignore[misc]  # the same
    """A service of BentoML whose API answers first."""

    __slots__ = ()

    def to_asgi(self, is_main: bool = True) -> Any:  # noqa: FBT001, FBT002 - BentoML's signature
        """Return the application that a worker serves."""
        ((api, _, _),) = self.mount_apps
        return Front(api, super().to_asgi(is_main), recent=api.recent, all_pages=schema_shown())


def fronted(process: Process) -> Callable[[type], Any]:
    """Return the decorator that makes a class the service of a process.

    Args:
        process: Its model, log and API.
    """

    def decorate(inner: type) -> Any:
        made = bentoml.service(name=process.hosted.service.name, **BENTO)(inner)
        made.mount_asgi_app(process.api, path=API_PREFIX.rstrip("/"))
        # BentoML has no way to name the class of a service; this one adds no attribute to it.
        made.__class__ = Fronted
        return made

    return decorate
