"""A small client of the Kubernetes REST API: JSON in, JSON out, certificates from a kubeconfig.

The generated client brings thousands of classes and threads of its own; the runner and the gateway
need five verbs on a dozen paths, in one event loop.
"""

import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from infra.errors import PlatformError

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
"""Merges lists by key, so that conditions which others wrote stay."""

REQUEST_TIMEOUT_SECONDS = 10.0
"""Many times what a loopback API server takes; longer means that it hangs."""

WATCH_SECONDS = 240
"""How long the server keeps one watch open; below the usual 5 minutes of idle time-outs."""


class ApiError(Exception):
    """The API server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status and the server's own message."""
        super().__init__(f"{status}: {message}")
        self.status = status


FAILURES = (httpx.HTTPError, ApiError)
"""What a call may raise while the API server is away, starting or refusing."""


class Api:
    """The API server of one kubeconfig.

    Raises:
        PlatformError: The kubeconfig cannot be read.
    """

    def __init__(self, kubeconfig: Path) -> None:
        """Read the kubeconfig; nothing is asked yet."""
        server, context, headers = _credentials(kubeconfig)
        # Proxies of the environment lead to the local AWS API and never to this server.
        self._client = httpx.AsyncClient(
            base_url=server, verify=context, headers=headers, timeout=REQUEST_TIMEOUT_SECONDS, trust_env=False
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def get(self, path: str, **params: str) -> Json:
        """Return the object or list at ``path``.

        Raises:
            ApiError: The server refused; ``status`` 404 when there is none.
            httpx.HTTPError: The server cannot be reached.
        """
        return _answer(await self._client.get(path, params=params))

    async def create(self, path: str, body: Mapping[str, Any]) -> Json:
        """Create an object; raises as :meth:`get` does, 409 when it exists."""
        return _answer(await self._client.post(path, json=body))

    async def patch(self, path: str, body: Mapping[str, Any], *, kind: str = MERGE) -> Json:
        """Change an object; raises as :meth:`get` does."""
        return _answer(
            await self._client.patch(path, content=json.dumps(body), headers={"content-type": kind})
        )

    async def delete_now(self, path: str, *, uid: str) -> None:
        """Remove an object without grace, provided that it is still the one with ``uid``."""
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        _answer(await self._client.request("DELETE", path, json=body))

    async def watch(self, path: str, **params: str) -> AsyncIterator[Json]:
        """Yield watch events until the server ends the stream; raises as :meth:`get` does."""
        query = {**params, "watch": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        timeout = httpx.Timeout(REQUEST_TIMEOUT_SECONDS, read=WATCH_SECONDS + REQUEST_TIMEOUT_SECONDS)
        async with self._client.stream("GET", path, params=query, timeout=timeout) as response:
            if response.is_error:
                await response.aread()
                _answer(response)
            async for line in response.aiter_lines():
                if line:
                    yield json.loads(line)


def _answer(response: httpx.Response) -> Json:
    if response.is_error:
        try:
            message = response.json()["message"]
        except (ValueError, KeyError, TypeError):
            message = response.reason_phrase
        raise ApiError(response.status_code, str(message))
    body: Json = response.json()
    return body


def _credentials(path: Path) -> tuple[str, ssl.SSLContext, dict[str, str]]:
    """Return the server's address, the TLS context and the headers of the current context."""
    try:
        config = yaml.safe_load(path.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        tls = ssl.create_default_context()
        if authority := _content(cluster, "certificate-authority", path.parent):
            tls = ssl.create_default_context(cadata=authority.decode())
        certificate, key = (
            _content(user, name, path.parent) for name in ("client-certificate", "client-key")
        )
        if certificate and key:
            _load_pair(tls, certificate, key)
        headers = {"authorization": f"Bearer {user['token']}"} if user.get("token") else {}
        return str(cluster["server"]), tls, headers
    except (OSError, KeyError, TypeError, ValueError, ssl.SSLError, yaml.YAMLError, StopIteration) as error:
        raise PlatformError(
            f"the kubeconfig cannot be used: {type(error).__name__}: {error}",
            where=str(path),
            fix="./plinth up writes it anew",
        ) from error


def _named(entries: list[Json], name: str) -> Json:
    return next(entry for entry in entries if entry["name"] == name)


def _content(section: Json, name: str, base: Path) -> bytes | None:
    if data := section.get(f"{name}-data"):
        return base64.b64decode(data)
    if file := section.get(name):
        return (base / str(file)).read_bytes()
    return None


def _load_pair(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a client certificate; the ssl module takes files only, so one exists for a moment (mode 0600)."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        tls.load_cert_chain(file.name)
