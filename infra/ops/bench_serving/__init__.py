"""Compares a service with all of its guards with two bare servers of the same model, in one run.

All three run as processes on loopback, one worker each; only one is asked at a time, in turns, so that what
else the machine does falls on all of them. Figures to compare are ratios: CPU time for a request, and
requests a second against another server in the same minute.
"""

import contextlib
import json
import os
import resource
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
from joserfc import jwk, jwt

from infra.errors import PlinthError
from infra.local.paths import repo_root
from services.credit_risk.packaging import SERVICE
from services.lifecycle.packing import build, cache_folder, cached_model
from services.readiness.decision_log.reading import Reader

LEVELS = (1, 16, 64, 1000)
"""Connections."""
ROUNDS = 3
SECONDS = 4.0
"""Of one run of one server at one level, after a warm-up."""
HOLD_SECONDS = 60.0
HELD = 1000
WARM_UP_SECONDS = 1.0
START_SECONDS = 60
FILES = 8192
"""Open files that a server with 1,000 connections needs, with room."""
ISSUER = "https://bench.plinth.invalid"

GUARDED, BARE_BENTO, BARE_STARLETTE = "guarded", "bare_bentoml", "bare_starlette"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs.

    Args:
        name: Which one.
        port: Where it answers.
        process: Its first process.
        request: What is sent to it.
    """

    name: str
    port: int
    process: subprocess.Popen[bytes]
    request: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time of all of its processes so far."""
        first = psutil.Process(self.process.pid)
        used = 0.0
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                used += times.user + times.system
        return used


