"""A platform of its own with a tiny service: two pods behind a Service, a route and Envoy."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import pytest

from infra.local import images, session
from infra.local.runner.rest import _credentials
from infra.local.runner.sandbox import marked_processes

PARTS = ("etcd", "apiserver", "controller-manager", "scheduler", "runner", "gateway", "envoy")
PATIENCE = 120  # seconds; a bound against hanging on a busy machine, not a measure

SERVICE = """
import os

import bentoml
from pydantic import BaseModel


class Answer(BaseModel):
    pod: str
    version: str
    aws: dict[str, str]


@bentoml.service(name="echo", workers=1, traffic={"timeout": 10})
class Echo:
    @bentoml.api(route="/predict")
    async def predict(self, n: int = 1) -> Answer:
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        return Answer(pod=os.environ["POD_NAME"], version=os.environ["VERSION"], aws=aws)
"""


class World:
    """The API server as the administrator of the kubeconfig sees it, the gateway, and the processes."""

    namespace = "/api/v1/namespaces/dataplane"
    deployments = "/apis/apps/v1/namespaces/dataplane/deployments"
    gateway_api = "/apis/gateway.networking.k8s.io/v1"

    def __init__(self, platform: session.Platform) -> None:
        server, tls, headers = _credentials(Path(platform.files["kubeconfig"]))
        self.client = httpx.Client(base_url=server, verify=tls, headers=headers, trust_env=False, timeout=20)
        self.url = f"{platform.endpoints['gateway']}/predict"

    def create(self, path: str, body: dict[str, Any]) -> None:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 201, answer.text

    def get(self, path: str) -> dict[str, Any]:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def delete(self, path: str) -> None:
        answer = self.client.delete(path)
        assert answer.status_code in {200, 202}, answer.text

    def change(self, spec: dict[str, Any]) -> None:
        """Change the echo Deployment."""
        kind = {"content-type": "application/strategic-merge-patch+json"}
        path, content = f"{self.deployments}/echo", json.dumps({"spec": spec})
        answer = self.client.patch(path, content=content, headers=kind)
        assert answer.status_code == 200, answer.text

    def pods(self, app: str = "echo") -> list[dict[str, Any]]:
        answer = self.client.get(f"{self.namespace}/pods", params={"labelSelector": f"app={app}"})
        return list(answer.json()["items"])

    def ready_pods(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods() if self.is_ready(pod)]

    def processes(self, *pods: dict[str, Any]) -> list[psutil.Process]:
        """Return the processes of the pods, or of all echo pods."""
        uids = {pod["metadata"]["uid"] for pod in pods or self.pods()}
        marked = marked_processes().items()
        return [process for place, found in marked if Path(place).name in uids for process in found]

    def ask(self) -> httpx.Response:
        try:
            return httpx.post(self.url, json={"n": 1}, trust_env=False, timeout=20)
        except httpx.ConnectError:  # Envoy is not up yet, or no longer
            return httpx.Response(0)

    def answering(self, count: int = 20) -> set[str]:
        """Return the names of the pods that answer some requests."""
        return {answer.json()["pod"] for _ in range(count) if (answer := self.ask()).is_success}

    def traffic(self) -> "Traffic":
        return Traffic(self.url)

    def up(self) -> None:
        """Start this platform, or find it up."""
        session.start(parts=PARTS)

    @staticmethod
    def until(condition: Callable[[], Any], what: str) -> Any:
        """Return the first true value of ``condition``."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.1)
        raise AssertionError(f"not within {PATIENCE} s: {what}")

    @staticmethod
    def is_ready(pod: dict[str, Any]) -> bool:
        conditions = {item["type"]: item["status"] for item in pod["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]

    @staticmethod
    def container(pod: dict[str, Any]) -> dict[str, Any]:
        return dict((pod["status"].get("containerStatuses") or [{}])[0])

    @staticmethod
    def part_pid(name: str) -> int | None:
        status = session.current()
        return status.parts[name].pid if status else None

    @staticmethod
    def running(process: psutil.Process) -> bool:
        """Return whether it has not ended; a zombie has, though nobody may have reaped it."""
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    @staticmethod
    def put_image(folder: Path, text: str = SERVICE) -> images.ImageRef:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "service.py").write_text(text)
        (folder / "bentofile.yaml").write_text('service: "service:Echo"\n')
        return images.put(folder, "echo")

    @staticmethod
    def deployment(name: str, image: str, *, replicas: int) -> dict[str, Any]:
        def probe(path: str, **times: int) -> dict[str, Any]:
            return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 5, **times}

        version = {"configMapKeyRef": {"name": "echo", "key": "version"}}
        app = {
            "name": "app",
            "image": image,
            "ports": [{"name": "http", "containerPort": 3000}],
            "env": [
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "VERSION", "valueFrom": version},
            ],
            "startupProbe": probe("/readyz", periodSeconds=1, failureThreshold=100),
            "readinessProbe": probe("/readyz", periodSeconds=1),
            "livenessProbe": probe("/livez", periodSeconds=5),
            "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
            "resources": {"requests": {"cpu": "10m"}},
        }
        spec = {
            "nodeSelector": {"plinth.dev/pool": "serving"},
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 15,
            "containers": [app],
        }
        return {
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
            },
        }


