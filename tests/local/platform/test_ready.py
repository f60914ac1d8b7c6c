"""A platform that is up: everything answers, and only to those who may."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local import isolation, session
from infra.local.control_plane.kube_api import KubeError
from infra.local.parts import NAMES
from infra.local.supervisor import processes
from infra.local.supervisor.layout import Site
from infra.local.supervisor.status import Platform

pytestmark = pytest.mark.local

CHILD = """
import boto3, json, sys
sts = boto3.client("sts").get_caller_identity()
key = boto3.Session().get_credentials().access_key
print(json.dumps({"account": sts["Account"], "key": key}))
"""


def test_everything_is_ready(rig: Any, up: Platform) -> None:
    assert tuple(up.parts) == NAMES
    assert {part.state for part in up.parts.values()} == {"ready"}
    written = json.loads((rig.home / "local" / "platform.json").read_text())
    assert set(written["endpoints"]) == {"aws_proxy", "kubernetes", "gateway", "prometheus", "alertmanager"}
    assert set(written["files"]) == {"kubeconfig", "aws_ca"}
    assert Path(up.files["kubeconfig"]).stat().st_mode & 0o777 == 0o600
    for part in up.parts.values():
        assert Path(part.log).exists()
        assert psutil.Process(part.pid).create_time() == pytest.approx(part.created)


def test_everything_listens_on_loopback_only(rig: Any, up: Platform) -> None:
    assert up.ready
    listening = {
        connection.laddr.ip
        for process in processes.ours(rig.home)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert "127.0.0.1" in listening


def test_the_api_refuses_who_may_not(rig: Any, site: Site) -> None:
    with pytest.raises(KubeError, match="403"):
        rig.kube("gateway").get("/api/v1/secrets")
    with pytest.raises(KubeError, match="403"):
        rig.kube("nodes").call("POST", "/api/v1/namespaces", b'{"metadata":{"name":"x"}}')
    admin = rig.kube("admin")
    assert admin.get("/api/v1/namespaces")["kind"] == "NamespaceList"
    nobody = subprocess.run(
        [
            "curl",
            "-ks",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            f"https://127.0.0.1:{site.ports['apiserver']}/api",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert nobody.stdout == "401"


@pytest.mark.usefixtures("up")
def test_a_privileged_pod_is_refused_where_pods_are_restricted(rig: Any) -> None:
    api = rig.kube("admin")
    rig.namespace(api, "tight", {"pod-security.kubernetes.io/enforce": "restricted"})
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]},
    }
    with pytest.raises(KubeError, match="violates PodSecurity"):
        api.call("POST", "/api/v1/namespaces/tight/pods", json.dumps(pod).encode())


def test_secrets_are_encrypted_in_the_store_and_calls_are_audited(rig: Any, site: Site) -> None:
    api = rig.kube("admin")
    rig.namespace(api, "kept")
    marker = "plain-text-of-a-secret"
    rig.create(
        api,
        "/api/v1/namespaces/kept/secrets",
        {"metadata": {"name": "s"}, "stringData": {"k": marker, "other": "x"}},
    )
    read = api.get("/api/v1/namespaces/kept/secrets/s")["data"]["k"]
    assert read == "cGxhaW4tdGV4dC1vZi1hLXNlY3JldA=="
    stored = b"".join(path.read_bytes() for path in (site.local / "etcd").rglob("*") if path.is_file())
    assert b"/registry/secrets/kept/s" in stored
    assert b"k8s:enc:secretbox:v1:local" in stored
    assert marker.encode() not in stored
    entries = [json.loads(line) for line in (site.logs / "audit.log").read_text().splitlines()]
    audited = [e for e in entries if e.get("objectRef", {}).get("name") == "s" and e["verb"] == "get"]
    assert audited[-1]["user"]["username"] == "plinth:admin"
    assert marker not in (site.logs / "audit.log").read_text()


@pytest.mark.usefixtures("up")
def test_a_pod_that_asks_for_gpus_runs_on_a_gpu_node(rig: Any) -> None:
    api = rig.kube("admin")
    rig.namespace(api, "gpu")
    container = {"name": "c", "image": "i", "resources": {"limits": {"nvidia.com/gpu": "4"}}}
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    for name, tolerations in (("tolerant", [toleration]), ("intolerant", [])):
        spec = {"containers": [container], "tolerations": tolerations}
        rig.create(api, "/api/v1/namespaces/gpu/pods", {"metadata": {"name": name}, "spec": spec})

    def pod(name: str) -> Any:
        return api.get(f"/api/v1/namespaces/gpu/pods/{name}")

    rig.until(lambda: pod("tolerant")["status"]["phase"] == "Running")
    assert pod("tolerant")["spec"]["nodeName"] in {"gpu-1", "gpu-2"}
    rig.until(lambda: bool(pod("intolerant")["status"].get("conditions")))
    assert pod("intolerant")["status"]["conditions"][0]["reason"] == "Unschedulable"
    node = api.get(f"/api/v1/nodes/{pod('tolerant')['spec']['nodeName']}")
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "4"


@pytest.mark.usefixtures("up")
def test_the_laptops_node_is_not_simulated(rig: Any) -> None:
    nodes = {node["metadata"]["name"]: node for node in rig.kube("admin").get("/api/v1/nodes")["items"]}
    assert set(nodes) == {"system-1", "system-2", "gpu-1", "gpu-2", "plinth-laptop"}
    assert "plinth.dev/simulated" not in nodes["plinth-laptop"]["metadata"]["labels"]


@pytest.mark.usefixtures("up")
def test_the_gateway_definitions_are_served(rig: Any) -> None:
    served = rig.kube("admin").get("/apis/gateway.networking.k8s.io/v1")
    assert {"gateways", "httproutes"} <= {resource["name"] for resource in served["resources"]}


def test_starting_what_is_up_changes_nothing(rig: Any, up: Platform) -> None:
    again = session.start(tools=rig.tools)
    assert again.pid == up.pid
    assert {name: part.pid for name, part in again.parts.items()} == {
        name: part.pid for name, part in up.parts.items()
    }


@pytest.fixture
def metadata_service() -> Iterator[tuple[str, list[int]]]:
    """Return the address of a listener that stands for an instance's metadata service, and its visits."""
    visits: list[int] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        listener.settimeout(0.2)
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                visits.append(1)
                connection.close()

        thread = threading.Thread(target=watch)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", visits
        done.set()
        thread.join()


