"""The few operations that this blueprint needs of services, or of parts of services, that moto lacks.

Each keeps what it is given and gives it back, nothing more: an analyzer analyses nothing here. What that
leaves unproven stands in ``infra/local/unproven.py``. The state is rebuilt from the journal like moto's own.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from moto.moto_api._internal import mock_random

ACCOUNT = re.compile(r"^\d{12}$")
Reply = tuple[int, dict[str, str], str]
Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, as far as its meaning goes.

    Args:
        region: Region of the host, or ``us-east-1`` for a service of the whole account.
        account: Account for which it is made.
        groups: What the path's pattern captured.
        query: Query of the path, each key to its values.
        body: The document that was sent.
    """

    region: str
    account: str
    groups: tuple[str, ...]
    query: Mapping[str, list[str]]
    body: Document


class MissingError(Exception):
    """What was asked for is not there."""


class Kept:
    """What was created, by kind and key."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Document] = {}

    def put(self, kind: str, key: str, document: Document) -> Document:
        """Keep a document under a key."""
        self._entries[kind, key] = document
        return document

    def get(self, kind: str, key: str) -> Document:
        """Return what is kept.

        Raises:
            MissingError: Nothing is.
        """
        try:
            return self._entries[kind, key]
        except KeyError:
            raise MissingError(f"There is no {kind} {key}.") from None

    def drop(self, kind: str, key: str) -> Document:
        """Forget a document and return it.

        Raises:
            MissingError: There is none.
        """
        document = self.get(kind, key)
        del self._entries[kind, key]
        return document

    def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, in the order in which they came."""
        return [document for (of, _), document in self._entries.items() if of == kind]

    def has(self, kind: str, key: str) -> bool:
        """Tell whether something is kept under a key."""
        return (kind, key) in self._entries


# A handler that raises NotImplementedError leaves the request to moto, after it noted what moto would drop.
Handler = Callable[[Kept, Call], Document]


@dataclass(frozen=True, kw_only=True)
class Route:
    """Which requests a handler answers.

    Args:
        service: First label of the host.
        method: HTTP method of a REST operation; ``POST`` for one that is named by its target.
        match: Pattern of the whole path, or of the action.
        by_action: Whether ``match`` is compared with the action instead of the path.
        handler: What answers.
        missing: Error code when something is not there, as this service spells it.
    """

    service: str
    method: str
    match: str
    by_action: bool
    handler: Handler
    missing: str


_ROUTES: list[Route] = []


def rest(
    service: str, method: str, path: str, *, missing: str = "ResourceNotFoundException"
) -> Callable[[Handler], Handler]:
    """Register a handler for a REST operation."""

    def add(handler: Handler) -> Handler:
        _ROUTES.append(
            Route(
                service=service, method=method, match=path, by_action=False, handler=handler, missing=missing
            )
        )
        return handler

    return add


def action(service: str, name: str, *, missing: str = "NotFoundException") -> Callable[[Handler], Handler]:
    """Register a handler for an operation that its target header names."""

    def add(handler: Handler) -> Handler:
        _ROUTES.append(
            Route(
                service=service, method="POST", match=name, by_action=True, handler=handler, missing=missing
            )
        )
        return handler

    return add


def identifier(length: int = 32) -> str:
    """Return a new identifier; the same one when the journal is replayed."""
    return str(mock_random.get_random_hex(length=length))


class SmallServices:
    """The state of the operations above, for one life of the emulator."""

    def __init__(self) -> None:
        from infra.local.aws_api import (  # noqa: PLC0415 - they register their routes
            backup_handlers,
            cost_handlers,
            eks_handlers,
            eks_tags,
            quota_handlers,
            small_handlers,
        )

        del backup_handlers, cost_handlers, eks_handlers, eks_tags, quota_handlers, small_handlers

        self._kept: dict[tuple[str, str], Kept] = {}

    def answer(
        self, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Reply | None:
        """Answer a request that is one of these; None for all others, which moto answers.

        Args:
            method: HTTP method, upper case.
            host: Scheme and host.
            path: Path and query.
            headers: Lower-case names.
            body: Whole.
        """
        labels = urlsplit(host).netloc.split(":")[0].split(".")
        service = labels[0]
        candidates = [route for route in _ROUTES if route.service == service and route.method == method]
        if not candidates:
            return None
        place = urlsplit(path)
        target = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        for route in candidates:
            found = re.fullmatch(route.match, target if route.by_action else unquote(place.path))
            if found is None:
                continue
            region = labels[1] if len(labels) > 3 else "us-east-1"  # noqa: PLR2004 - service.region.aws.com
            call = Call(
                region=region,
                account=_account(headers),
                groups=found.groups(),
                query=parse_qs(place.query),
                body=json.loads(body) if body else {},
            )
            kept = self._kept.setdefault((service, region), Kept())
            try:
                document = route.handler(kept, call)
            except MissingError as error:
                return _reply(404 if not route.by_action else 400, {"message": str(error)}, route.missing)
            except NotImplementedError:
                continue  # this one is moto's after all
            return _reply(200, document)
        return None


def _account(headers: Mapping[str, str]) -> str:
    """Return the account of a request: a key that looks like an account id is one, as in moto."""
    found = re.search(r"Credential=([^/,\s]+)", headers.get("authorization", ""))
    key = found.group(1) if found else ""
    return key if ACCOUNT.match(key) else "123456789012"


def _reply(status: int, document: Document, code: str = "") -> Reply:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if code:
        headers["x-amzn-ErrorType"] = code
        document = {"__type": code, **document}
    return status, headers, json.dumps(document)