class Traffic:
    """Requests without pause from two clients, one of which opens a connection for each request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: Counter[tuple[str, str]] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._kept), threading.Thread(target=self._fresh)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> dict[tuple[str, str], int]:
        return {key: count for key, count in self.answers.items() if key[1] != "200"}

    def _kept(self) -> None:
        with httpx.Client(trust_env=False, timeout=20) as client:
            while not self._stop.wait(0.02):
                self._one("keep-alive", client)

    def _fresh(self) -> None:
        while not self._stop.wait(0.02):
            with httpx.Client(trust_env=False, timeout=20) as client:
                self._one("fresh", client)

    def _one(self, kind: str, client: httpx.Client) -> None:
        try:
            outcome = str(client.post(self.url, json={"n": 1}).status_code)
        except httpx.HTTPError as error:
            outcome = type(error).__name__
        self.answers[kind, outcome] += 1


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[session.Platform]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLINTH_HOME", str(tmp_path_factory.mktemp("home")))
        # The runner must not pass on what the person at the laptop has.
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-services")
        try:
            yield session.start(parts=PARTS)
        finally:
            session.stop()


@pytest.fixture(scope="module")
def world(platform: session.Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two ready replicas that answer through the gateway."""
    made = World(platform)
    for name in ("dataplane", "gateway"):
        made.create("/api/v1/namespaces", {"metadata": {"name": name}})
    made.until(
        lambda: made.client.get(f"{made.namespace}/serviceaccounts/default").is_success, "a service account"
    )
    made.create(f"{made.namespace}/configmaps", {"metadata": {"name": "echo"}, "data": {"version": "one"}})
    image = made.put_image(tmp_path_factory.mktemp("bento"))
    made.create(made.deployments, made.deployment("echo", str(image), replicas=2))
    service = {"selector": {"app": "echo"}, "ports": [{"port": 80, "targetPort": "http"}]}
    made.create(f"{made.namespace}/services", {"metadata": {"name": "echo"}, "spec": service})
    for path, kind, name, spec in (
        ("gatewayclasses", "GatewayClass", "plinth", {"controllerName": "plinth.dev/local-gateway"}),
        ("namespaces/gateway/gateways", "Gateway", "plinth", GATEWAY),
        ("namespaces/dataplane/httproutes", "HTTPRoute", "echo", ROUTE),
    ):
        body = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
        made.create(f"{made.gateway_api}/{path}", {**body, "spec": spec})
    made.until(lambda: len(made.ready_pods()) == 2, "two ready pods")
    made.until(lambda: made.ask().status_code == 200, "an answer through the gateway")
    yield made
    made.client.close()


GATEWAY = {
    "gatewayClassName": "plinth",
    "listeners": [
        {
            "name": "http",
            "port": 80,
            "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
    ],
}
ROUTE = {
    "parentRefs": [{"name": "plinth", "namespace": "gateway"}],
    "rules": [
        {
            "matches": [{"path": {"type": "Exact", "value": "/predict"}}],
            "backendRefs": [{"name": "echo", "port": 80}],
        }
    ],
}
