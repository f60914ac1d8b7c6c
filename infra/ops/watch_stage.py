"""One real Prometheus on loopback that scrapes what it is given; with it, real services and synthetic series.

For figures and pictures that need no whole platform. Everything ends with the block.
"""

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from joserfc import jwk, jwt

from infra.errors import PlinthError
from infra.local import toolchain
from infra.ops.bench_serving import Server, serving, until_ready
from infra.ops.traffic import Destination
from services.lifecycle import pipeline
from services.lifecycle.packing import build

START_SECONDS = 60
ISSUER = "https://stage.plinth.invalid"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something to scrape.

    Args:
        address: Host and port on loopback.
        path: Of its metrics.
        labels: That its samples get.
    """

    address: str
    labels: Mapping[str, str]
    path: str = "/metrics"


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """The one that runs.

    Args:
        url: Where it answers.
        process: Its process.
    """

    url: str
    process: subprocess.Popen[bytes]

    def memory_bytes(self) -> int:
        """Return its resident memory."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def cpu_seconds(self) -> float:
        """Return its CPU time so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def value(self, expr: str) -> float:
        """Return the one value of an instant query; 0 when there is none."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expr}, trust_env=False, timeout=30)
        found = answer.json()["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0


@contextlib.contextmanager
def prometheus(
    folder: Path,
    targets: Sequence[Target],
    *,
    interval_seconds: float,
    rules: Mapping[str, str] | None = None,
) -> Iterator[Prometheus]:
    """Run Prometheus while the block runs.

    Args:
        folder: For its configuration and data; made.
        targets: What it scrapes.
        interval_seconds: Between two scrapes.
        rules: Rule files by name.

    Raises:
        PlinthError: It does not start.
    """
    program = toolchain.ensure(["monitoring"]).bin("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (rules or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    port, span = _free_port(), f"{round(interval_seconds * 1000)}ms"
    config: dict[str, Any] = {
        "global": {"scrape_interval": span, "scrape_timeout": span, "evaluation_interval": span},
        "rule_files": sorted(rules or {}),
        "scrape_configs": [
            {
                "job_name": f"target-{number}",
                "honor_labels": True,
                "metrics_path": target.path,
                "static_configs": [{"targets": [target.address], "labels": dict(target.labels)}],
            }
            for number, target in enumerate(targets)
        ],
    }
    (folder / "prometheus.json").write_text(json.dumps(config), encoding="utf-8")
    argv = [str(program), f"--config.file={folder / 'prometheus.json'}", "--log.level=warn"]
    argv += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        _until_ready(process, port, folder / "log")
        yield Prometheus(url=f"http://127.0.0.1:{port}", process=process)
    finally:
        _end(process)


@contextlib.contextmanager
def exposing(pages: Mapping[str, Callable[[], str]]) -> Iterator[str]:
    """Serve pages of metrics on loopback while the block runs; gives host and port.

    Args:
        pages: What each path answers, made anew each time.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = pages.get(self.path)
            content = page().encode() if page else b""
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def services(folder: Path, names: Sequence[str]) -> Iterator[list[Destination]]:
    """Run packed services, one process each, while the block runs; gives where they are asked.

    Args:
        folder: For their files; made.
        names: Which.

    Raises:
        PlinthError: One does not start.
    """
    with servers(folder, names) as started:
        yield [destination for _, destination in started]


@contextlib.contextmanager
def servers(folder: Path, names: Sequence[str]) -> Iterator[list[tuple[Server, Destination]]]:
    """Run packed services as :func:`services` does; gives their processes as well."""
    key = jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    keys = json.dumps({"keys": [key.as_dict(private=False)]})
    with contextlib.ExitStack() as stack:
        started = []
        for name in names:
            packable = pipeline.of(name).packable
            own = folder / name
            own.mkdir(parents=True)
            (own / "keys.json").write_text(keys, encoding="utf-8")
            extra = {
                "PLINTH_TOKEN_ISSUER": ISSUER,
                "PLINTH_TOKEN_KEYS_FILE": str(own / "keys.json"),
                "PLINTH_DECISIONS_FOLDER": str(own / "decisions"),
                "PLINTH_CALLER_RATE": "1000000",  # here, all requests are one caller's
            }
            command = [sys.executable, "-m", "bentoml", "serve", str(build(packable, own / "package"))]
            token = _token(key, name)
            server = stack.enter_context(serving(name, command, own, extra, token, module=packable.module))
            started.append((server, own, token))
        for server, own, _ in started:
            until_ready(server, own)
        yield [
            (
                server,
                Destination(
                    service=server.name,
                    url=f"http://127.0.0.1:{server.port}/v1/decisions",
                    headers={"authorization": f"Bearer {token}"},
                ),
            )
            for server, _, token in started
        ]


def _token(key: jwk.ECKey, service: str) -> str:
    claims = {"iss": ISSUER, "aud": service, "sub": "stage", "exp": int(time.time()) + 7200}
    claims["scope"] = "decisions:write"
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"http://127.0.0.1:{port}/-/ready").status_code == httpx.codes.OK:
                    return
            time.sleep(0.1)
    raise PlinthError(
        "Prometheus does not start.", where=log.read_text(encoding="utf-8", errors="replace")[-1000:]
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