def measure(
    say: Callable[[str], None] = lambda _: None,
    *,
    levels: tuple[int, ...] = LEVELS,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    hold_seconds: float = HOLD_SECONDS,
) -> dict[str, Any]:
    """Run everything and return the figures.

    Args:
        say: Told what is being done.
        levels: Numbers of connections.
        rounds: Runs of each server at each level; the median counts.
        seconds: Length of a run.
        hold_seconds: So long the guarded service gets :data:`HELD` connections; 0 leaves it out.

    Raises:
        PlinthError: A server does not start.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    try:
        with tempfile.TemporaryDirectory(prefix="plinth-bench-") as temporary:
            folder = Path(temporary)
            say("servers")
            with contextlib.ExitStack() as stack:
                started = servers(folder, stack, GUARDED, BARE_BENTO, BARE_STARLETTE)
                ids: list[str] = []
                found: dict[str, Any] = {}
                for level in levels:
                    say(f"{level} connections")
                    found[str(level)] = _level(
                        started, level, rounds=rounds, seconds=seconds, folder=folder, ids=ids
                    )
                held = None
                if hold_seconds:
                    say(f"{HELD} connections held for {hold_seconds:g} s")
                    held = run(started[0], HELD, hold_seconds, folder, ids)
            say("decision log")
            return {
                "levels": found,
                "held": held,
                "log": _log(folder / GUARDED / "decisions", ids),
                "cores": os.cpu_count(),
            }
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _level(
    asked: list[Server], level: int, *, rounds: int, seconds: float, folder: Path, ids: list[str]
) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {server.name: [] for server in asked}
    for server in asked:
        run(server, level, WARM_UP_SECONDS, folder, ids)
    for _ in range(rounds):
        for server in asked:
            runs[server.name].append(run(server, level, seconds, folder, ids))
    figures: dict[str, Any] = {name: _median(those) for name, those in runs.items()}
    mine, bento, starlette = (figures[name] for name in (GUARDED, BARE_BENTO, BARE_STARLETTE))
    figures["throughput_over_bare_bentoml"] = _ratio(mine, bento, "requests_per_second")
    figures["cpu_over_bare_bentoml"] = _ratio(mine, bento, "cpu_ms_per_request")
    figures["cpu_over_bare_starlette"] = _ratio(mine, starlette, "cpu_ms_per_request")
    return figures


def run(server: Server, connections: int, seconds: float, folder: Path, ids: list[str]) -> dict[str, Any]:
    """Let the generator work on a server once."""
    answered = folder / "ids"
    argv = [sys.executable, "-m", "infra.ops.bench_serving.load", "--port", str(server.port)]
    argv += ["--connections", str(connections), "--seconds", str(seconds)]
    argv += ["--request", str(server.request), "--ids", str(answered)]
    before = server.cpu_seconds()
    done = subprocess.run(argv, cwd=repo_root(), capture_output=True, text=True, check=False)
    used = server.cpu_seconds() - before
    if done.returncode:
        raise PlinthError("The load generator failed.", where=done.stderr.strip()[-500:])
    told: dict[str, Any] = json.loads(done.stdout)
    if server.name == GUARDED:
        ids += answered.read_text(encoding="ascii").split()
    count = told["requests"]
    return {
        **told,
        "requests_per_second": round(count / seconds, 1),
        "cpu_ms_per_request": round(used / told["answers"] * 1000, 3) if told["answers"] else float("inf"),
        "generator_cpu_share": round(told["cpu_seconds"] / max(used, 1e-9), 3),
        "not_200": sum(n for status, n in told["statuses"].items() if status != "200") + told["lost"],
    }


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("requests_per_second", "p50_ms", "cpu_ms_per_request", "generator_cpu_share")
    return {
        **{name: round(median(run[name] for run in runs), 3) for name in names},
        "not_200": sum(run["not_200"] for run in runs),
    }


def _ratio(mine: dict[str, Any], other: dict[str, Any], name: str) -> float:
    return round(float(mine[name]) / float(other[name]), 2) if other[name] else float("inf")


def _log(spool: Path, ids: list[str]) -> dict[str, Any]:
    """Compare what was answered with what is in the verified log."""
    reader = Reader(SERVICE.name, store=None, spools=[spool])
    logged = {record.body["id"] for record in reader.decisions()}
    return {
        "answered": len(ids),
        "records": len(logged),
        "unlogged": len(set(ids) - logged),
        "answered_twice": len(ids) - len(set(ids)),
        "tampering_found": len(reader.verify().findings),
    }


def servers(
    folder: Path,
    stack: contextlib.ExitStack,
    *names: str,
) -> list[Server]:
    """Start servers and wait until they answer; they end with the stack.

    Args:
        folder: For their files.
        stack: Ends them.
        names: Which.

    Raises:
        PlinthError: One does not start.
    """
    model = cached_model(SERVICE, cache_folder()) / "model.onnx"
    bento = build(SERVICE, folder / "package")
    key = jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    bentoml = [sys.executable, "-m", "bentoml", "serve"]
    bare = "infra.ops.bench_serving.bare_bento:Bare"
    starlette = [sys.executable, "-m", "uvicorn", "infra.ops.bench_serving.bare_starlette:APP"]
    starlette += ["--no-access-log", "--log-level", "warning"]
    commands = {
        GUARDED: [*bentoml, str(bento)],
        BARE_BENTO: [*bentoml, bare],
        BARE_STARLETTE: starlette,
    }
    started = []
    for name in names:
        command = commands[name]
        (folder / name).mkdir()
        extra = {"BENCH_MODEL": str(model)}
        if name == GUARDED:
            (folder / name / "keys.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
            extra |= {
                "PLINTH_TOKEN_ISSUER": ISSUER,
                "PLINTH_TOKEN_KEYS_FILE": str(folder / name / "keys.json"),
                "PLINTH_DECISIONS_FOLDER": str(folder / name / "decisions"),
                "PLINTH_CALLER_RATE": "1000000",  # the bench is one caller
            }
        started.append(stack.enter_context(serving(name, command, folder / name, extra, _token(key))))
    for server in started:
        until_ready(server, folder / server.name)
    return started


@contextlib.contextmanager
def serving(
    name: str,
    command: list[str],
    folder: Path,
    extra: dict[str, str],
    token: str,
    *,
    module: str = SERVICE.module,
) -> Iterator[Server]:
    """Run a server on loopback while the block runs.

    Args:
        name: Which.
        command: Its program, without address and port.
        folder: For its files; exists.
        extra: Variables of its environment.
        token: Of the request that is kept beside it.
        module: Folder of the service whose example that request is.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {
        **os.environ,
        "BENTOML_HOME": str(folder / "home"),
        "BENTOML_DO_NOT_TRACK": "True",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(repo_root()),
        **extra,
    }
    (folder / "request").write_bytes(request_bytes(token, module))
    argv = [*command, "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield Server(name=name, port=port, process=process, request=folder / "request")
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def until_ready(server: Server, folder: Path) -> None:
    """Wait until a server answers that it is ready.

    Raises:
        PlinthError: It does not come to that.
    """
    end = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < end and server.process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"http://127.0.0.1:{server.port}/readyz").status_code == httpx.codes.OK:
                    return
            time.sleep(0.1)
    said = (folder / "log").read_text(encoding="utf-8", errors="replace")[-1000:]
    raise PlinthError(f"The server '{server.name}' does not start.", where=said)


def _token(key: jwk.ECKey) -> str:
    claims = {"iss": ISSUER, "aud": SERVICE.name, "sub": "bench", "exp": int(time.time()) + 3600}
    claims |= {"scope": "decisions:write", "jti": secrets.token_hex(8)}
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])


def request_bytes(token: str, module: str = SERVICE.module) -> bytes:
    """Return the whole request that is sent: the service's example, with a token."""
    body = (repo_root() / "services" / module / "example.json").read_bytes()
    lines = [
        "POST /v1/decisions HTTP/1.1",
        "Host: bench",
        "Content-Type: application/json",
        f"Authorization: Bearer {token}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
