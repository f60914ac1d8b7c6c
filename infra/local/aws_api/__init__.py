"""The AWS API of one clone: moto behind an intercepting proxy, with a memory that survives.

The proxy stands where the internet would be: a client that sets ``HTTPS_PROXY`` and trusts this
clone's own authority reaches ``*.amazonaws.com`` here and nothing else anywhere. moto keeps its
state in memory, so every request that may change it is written to a journal and replayed, with the
same clock and the same random numbers, when the process starts again.

This package's root stays light: clients import it for the names below; moto is imported only by
the process itself (``python -m infra.local.aws_api``).
"""

import json
import urllib.error
import urllib.request
from typing import Any

HEALTH_PATH = "/_plinth/health"
"""Answered on plain HTTP, never proxied: proves whose AWS API this is, and what its journal holds."""

PROBE_TIMEOUT = 2.0
"""Seconds for one health answer. A healthy process answers within milliseconds; it can be busy for a
second while moto imports a large service (ec2: 1.1 s measured)."""


def health(proxy_url: str, timeout: float = PROBE_TIMEOUT) -> dict[str, Any] | None:
    """Ask the process behind ``proxy_url`` who it is.

    Args:
        proxy_url: Such as ``http://127.0.0.1:4000``.
        timeout: Seconds to wait.

    Returns:
        The health document (``instance``, ``journal`` statistics, ``refused_hosts``: how often each host
        outside AWS was asked for), or None when nothing answers there or when what answers is not a
        Plinth AWS API.
    """
    # An opener without proxies: the environment of the caller may name one.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(proxy_url.rstrip("/") + HEALTH_PATH, timeout=timeout) as answer:
            document = json.loads(answer.read(1 << 16))
    except (OSError, ValueError, urllib.error.URLError):
        return None
    if not isinstance(document, dict) or document.get("service") != "plinth-aws-api":
        return None
    return document
