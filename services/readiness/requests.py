"""What every request passes before BentoML sees it.

BentoML 1.4 logs an invalid request with its traceback, and that shows what was sent. So the gate
answers everything that needs no model itself: a wrong content type, a body that is too large or does
not fit its schema, a service without a model. Its answers name the field and the rule, never the
value; its log names only fields of the schema. It gives each request the id that stands in the
answer and in the logs.
"""

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from services.readiness.metrics import REJECTED
from services.readiness.refusals import UNKNOWN_FIELD, Refusal, parse_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 16 * 1024
"""Over ten times the largest valid body of a tabular service; a service may set its own."""

BODY_SECONDS = 2.0
"""Time to send a body of a few KiB, generously. A client that stops halfway would else hold one of the
service's places until the request's timeout."""

_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")
logger = logging.getLogger("bentoml.service.gate")


def request_id() -> str:
    """Return the id of the request in progress; empty outside of one."""
    return _current.get()


class Gate:
    """ASGI middleware; see the module.

    Args:
        app: What comes after.
        service: Name of the service, for the metrics.
        schemas: Path -> schema of its body. Every other path (probes, metrics) passes untouched.
        unavailable: Returns why no prediction can be made, or ``None``.
        max_body_bytes: Largest body to read.
    """

    def __init__(
        self,
        app: "ASGIApp",
        *,
        service: str,
        schemas: dict[str, type[BaseModel]],
        unavailable: Callable[[], str | None],
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        """Called by BentoML when the application is put together."""
        self.app = app
        self.service = service
        self.schemas = schemas
        self.unavailable = unavailable
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer the request or pass it on."""
        schema = self.schemas.get(scope["path"]) if scope["type"] == "http" else None
        if schema is None or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        # An id from outside goes into logs, so only a plain one is taken over.
        token = _current.set(given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex)

        async def send_with_id(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id().encode())]
            await send(message)

        try:
            self._check_headers(headers)
            body = await self._read(receive)
            parse_body(schema, body)
            await self.app(scope, _replay(body, receive), send_with_id)
        except Refusal as refusal:
            await self._answer(refusal, send_with_id, schema)
        finally:
            _current.reset(token)

    def _check_headers(self, headers: dict[bytes, bytes]) -> None:
        reason = self.unavailable()
        if reason:
            raise Refusal(503, "unavailable", reason)
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
            raise Refusal(415, "content_type", "Send JSON, with the header Content-Type: application/json.")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.max_body_bytes:
            raise self._too_large()

    async def _read(self, receive: "Receive") -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read_all(receive)
        except TimeoutError:
            message = f"The body did not arrive within {BODY_SECONDS:g} seconds."
            raise Refusal(408, "body_too_slow", message) from None

    async def _read_all(self, receive: "Receive") -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                # Nobody reads this answer, but BentoML keeps the place taken until one is given.
                raise Refusal(400, "client_gone", "The connection ended before the body did.")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.max_body_bytes:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)

    def _too_large(self) -> Refusal:
        return Refusal(413, "body_too_large", f"The body is larger than {self.max_body_bytes} bytes.")

    async def _answer(self, refusal: Refusal, send: "Send", schema: type[BaseModel]) -> None:
        REJECTED.labels(self.service, refusal.reason).inc()
        known = schema.model_fields
        named = {
            f"{p['field'] if p['field'] in known or p['field'] == '(body)' else UNKNOWN_FIELD}: {p['type']}"
            for p in refusal.problems
        }
        logger.info(
            "Refused request %s: %d %s %s",
            request_id(),
            refusal.status,
            refusal.reason,
            ", ".join(sorted(named)),
        )
        content: dict[str, Any] = {
            "error": refusal.message,
            "reason": refusal.reason,
            "request_id": request_id(),
        }
        if refusal.problems:
            content["problems"] = [{"field": p["field"], "problem": p["problem"]} for p in refusal.problems]
        body = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if refusal.reason in {"body_too_large", "body_too_slow"}:
            # The rest of the body is not read, so the connection cannot carry another request.
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _replay(body: bytes, receive: "Receive") -> "Receive":
    """Give the body that was read once more, then whatever comes (the client's disconnect)."""
    first = True

    async def again() -> "Message":
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
