"""The front of the AWS API: an HTTP proxy that ends TLS itself and lets nothing through.

It answers for AWS hosts and refuses everything else; it never resolves a name and never connects
anywhere (see :mod:`infra.local.aws_api.fence`), so there is no way around it to the real AWS.
"""

import contextlib
import json
import re
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter, OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from infra.local.aws_api import HEALTH_PATH, actions, faults, rpc_cbor
from infra.local.aws_api.emulator import (
    Answer,
    Emulator,
    LostJournalError,
    access_line,
    end_process,
    refusal,
    say,
)
from infra.local.aws_api.faults import FAULTS_PATH, Faults, Plan
from infra.local.certs import Authority, key_pem, pem

IDLE_SECONDS = 60
"""A connection on which nothing is asked for this long is closed: longer than the pauses of the AWS
clients between two requests (seconds), short enough that forgotten ones do not pile up."""
MAX_BODY = 256 << 20
"""Bytes of the largest request body. moto keeps objects in memory; 256 MiB is far above a model of this
blueprint and far below a laptop's memory."""
MAX_CONTEXTS = 512
"""Host names whose certificates are kept in memory; each costs about 50 KB."""
MAX_REFUSED = 50
"""Names of refused hosts that are counted apart; whoever asks for more is no library that reports home."""


class Contexts:
    """TLS contexts by host name, signed when a name is first asked for."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._known: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, host: str) -> ssl.SSLContext:
        """Return the context that shows a certificate for exactly ``host``."""
        with self._lock:
            if host not in self._known:
                self._known[host] = self._make(host)
            self._known.move_to_end(host)
            while len(self._known) > MAX_CONTEXTS:
                self._known.popitem(last=False)
            return self._known[host]

    def _make(self, host: str) -> ssl.SSLContext:
        certificate = self._authority.sign(host, self._key, hosts=(host,), client=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # `ssl` loads from files only; this one is gone as soon as it was read.
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(key_pem(self._key) + pem(certificate))
            file.flush()
            context.load_cert_chain(file.name)
        return context


class Proxy(ThreadingHTTPServer):
    """The listening server.

    Args:
        port: On 127.0.0.1, nowhere else.
        emulator: Answers the requests.
        authority: Signs the certificates of the AWS hosts.
        instance: Identity of this clone's AWS API, told by the health answer.
    """

    daemon_threads = True
    request_queue_size = 128  # a provider opens dozens of connections at once; the default of 5 drops them

    def __init__(self, port: int, emulator: Emulator, authority: Authority, instance: str) -> None:
        self.emulator = emulator
        self.contexts = Contexts(authority)
        self.instance = instance
        self.faults = Faults()
        self._refused: Counter[str] = Counter()
        self._refusing = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the base class: no name is ever resolved here."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what a handler died of in one line; a client that just went away is everyday."""
        del request, client_address
        error = sys.exception()
        if not isinstance(error, ConnectionError | ssl.SSLEOFError | TimeoutError):
            say(f"a connection ended with {type(error).__name__}: {error}")

    def health(self) -> dict[str, Any]:
        """Return the health document."""
        return {
            "service": "plinth-aws-api",
            "instance": self.instance,
            "journal": self.emulator.statistics(),
            "refused_hosts": self.refused_hosts(),
        }

    def refuse(self, host: str) -> None:
        """Count a request for a host outside AWS."""
        with self._refusing:
            if host not in self._refused and len(self._refused) >= MAX_REFUSED:
                host = "others"
            self._refused[host] += 1

    def refused_hosts(self) -> dict[str, int]:
        """Return how often each host outside AWS was asked for since the start."""
        with self._refusing:
            return dict(self._refused.most_common())


