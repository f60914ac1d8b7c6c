"""Asks a deployed service for a decision, through the gateway, as any client would."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx

from infra.errors import Exit, PlinthError
from infra.local.paths import repo_root
from infra.ops import callers, status

TIMEOUT_SECONDS = 15
"""The gateway gives up after ten; a client waits a little longer to hear it say so."""


def predict(stack: str, service: str, source: str | None, *, subject: str | None = None) -> dict[str, Any]:
    """Send one request and return the answer.

    Args:
        stack: Name of the stack.
        service: Name of the service.
        source: File with the request as JSON, ``-`` for standard input, None for the service's example.
        subject: Somebody whose features are in the online store, in place of a request with all of them.

    Raises:
        PlinthError: Nothing is deployed, the request is no JSON, or the service refused it.
    """
    if source is not None and subject is not None:
        raise PlinthError(
            f"Two requests at once: --input {source} and --subject {subject}.",
            fix="Give one of them.",
            code=Exit.USAGE,
        )
    found = status.collect(stack)
    deployed = {s.name: s for s in found.services}
    if service not in deployed:
        raise PlinthError(
            f"Service '{service}' is not deployed in stack '{stack}'.",
            where=", ".join(found.problems) or f"deployed: {', '.join(sorted(deployed)) or 'nothing'}",
            fix="./plinth up",
        )
    body = _body(service, source) if subject is None else {"subject": subject}
    path = "/v1/decisions" if subject is None else "/v1/decisions/known"
    gateway = found.endpoints["gateway"]
    hostname = deployed[service].host
    try:
        # Proxies of the caller's environment have no business between loopback and loopback.
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            answer = client.post(
                f"{gateway}{path}",
                json=body,
                # A token of this clone's issuer is worth something on local stacks only.
                headers=callers.headers(service, hostname, subject="plinth-predict"),
            )
    except httpx.HTTPError as error:
        raise PlinthError(
            f"The gateway does not answer: {error}.", where=gateway, fix="./plinth status"
        ) from None
    if answer.status_code != httpx.codes.OK:
        raise PlinthError(
            f"Service '{service}' answered {answer.status_code}: {answer.text.strip()[:2000]}",
            where=f"{gateway}{path}, host {hostname}",
            fix="Correct the fields that are named, or './plinth logs " + service + "' when none is."
            if subject is None
            else f"./plinth data publish {service} --store aws writes the subjects that are known.",
        )
    decision = answer.json()
    assert isinstance(decision, dict)
    return decision


def _body(service: str, source: str | None) -> Any:
    path = repo_root() / "services" / service.replace("-", "_") / "example.json" if source is None else None
    where = str(path or source)
    try:
        if path is None:
            text = sys.stdin.read() if source == "-" else Path(str(source)).read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise PlinthError(
            f"The request cannot be read: {error.strerror}.",
            where=where,
            fix="Name a JSON file, or '-' for standard input.",
        ) from None
    except ValueError as error:
        raise PlinthError(
            f"The request is not valid JSON: {error}.",
            where=where,
            fix=f"Compare it with services/{service.replace('-', '_')}/example.json.",
        ) from None
