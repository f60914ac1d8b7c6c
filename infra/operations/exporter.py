"""Rounds of readings, and the page that shows the latest."""

import http.client
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from infra.operations.samples import Sample, exposition

logger = logging.getLogger(__name__)

Reading = Callable[[], Iterable[Sample]]
Ask = Callable[[str, str], tuple[int, str]]
GATES = "/gates/"
GATE_BYTES = 1 << 16
"""Largest question: Flagger's has under one KiB."""


class Exporter:
    """Keeps the latest samples of each reading; a reading that fails is told as such, and keeps none.

    Args:
        readings: Name to what is read.
    """

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        """Keep what is read."""
        self._readings = dict(readings)
        self._text = ""
        self._said: dict[str, str] = {}
        self._times: dict[str, float] = {}

    @property
    def text(self) -> str:
        """Return the page; empty before the first round."""
        return self._text

    def look(self) -> None:
        """Make one round. Old values are not kept: an alert on them would be about another day."""
        samples: list[Sample] = []
        for name, reading in self._readings.items():
            labels = {"reading": name}
            try:
                found = list(reading())
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one must not hide the others
                if self._said.get(name) != (said := f"{type(error).__name__}: {error}"):
                    logger.warning("%s cannot be read: %s", name, said)
                self._said[name] = said
                samples.append(Sample(name="plinth_operations_read_ok", value=0, labels=labels))
            else:
                self._said.pop(name, None)
                self._times[name] = time.time()
                samples += [*found, Sample(name="plinth_operations_read_ok", value=1, labels=labels)]
            if name in self._times:
                samples.append(
                    Sample(
                        name="plinth_operations_read_timestamp_seconds",
                        value=self._times[name],
                        labels=labels,
                    )
                )
        self._text = exposition(samples)


def serve(exporter: Exporter, host: str, port: int, ask: Ask, live: Reading) -> ThreadingHTTPServer:
    """Serve ``/metrics``, ``/livez`` and the gates of releases in a thread.

    Args:
        exporter: Whose latest readings are shown.
        host: Where to listen.
        port: Of the page.
        ask: Asks a gate about a service; returns the status and the reason.
        live: Samples that are read anew for each scrape, since releases wait for them.
    """

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._send(http.client.OK, exporter.text + exposition(live()))
            elif path == "/livez":
                self._send(http.client.OK, "ok\n")
            else:
                self._send(http.client.NOT_FOUND, "not found\n")

        def do_POST(self) -> None:
            gate = self.path.removeprefix(GATES)
            length = int(self.headers.get("content-length") or 0)
            if gate == self.path or length > GATE_BYTES:
                self._send(http.client.NOT_FOUND, "not found\n")
                return
            try:
                service = str(json.loads(self.rfile.read(length))["name"])
                status, reason = ask(gate, service)
            except Exception as error:  # noqa: BLE001 - who cannot find out says no
                status, reason = http.client.FORBIDDEN, f"the gate cannot tell: {type(error).__name__}"
            logger.info("gate %s: %d %s", gate, status, reason)
            self._send(status, reason)

        def _send(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of each scrape."""

    server = ThreadingHTTPServer((host, port), Page)
    threading.Thread(target=server.serve_forever, name="page", daemon=True).start()
    return server
