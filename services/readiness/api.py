"""The HTTP side of a service: everything that a request passes, in one place.

A plain ASGI application, mounted in the BentoML service. BentoML's own endpoints log an invalid request with
its traceback, which shows what was sent, and build their schema anew for each answer; this application
does neither. Each refusal names the rule, never the value; each answer carries the request's id.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import to_json

from services.readiness import metrics, tally
from services.readiness.decisions import Decisions, UnavailableError
from services.readiness.feature_lookup import FeatureLookup, FeaturesAwayError, Subject
from services.readiness.limits import MOST_IN_PROGRESS
from services.readiness.online_features import UnknownSubjectError
from services.readiness.randomness import random_hex
from services.readiness.refusals import Refusal, named_problems, parse_body
from services.readiness.security import DECIDE_SCOPE, MODEL_SCOPE, RateLimit, TokenRefusedError, Tokens
from services.readiness.shadow import Recent, is_shadow

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

MAX_BODY_BYTES = 16 * 1024
"""Over ten times the largest valid body of a tabular service; a service may set its own."""

BODY_SECONDS = 2.0
"""Time to send a body of a few KiB, generously. A client that stops halfway would else hold its place."""

RETRY_AFTER_SECONDS = 2
REQUEST_ID_BYTES = 16

_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
logger = logging.getLogger("bentoml.service.http")


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """What the application serves.

    Args:
        decisions: Decides; None while the process starts.
        schema: Of a request's body.
        encode: From a request to the model's inputs.
        redact: From a request to what the log may hold.
        tokens: Who may ask.
        rate: How often.
        describe: Content of ``GET /model``.
        openapi: The description of the API, where it may be shown; None hides it.
        features: Finds what is known of a subject; None where requests bring everything.
    """

    decisions: Callable[[], Decisions | None]
    schema: type[BaseModel]
    encode: Callable[[Any], list[float]]
    redact: Callable[[Any], dict[str, Any]]
    tokens: Tokens
    rate: RateLimit
    describe: Callable[[], dict[str, Any] | None]
    openapi: dict[str, Any] | None = None
    features: FeatureLookup | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    most_in_progress: int = MOST_IN_PROGRESS


class Api:
    """ASGI application for version 1 of a service's API, below ``/v1``.

    Args:
        service: Name of the service, for the metrics.
        endpoints: Returns what to serve; asked once, with the first request, since an application is put
            together before the process knows its environment.
        prefix: What paths begin with.
    """

    def __init__(self, service: str, endpoints: Callable[[], Endpoints], *, prefix: str = "") -> None:
        """Keep them."""
        self.service, self._prefix = service, prefix
        self._make = endpoints
        self._made: Endpoints | None = None
        self._in_progress = 0
        self.recent = Recent()

    @property
    def endpoints(self) -> Endpoints:
        """Return what is served."""
        if self._made is None:
            self._made = self._make()
            tally.show(metrics.child(metrics.IN_PROGRESS, self.service), lambda: self._in_progress)
        return self._made

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        # An id from outside goes into logs, so only a plain one is taken over.
        request = given if _REQUEST_ID.fullmatch(given) else random_hex(REQUEST_ID_BYTES)
        self._in_progress += 1
        started = time.perf_counter()
        shadow = is_shadow(headers)
        try:
            status, content, extra = await self._route(scope, headers, receive, request)
        except Refusal as refusal:
            status, content, extra = self._refused(refusal, request)
        except UnavailableError as error:
            if not shadow:
                metrics.UNAVAILABLE.labels(self.service, error.trouble).inc()
            status, content, extra = self._refused(_unavailable(error), request)
        except Exception as error:  # noqa: BLE001 - the last resort; a traceback could show what was sent
            if not shadow:
                metrics.UNDESIGNED.labels(self.service).inc()
            place = _place(error)
            logger.error("Undesigned error in request %s: %s at %s", request, type(error).__name__, place)  # noqa: TRY400
            status, content, extra = 500, _body("This is a defect of the service.", "defect", request), {}
        finally:
            self._in_progress -= 1
        took = time.perf_counter() - started
        self.recent.add(request=request, shadow=shadow, status=status, content=content, seconds=took)
        if shadow:
            tally.count(metrics.child(metrics.SHADOW_REQUESTS, self.service, str(status)))
        else:
            tally.count(metrics.child(metrics.REQUESTS, self.service, str(status)))
            tally.saw(metrics.child(metrics.REQUEST_SECONDS, self.service), took)
        body = to_json(content)
        lines = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request.encode()),
            (b"cache-control", b"no-store"),
            *((name.encode(), value.encode()) for name, value in extra.items()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    async def _route(
        self, scope: "Scope", headers: dict[bytes, bytes], receive: "Receive", request: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        path = scope["path"].removeprefix(self._prefix)
        allowed = {"/decisions": "POST", "/model": "GET"}
        if self.endpoints.features is not None:
            allowed["/decisions/known"] = "POST"
        if self.endpoints.openapi is not None:
            allowed["/openapi.json"] = "GET"
        method = allowed.get(path)
        if method is None:
            raise Refusal(404, "not_found", "There is nothing at this path.")
        if scope["method"] != method:
            raise Refusal(405, "method", f"Use {method} here.", headers={"allow": method})
        if path == "/openapi.json":
            assert self.endpoints.openapi is not None
            return 200, self.endpoints.openapi, {}
        if path == "/model":
            self._authorise(headers, MODEL_SCOPE)
            described = self.endpoints.describe()
            if described is None:
                raise UnavailableError("model_unavailable")
            return 200, described, {}
        if path == "/decisions/known":
            return 200, await self._decide_known(headers, receive, request), {}
        return 200, await self._decide(headers, receive, request), {}

    async def _decide(self, headers: dict[bytes, bytes], receive: "Receive", request: str) -> dict[str, Any]:
        ends = self.endpoints
        caller, asked, decisions = await self._asked(headers, receive, ends.schema)
        return await decisions.decide(
            ends.encode(asked),
            ends.redact(asked),
            caller=caller,
            request=request,
            shadow=is_shadow(headers),
        )

    async def _decide_known(
        self, headers: dict[bytes, bytes], receive: "Receive", request: str
    ) -> dict[str, Any]:
        """Decide on somebody whose features lie in the store."""
        ends = self.endpoints
        assert ends.features is not None
        caller, asked, decisions = await self._asked(headers, receive, Subject)
        given: dict[str, Any] = {"subject": asked.subject}
        try:
            found = await ends.features.find(asked.subject)
        except UnknownSubjectError:
            raise Refusal(404, "unknown_subject", "The feature store knows nobody of this name.") from None
        except FeaturesAwayError:
            return await decisions.decide_without(
                "features_unavailable", given, caller=caller, request=request, shadow=is_shadow(headers)
            )
        given |= ends.redact(found)
        return await decisions.decide(
            ends.encode(found), given, caller=caller, request=request, shadow=is_shadow(headers)
        )

    async def _asked(
        self, headers: dict[bytes, bytes], receive: "Receive", schema: type[BaseModel]
    ) -> tuple[str, Any, Decisions]:
        """Return who asks, what, and who decides."""
        if self._in_progress > self.endpoints.most_in_progress:
            raise UnavailableError("overloaded")
        caller = self._authorise(headers, DECIDE_SCOPE)
        self._check_headers(headers)
        asked = parse_body(schema, await self._read(receive))
        decisions = self.endpoints.decisions()
        if decisions is None:
            raise UnavailableError("model_unavailable")
        return caller, asked, decisions

    def _authorise(self, headers: dict[bytes, bytes], scope: str) -> str:
        try:
            caller = self.endpoints.tokens.check(headers.get(b"authorization", b""), scope)
        except TokenRefusedError as error:
            challenge = {"www-authenticate": "Bearer"} if error.status == 401 else {}  # noqa: PLR2004 - HTTP
            raise Refusal(error.status, error.reason, error.message, headers=challenge) from None
        wait = self.endpoints.rate.take(caller.subject)
        if wait:
            raise Refusal(
                429,
                "rate",
                "You send more requests than you may; wait as long as Retry-After says.",
                headers={"retry-after": str(max(1, round(wait)))},
            )
        return caller.subject

    def _check_headers(self, headers: dict[bytes, bytes]) -> None:
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
            raise Refusal(415, "content_type", "Send JSON, with the header Content-Type: application/json.")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.endpoints.max_body_bytes:
            raise self._too_large()

    async def _read(self, receive: "Receive") -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read_all(receive)
        except TimeoutError:
            text = f"The body did not arrive within {BODY_SECONDS:g} seconds."
            raise Refusal(408, "body_too_slow", text, headers={"connection": "close"}) from None

    async def _read_all(self, receive: "Receive") -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message: Message = await receive()
            if message["type"] != "http.request":
                # Nobody reads this answer, but the place is taken until one is given.
                raise Refusal(400, "client_gone", "The connection ended before the body did.")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.endpoints.max_body_bytes:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)

    def _too_large(self) -> Refusal:
        # The rest of the body is not read, so the connection cannot carry another request.
        text = f"The body is larger than {self.endpoints.max_body_bytes} bytes."
        return Refusal(413, "body_too_large", text, headers={"connection": "close"})

    def _refused(self, refusal: Refusal, request: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        metrics.REJECTED.labels(self.service, refusal.reason).inc()
        named = named_problems(self.endpoints.schema, refusal.problems)
        logger.info("Refused request %s: %d %s %s", request, refusal.status, refusal.reason, named)
        content = _body(refusal.message, refusal.reason, request)
        if refusal.problems:
            content["problems"] = [{"field": p["field"], "problem": p["problem"]} for p in refusal.problems]
        return refusal.status, content, refusal.headers


def _body(message: str, reason: str, request: str) -> dict[str, Any]:
    return {"error": message, "reason": reason, "request_id": request}


def _unavailable(error: UnavailableError) -> Refusal:
    text = f"No decision can be given now ({error.detail.replace('_', ' ')}); nothing was decided."
    return Refusal(503, "unavailable", text, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


def _place(error: Exception) -> str:
    """Return where an error was raised: file and line, no values."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
