"""What moto is handed for a request, made directly where nothing in the request needs quoting.

moto builds each request with werkzeug's test tools, which quote, split and join for whatever a test may say;
that is a quarter of what a small request costs. Most requests have a plain path and plain headers. For those
the same environment is written down here, and a test compares the two; all others go moto's way.
"""

import re
import sys
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    Request,
    environ_key_for_header,
    should_preserve_original_header_name,
)

_HOST = re.compile(r"(https?)://([a-z0-9._-]+)")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")
_QUERY = re.compile(r"[A-Za-z0-9._~=&%+-]*")
_NAME = re.compile(r"[A-Za-z0-9-]+|x-amz-meta-[A-Za-z0-9_-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_PORTS = {"http": "80", "https": "443"}


def make(method: str, host: str, path: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Return the request as moto's handlers take it.

    Args:
        method: HTTP method, upper case.
        host: Scheme and host.
        path: Path and query.
        headers: Names as sent.
        body: Whole.
    """
    environ = plain(method, host, path, headers, body)
    if environ is None:
        return Request.from_primitives(method, host + path, headers, body)
    request = Request(environ)
    names = [name for name in headers if should_preserve_original_header_name(name)]
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {environ_key_for_header(name): name for name in names}
    environ.setdefault("CONTENT_LENGTH", "0")
    return request


def plain(
    method: str, host: str, path: str, headers: Mapping[str, str], body: bytes
) -> dict[str, Any] | None:
    """Return the WSGI environment of a plain request; None when something in it needs more care."""
    place, _, query = path.partition("?")
    there = _HOST.fullmatch(host)
    if there is None or not place or not _PATH.fullmatch(place) or not _QUERY.fullmatch(query):
        return None
    scheme, name = there.groups()
    if not all(_NAME.fullmatch(header) and _VALUE.fullmatch(value) for header, value in headers.items()):
        return None
    others = {environ_key_for_header(header): value for header, value in headers.items()}
    if len(others) < len(headers):  # two of one name, which WSGI joins
        return None
    others.pop("HTTP_TRANSFER_ENCODING", None)
    others.pop("CONTENT_LENGTH", None)
    kind = others.pop("CONTENT_TYPE", None)
    if kind is not None and not body:  # werkzeug encodes an empty form for some kinds
        return None
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": place,
        "QUERY_STRING": query,
        "REQUEST_URI": place,
        "RAW_URI": place,
        "SERVER_NAME": name,
        "SERVER_PORT": _PORTS[scheme],
        "HTTP_HOST": name,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if kind is not None:
        environ["CONTENT_TYPE"] = kind
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ | others
