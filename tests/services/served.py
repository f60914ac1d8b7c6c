"""A packed service as it runs in a pod: `bentoml serve` of the bento on loopback, with tokens of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwk, jwt

from services.readiness.decision_log.reading import Reader

START_SECONDS = 60  # a start takes 2 to 7 s; this only bounds a hang
ISSUER = "https://issuer.example.com"
KEY = jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)


@dataclass(frozen=True, kw_only=True)
class Server:
    service: str
    client: httpx.Client
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def decide(self, body: Any, **headers: str) -> httpx.Response:
        return self.client.post("/v1/decisions", json=body, headers=headers)

    def reader(self) -> Reader:
        return Reader(self.service, store=None, spools=[self.folder / "decisions"])


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def token(*, service: str = "credit-risk", key: jwk.ECKey = KEY, **changed: Any) -> str:
    claims = {"iss": ISSUER, "aud": service, "sub": "test", "exp": int(time.time()) + 600}
    claims |= {"scope": "decisions:write model:read"} | changed
    return jwt.encode({"alg": "ES256", "kid": KEY.kid}, claims, key, algorithms=["ES256"])


def start(
    bento: Path, folder: Path, *, service: str = "credit-risk", extra: Mapping[str, str] | None = None
) -> Server:
    folder.mkdir(exist_ok=True)
    (folder / "keys.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    port = free_port()
    environment = {
        **os.environ,
        "BENTOML_HOME": str(folder / "home"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PLINTH_TOKEN_ISSUER": ISSUER,
        "PLINTH_TOKEN_KEYS_FILE": str(folder / "keys.json"),
        "PLINTH_DECISIONS_FOLDER": str(folder / "decisions"),
        **(extra or {}),
    }
    argv = [sys.executable, "-m", "bentoml", "serve", str(bento), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("ab") as file:
        process = subprocess.Popen(
            argv, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    # Nothing of the environment (a proxy) may come between the test and loopback.
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        timeout=20,
        trust_env=False,
        headers={"authorization": f"Bearer {token(service=service)}"},
    )
    return Server(service=service, client=client, folder=folder, process=process)


def wait_for(server: Server, path: str, status: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert server.process.poll() is None, server.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            if server.client.get(path).status_code == status:
                return
        time.sleep(0.1)
    pytest.fail(f"{path} did not become {status}:\n{server.log.read_text()}")


def stop(server: Server) -> None:
    server.client.close()
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(30)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait(10)


@contextlib.contextmanager
def serving(
    bento: Path, folder: Path, *, service: str, extra: Mapping[str, str] | None = None
) -> Iterator[Server]:
    server = start(bento, folder, service=service, extra=extra)
    try:
        wait_for(server, "/readyz", 200)
        yield server
    finally:
        stop(server)


def received(client: Any, queue: str) -> list[dict[str, Any]]:
    """Return everything in a queue."""
    found: list[dict[str, Any]] = []
    while got := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        found += [json.loads(message["Body"]) for message in got]
    return found