class Handler(BaseHTTPRequestHandler):
    """One client connection: plain requests, or CONNECT and then requests inside TLS."""

    server: Proxy
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # head and body are two writes; waiting between them costs 40 ms
    _tunnel: str | None = None

    def log_message(self, *_: Any) -> None:
        """Leave the log to :func:`access_line`, which names the key and hides the query."""

    def do_CONNECT(self) -> None:
        """End the client's TLS here, when it asks for an AWS host on port 443."""
        host, _, port = self.path.rpartition(":")
        if not actions.is_aws_host(host) or port != "443":
            self._refuse_host(self.path)
            return
        self.send_response_only(200, "Connection established")
        self.end_headers()
        try:
            context = self.server.contexts.get(host.lower().rstrip("."))
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:  # the client did not like the certificate, or went away
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = self.connection.makefile("wb", 0)
        self._tunnel = host.lower().rstrip(".")
        self.close_connection = False

    def _serve(self) -> None:
        try:
            target = urlsplit(self.path)
            named = (self._tunnel or target.hostname or "").lower()
        except ValueError:
            self._refuse_host(self.path)
            return
        if self._tunnel is None and not target.netloc:
            self._own_pages()
            return
        said = (self.headers.get("Host") or named).rsplit(":", 1)[0].lower()
        if self._tunnel is None and target.scheme != "http":
            named = ""
        # The tunnel's name and the Host header may differ; neither may lead outside AWS.
        if not actions.is_aws_host(named) or not actions.is_aws_host(said):
            self._refuse_host(said or self.path)
            return
        body = self._body()
        if body is None:
            return
        host = f"{'https' if self._tunnel else 'http'}://{said}"
        path = self.path
        if target.netloc:
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        self._answer(host, path, dict(self.headers.items()), body)

    def _answer(self, host: str, path: str, headers: dict[str, str], body: bytes) -> None:
        """Answer a request that goes to AWS, on whatever day it is."""
        fault = self._bad_day(host, path, headers, body)
        if fault is None:
            return
        try:
            answer = self.server.emulator.handle(self.command, host, path, headers, body)
        except LostJournalError as error:
            self.close_connection = True
            self._send(Answer(507, {}, f"the change could not be written down: {error}".encode()))
            end_process(f"cannot write the journal, restarting from what it holds: {error}")
            return
        access_line(self.command, host, path, headers, body, status=answer.status)
        if fault == "lost":
            self._break()
            return
        try:
            self._send(answer)
        except OSError as error:
            # The client asks again what was already done, and is answered as before: worth a line.
            say(f"the answer to {self.command} {host} was not taken: {type(error).__name__}: {error}")
            raise

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _bad_day(self, host: str, path: str, headers: dict[str, str], body: bytes) -> str | None:
        """Let a request meet what was switched on; return None when it ended here, else ``lost`` or ""."""
        lower = {name.lower(): value for name, value in headers.items()}
        what = f"{self.command} {host} {actions.action(path, lower, body) or path} {zlib.crc32(body)}"
        delay, kind, silence = self.server.faults.meet(host, what)
        if delay:
            time.sleep(delay)
        if kind in {None, "lost"}:
            return kind or ""
        access_line(self.command, host, path, headers, body, status=0)
        if kind in {"throttle", "error"}:
            status, code = faults.answer(kind, host)
            said = refusal(status, code, "switched on by a drill", host)
            if faults.is_s3(host):  # it alone has no envelope around its errors
                said = Answer(status, {"Content-Type": "application/xml"}, faults.s3_body(code))
            if rpc_cbor.is_spoken(lower, path):
                said = Answer(status, *rpc_cbor.as_cbor(path, status, said.body))
            self._send(said)
            return None
        if kind == "timeout":
            time.sleep(silence)
        self._break()
        return None

    def _break(self) -> None:
        """End the connection without an answer, with a reset and not in order."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _set_faults(self) -> None:
        try:
            given = json.loads(self._body() or b"{}") if self.command == "PUT" else None
            self.server.faults.set(None if given is None else Plan(**given))
            status, document = 200, self.server.faults.report()
        except (ValueError, TypeError, re.error) as error:
            status, document = 400, {"error": str(error)}
        self._send(Answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode()))

    def _own_pages(self) -> None:
        if self.path == FAULTS_PATH and self.command in {"GET", "PUT", "DELETE"}:
            if self.command == "GET":
                body = json.dumps(self.server.faults.report()).encode()
                self._send(Answer(200, {"Content-Type": "application/json"}, body))
            else:
                self._set_faults()
            return
        if self.command == "GET" and self.path == HEALTH_PATH:
            body = json.dumps(self.server.health()).encode()
            self._send(Answer(200, {"Content-Type": "application/json"}, body))
            return
        self.close_connection = True
        text = "This is the local AWS API of Plinth; use it as a proxy (./plinth env shows how).\n"
        self._send(Answer(404, {"Content-Type": "text/plain"}, text.encode()))

    def _refuse_host(self, host: str) -> None:
        self.close_connection = True
        self.server.refuse(host[:100])
        access_line(self.command, host, "/", {}, b"", status=403)
        text = (
            f"Refused: {host[:200]!r} is not an AWS API host. A local run of Plinth reaches nothing else.\n"
        )
        self._send(Answer(403, {"Content-Type": "text/plain"}, text.encode()))

    def _body(self) -> bytes | None:
        """Return the whole body; None when it was refused (and answered)."""
        try:
            if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
                return self._chunks()
            size = int(self.headers.get("Content-Length") or 0)
            if 0 <= size <= MAX_BODY:
                return self.rfile.read(size)
        except ValueError:
            size = -1
        self.close_connection = True
        text = f"body of {size} bytes refused, the limit is {MAX_BODY}" if size > 0 else "malformed body"
        self._send(Answer(413 if size > 0 else 400, {"Content-Type": "text/plain"}, text.encode()))
        return None

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while size := int(self.rfile.readline(1 << 10).split(b";", 1)[0], 16):
            total += size
            if size < 0 or total > MAX_BODY:
                raise ValueError
            parts.append(self.rfile.read(size))
            self.rfile.readline(1 << 10)
        while self.rfile.readline(1 << 16) not in {b"\r\n", b"\n", b""}:
            pass  # trailers: checksums that moto does not need
        return b"".join(parts)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        names = {name.lower() for name in answer.headers}
        bodiless = self.command == "HEAD" or answer.status in {204, 304}
        for name, value in answer.headers.items():
            if name.lower() in {"connection", "transfer-encoding"} or "\n" in value or "\r" in value:
                continue
            if name.lower() == "content-length" and not bodiless:
                continue
            self.send_header(name, value)
        if not bodiless or (answer.status not in {204, 304} and "content-length" not in names):
            self.send_header("Content-Length", str(len(answer.body)))
        if "date" not in names:
            self.send_header("Date", self.date_time_string())
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bodiless:
            self.wfile.write(answer.body)


def authority_in(folder: Path) -> Authority:
    """Return this clone's authority for AWS hosts: its own key, and limited to those domains.

    moto ships an authority whose key everybody knows; trusting that one would let anybody on the path
    read the traffic of whoever trusts it.
    """
    return Authority(folder, "aws-ca", domains=actions.AWS_DOMAINS)