def test_real_credentials_in_the_environment_are_never_used(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata_service: tuple[str, list[int]]
) -> None:
    endpoint, visits = metadata_service
    stolen = tmp_path / "credential-process-ran"
    files = tmp_path / "aws"
    files.mkdir()
    (files / "credentials").write_text("[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key=x\n")
    (files / "config").write_text(
        f"[default]\ncredential_process = touch {stolen}\nendpoint_url = {endpoint}\n[profile real]\n"
    )
    hostile = {
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "a-real-secret",
        "AWS_SESSION_TOKEN": "a-real-token",
        "AWS_PROFILE": "real",
        "AWS_CONFIG_FILE": str(files / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(files / "credentials"),
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint,
        "HTTPS_PROXY": endpoint,
        "https_proxy": endpoint,
        "NO_PROXY": "*",
        "AWS_CA_BUNDLE": str(files / "config"),
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    log = site.log("aws")
    start = log.stat().st_size
    env = session.env()
    isolation.require_proxy(env)
    done = subprocess.run([sys.executable, "-c", CHILD], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"account": "123456789012", "key": isolation.ACCESS_KEY}
    asked = log.read_bytes()[start:].decode()
    assert f" key={isolation.ACCESS_KEY} " in asked
    assert " POST https://sts." in asked
    assert "AKIA" not in asked
    assert visits == []
    assert not stolen.exists()
