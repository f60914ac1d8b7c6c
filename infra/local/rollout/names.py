"""Stands for the cluster's DNS: a proxy that knows a few Services by name and leads to nothing else."""

import http.client
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ANSWER_SECONDS = 15.0
"""Longest wait for an answer: Flagger itself gives up after ten."""
BODY_BYTES = 1 << 20
"""Largest request that is passed on: a webhook of Flagger has under one KiB."""
_KEPT = ("content-type", "accept", "authorization")


def target(url: str, places: Mapping[str, int]) -> tuple[int, str] | None:
    """Return the loopback port and the path that a URL inside the cluster stands for; None for any other.

    Args:
        url: As a program in the cluster would ask for, such as ``http://prometheus.monitoring:9090/-/ready``.
        places: ``<service>.<namespace>`` to the port of the process that stands for its pods.
    """
    asked = urlsplit(url)
    name = (asked.hostname or "").removesuffix(".cluster.local").removesuffix(".svc")
    port = places.get(name)
    if asked.scheme != "http" or port is None:
        return None
    return port, (asked.path or "/") + (f"?{asked.query}" if asked.query else "")


def serve(port: int, places: Mapping[str, int]) -> ThreadingHTTPServer:
    """Serve as an HTTP proxy on loopback, in a thread.

    Args:
        port: Where to listen.
        places: See :func:`target`.
    """

    class Names(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass_on("GET")

        def do_POST(self) -> None:
            self._pass_on("POST")

        def _pass_on(self, method: str) -> None:
            found = target(self.path, places)
            length = int(self.headers.get("content-length") or 0)
            if found is None or length > BODY_BYTES:
                self.send_error(http.client.BAD_GATEWAY, "no such Service on this laptop")
                return
            body = self.rfile.read(length) if length else None
            headers = {name: self.headers[name] for name in _KEPT if self.headers.get(name)}
            connection = http.client.HTTPConnection("127.0.0.1", found[0], timeout=ANSWER_SECONDS)
            try:
                connection.request(method, found[1], body, headers)
                answer = connection.getresponse()
                status, kind, text = answer.status, answer.getheader("content-type", ""), answer.read()
            except (OSError, http.client.HTTPException):
                self.send_error(http.client.BAD_GATEWAY, "the process behind this Service does not answer")
                return
            finally:
                connection.close()
            self.send_response(status)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Names)
    threading.Thread(target=server.serve_forever, name="names", daemon=True).start()
    return server
