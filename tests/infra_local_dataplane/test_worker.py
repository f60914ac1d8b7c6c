"""The life of a pod: started once, restarted when it fails, adopted, ended with its pod."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local import images
from infra.local.runner import launch, worker
from infra.local.runner.launch import Shared
from infra.local.runner.sandbox import kill_marked, marked_processes
from infra.local.runner.worker import Worker

pytestmark = pytest.mark.parts

PATH = "/api/v1/namespaces/serving/pods/echo-1"

# A server with switches: a file "unwell" makes /livez fail, "crash" ends it, "deaf" makes it ignore SIGTERM.
SERVER = """
import pathlib, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
here = pathlib.Path(sys.argv[2])
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        switch = {"/livez": "unwell", "/readyz": "busy"}[self.path]
        self.send_response(503 if (here / switch).exists() else 200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *a): pass
if (here / "crash").exists():
    sys.exit("cannot start: the model is missing")
if (here / "deaf").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever(0.01)
"""


class Scene:
    """One pod on one home, and the workers that come and go over it."""

    def __init__(self, api: Any, home: Path, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api, self.home, self.switches = api, home, home / "switches"
        self.switches.mkdir(parents=True)
        self.workers: list[Worker] = []
        command = lambda _bento, port, _options: [sys.executable, "-c", SERVER, str(port), str(self.switches)]  # noqa: E731
        monkeypatch.setattr(launch, "serve_command", command)
        monkeypatch.setattr(worker, "BACKOFF_FIRST_SECONDS", 0.05)
        monkeypatch.setattr(worker, "_RETRY_SECONDS", 0.1)

        def probe(path: str, failures: int) -> dict[str, Any]:
            get = {"path": path, "port": "http"}
            return {"httpGet": get, "periodSeconds": 0.05, "failureThreshold": failures, "timeoutSeconds": 5}

        app = {
            "name": "app",
            "image": image,
            "ports": [{"name": "http", "containerPort": 3000}],
            "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}}],
            "startupProbe": probe("/livez", 1000),
            "readinessProbe": probe("/readyz", 1),
            "livenessProbe": probe("/livez", 2),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }
        self.pod = {
            "metadata": {"name": "echo-1", "namespace": "serving", "uid": "u-1"},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [app]},
        }
        api.put(PATH, self.pod)
        api.put("/api/v1/namespaces/serving/secrets/keys", {"data": {"api": "czNjcmV0"}})

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        self.workers.append(found := Worker(Shared(api=self.api, home=self.home), self.api.objects[PATH]))
        task = asyncio.create_task(found.run())
        try:
            yield found
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def app(self) -> dict[str, Any]:
        return dict((self.api.objects.get(PATH, {}).get("status", {}).get("containerStatuses") or [{}])[0])

    @property
    def ready(self) -> bool:
        conditions = self.api.objects[PATH].get("status", {}).get("conditions", [])
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    @property
    def reason(self) -> str:
        return str((self.app.get("state", {}).get("waiting") or {}).get("reason", ""))

    @property
    def pids(self) -> list[int]:
        return sorted(p.pid for p in marked_processes().get(str(self.home / "pods" / "u-1"), []))

    def switch(self, name: str, *, on: bool = True) -> None:
        (self.switches / name).touch() if on else (self.switches / name).unlink()


@pytest.fixture
def scene(api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    bento = tmp_path / "bento"
    bento.mkdir()
    (bento / "service.py").write_text("")
    made = Scene(api, tmp_path / "home" / "local", str(images.put(bento, "echo")), monkeypatch)
    yield made
    for found in made.workers:
        found._sandbox.kill_all()
        found._sandbox.remove()


Until = Callable[..., Any]


def test_a_pod_gets_one_process_an_endpoint_and_turns_ready(scene: Scene, until: Until):
    async def story() -> None:
        async with scene.worker():
            await until(lambda: scene.ready)
            endpoint = scene.api.objects[PATH]["metadata"]["annotations"]["plinth.dev/endpoint"]
            assert endpoint.startswith("127.0.0.1:")
            assert len(scene.pids) == 1
            environment = psutil.Process(scene.pids[0]).environ()
            assert environment["KEY"] == "s3cret"
            assert "PYTEST_CURRENT_TEST" not in environment
            assert scene.api.objects[PATH]["status"]["podIP"].startswith("10.244.")

    asyncio.run(story())


def test_readiness_follows_the_probe_and_costs_no_restart(scene: Scene, until: Until):
    async def story() -> None:
        async with scene.worker():
            await until(lambda: scene.ready)
            scene.switch("busy")
            await until(lambda: not scene.ready)
            scene.switch("busy", on=False)
            await until(lambda: scene.ready)
            assert scene.app["restartCount"] == 0

    asyncio.run(story())


def test_a_process_that_stops_answering_is_restarted(scene: Scene, until: Until):
    async def story() -> None:
        async with scene.worker():
            await until(lambda: scene.ready)
            first = scene.pids
            scene.switch("unwell")
            await until(lambda: scene.app["restartCount"] == 1)
            scene.switch("unwell", on=False)
            await until(lambda: scene.ready)
            assert set(scene.pids).isdisjoint(first)
            assert scene.app["lastState"]["terminated"]["exitCode"] == 143

    asyncio.run(story())


def test_a_process_that_cannot_start_backs_off_with_its_last_words(scene: Scene, until: Until):
    async def story() -> None:
        scene.switch("crash")
        async with scene.worker():
            await until(lambda: scene.app.get("restartCount", 0) >= 2 and scene.reason == "CrashLoopBackOff")
            ended = scene.app["lastState"]["terminated"]
            assert ended["exitCode"] == 1
            assert "the model is missing" in ended["message"]
            assert not scene.ready
            scene.switch("crash", on=False)
            await until(lambda: scene.ready)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("break_it", "mend_it", "reason"),
    [
        ("secret", "secret", "CreateContainerConfigError"),
        ("image", "image", "ImageTampered"),
    ],
)
def test_a_pod_that_cannot_start_says_why_and_starts_once_it_can(
    scene: Scene, until: Until, break_it: str, mend_it: str, reason: str
):
    secret = "/api/v1/namespaces/serving/secrets/keys"
    file = next(images.store_dir().glob("*/bento/service.py"))
    file.chmod(0o644)

    async def story() -> None:
        kept = scene.api.objects[secret]
        if break_it == "secret":
            del scene.api.objects[secret]
        else:
            file.write_text("changed")
        async with scene.worker():
            await until(lambda: scene.reason == reason)
            assert scene.pids == []
            if mend_it == "secret":
                scene.api.put(secret, kept)
            else:
                file.write_text("")
            await until(lambda: scene.ready)

    asyncio.run(story())


def end(scene: Scene, found: Worker, grace: int) -> None:
    meta = scene.api.objects[PATH]["metadata"]
    meta |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": grace}
    found.update(scene.api.put(PATH, scene.api.objects[PATH]))


@pytest.mark.parametrize("deaf", [False, True])
def test_a_deleted_pod_turns_unready_first_then_its_process_ends_then_it_goes(
    scene: Scene,
    until: Until,
    deaf: bool,  # noqa: FBT001 - a case
):
    if deaf:
        scene.switch("deaf")
    scene.pod["spec"]["containers"][0]["lifecycle"] = {"preStop": {"sleep": {"seconds": 1}}}
    scene.api.put(PATH, scene.pod)

    async def story() -> None:
        async with scene.worker() as found:
            await until(lambda: scene.ready)
            end(scene, found, 2)
            await until(lambda: not scene.ready)
            assert len(scene.pids) == 1  # the preStop sleep keeps it for those who still send
            await until(lambda: PATH not in scene.api.objects)
            assert scene.pids == []
            assert not (scene.home / "pods" / "u-1").exists()
            assert scene.api.calls[-1] == ("delete", PATH, "u-1")

    asyncio.run(story())


def test_a_pod_that_was_removed_by_force_leaves_no_process(scene: Scene, until: Until):
    async def story() -> None:
        async with scene.worker() as found:
            await until(lambda: scene.ready)
            del scene.api.objects[PATH]
            found.forget()
            await until(lambda: not scene.pids)
            await until(lambda: not (scene.home / "pods" / "u-1").exists())
            assert not [call for call in scene.api.calls if call[0] == "delete"]

    asyncio.run(story())


def test_the_next_runner_goes_on_with_the_same_process_and_says_nothing_untrue_meanwhile(
    scene: Scene, until: Until
):
    async def story() -> None:
        async with scene.worker():
            await until(lambda: scene.ready)
        before, written = scene.pids, len(scene.api.calls)
        async with scene.worker() as found:
            await asyncio.sleep(1)
            assert scene.ready
            assert scene.pids == before
            assert scene.app["restartCount"] == 0
            assert scene.api.calls[written:] == []
            end(scene, found, 1)
            await until(lambda: PATH not in scene.api.objects)
        assert scene.pids == []

    asyncio.run(story())


def test_a_process_that_died_while_no_runner_was_there_counts_as_a_restart(scene: Scene, until: Until):
    async def story() -> None:
        async with scene.worker():
            await until(lambda: scene.ready)
        kill_marked(scene.home / "pods" / "u-1")
        async with scene.worker():
            await until(lambda: scene.app["restartCount"] == 1 and scene.ready)
            assert scene.app["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"

    asyncio.run(story())


def test_a_status_that_somebody_else_wrote_is_corrected(scene: Scene, until: Until):
    """The node controller calls pods unready after a laptop has slept; they are not."""

    async def story() -> None:
        async with scene.worker() as found:
            await until(lambda: scene.ready)
            for item in scene.api.objects[PATH]["status"]["conditions"]:
                item["status"] = "False"
            found.update(scene.api.put(PATH, scene.api.objects[PATH]))
            await until(lambda: scene.ready)

    asyncio.run(story())


def test_probes_and_restarts_go_on_while_the_api_server_is_away(scene: Scene, until: Until):
    async def story() -> None:
        async with scene.worker():
            await until(lambda: scene.ready)
            first = scene.pids
            scene.api.down = True
            scene.switch("unwell")
            await until(lambda: scene.pids != first)
            scene.switch("unwell", on=False)
            scene.api.down = False
            await until(lambda: scene.app["restartCount"] >= 1 and scene.ready)

    asyncio.run(story())


def test_when_the_runner_is_told_to_end_the_pod_is_called_unready_and_its_process_ends(
    scene: Scene, until: Until
):
    async def story() -> None:
        async with scene.worker() as found:
            await until(lambda: scene.ready)
        await found.shut_down(5)
        assert scene.pids == []
        assert not scene.ready
        assert PATH in scene.api.objects

    asyncio.run(story())
