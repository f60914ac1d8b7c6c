"""Pods become processes and routes become traffic: on a real control plane, with a real bento and Envoy."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from infra.local import images, isolation, session

pytestmark = pytest.mark.local


def names(pods: list[dict[str, Any]]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def test_a_request_reaches_both_replicas_through_the_gateway(world: Any):
    world.until(lambda: world.answering() == names(world.pods()), "answers of both pods")
    answer = world.ask()
    assert answer.json()["version"] == "one"
    assert answer.headers["x-request-id"]


def test_a_path_that_no_route_names_is_not_served(world: Any):
    assert httpx.get(world.url.replace("/predict", "/metrics"), trust_env=False).status_code == 404


def test_services_get_the_local_aws_api_and_nothing_of_the_environment_around_the_runner(world: Any):
    given = world.ask().json()["aws"]
    assert given == {name: value for name, value in session.env().items() if name.startswith("AWS_")}
    assert given["AWS_SECRET_ACCESS_KEY"] == isolation.SECRET_KEY != os.environ["AWS_SECRET_ACCESS_KEY"]
    assert given["AWS_EC2_METADATA_DISABLED"] == "true", "a machine in AWS lends no identity to a pod"


def test_the_routes_status_says_that_it_is_served(world: Any):
    route = world.get(f"{world.gateway_api}/namespaces/dataplane/httproutes/echo")
    (parent,) = route["status"]["parents"]
    found = {item["type"]: item["status"] for item in parent["conditions"]}
    assert found == {"Accepted": "True", "ResolvedRefs": "True"}


def test_a_rolling_update_loses_no_request(world: Any):
    before = names(world.pods())
    with world.traffic() as traffic:
        world.change({"template": {"metadata": {"annotations": {"test/roll": "1"}}}})

        def rolled() -> bool:
            pods = world.pods()
            return len(pods) == 2 and len(world.ready_pods()) == 2 and not before & names(pods)

        world.until(rolled, "two new pods and no old one")
        time.sleep(1)  # what comes after the last step counts too
    print(dict(traffic.answers))  # noqa: T201 - how many there were
    assert traffic.failed == {}
    assert traffic.answers["keep-alive", "200"] > 10
    assert traffic.answers["fresh", "200"] > 10


def test_a_killed_process_leaves_the_traffic_to_the_other_and_is_restarted(world: Any):
    victim, other = world.pods()
    name, others_name = victim["metadata"]["name"], other["metadata"]["name"]
    master = next(process for process in world.processes(victim) if "serve" in process.cmdline())
    master.kill()

    def now() -> Any:
        return world.get(f"{world.namespace}/pods/{name}")

    world.until(lambda: not world.is_ready(now()), "the pod to be called unready")
    world.until(lambda: world.answering() == {others_name}, "answers of the other alone")
    world.until(lambda: world.is_ready(now()), "the pod to be ready again")
    found = world.container(now())
    assert found["restartCount"] == 1
    assert found["lastState"]["terminated"]["exitCode"] == 137
    assert found["lastState"]["terminated"]["signal"] == 9
    world.until(lambda: name in world.answering(), "its answers again")


def test_a_killed_runner_is_replaced_and_adopts_what_runs(world: Any):
    before = {
        pod["metadata"]["name"]: (
            sorted(process.pid for process in world.processes(pod)),
            world.container(pod)["restartCount"],
        )
        for pod in world.pods()
    }
    pid = world.part_pid("runner")
    assert pid
    with world.traffic() as traffic:
        os.kill(pid, signal.SIGKILL)
        world.until(lambda: world.part_pid("runner") not in {None, pid}, "another runner")
        # The new runner works once it serves a pod that was made after it.
        world.change({"replicas": 3})
        world.until(lambda: len(world.ready_pods()) == 3, "a third pod")
    assert traffic.failed == {}
    after = {
        pod["metadata"]["name"]: (
            sorted(process.pid for process in world.processes(pod)),
            world.container(pod)["restartCount"],
        )
        for pod in world.pods()
    }
    assert before.items() <= after.items()


def test_a_restarted_api_server_finds_everything_as_it_was(world: Any):
    pid = world.part_pid("apiserver")
    assert pid
    before = {process.pid for process in world.processes()}

    def answers() -> bool:
        try:
            return bool(world.client.get("/readyz").is_success)
        except httpx.HTTPError:
            return False

    with world.traffic() as traffic:
        os.kill(pid, signal.SIGKILL)
        world.until(lambda: not answers(), "the API server to be gone")
        world.until(answers, "the API server to be back")
        world.change({"replicas": 1})
        world.until(lambda: len(world.pods()) == 1, "all pods but one to be gone")
    assert traffic.failed == {}
    after = {process.pid for process in world.processes()}
    assert after
    assert after < before


def test_an_image_that_was_changed_or_is_absent_is_not_served(world: Any, tmp_path: Path):
    changed = world.put_image(tmp_path / "other", "# another version\nraise SystemExit(1)\n")
    stored = images.get(changed.digest).bento / "service.py"
    stored.chmod(0o644)
    stored.write_text("# changed after it was stored\n")
    absent = "plinth.local/echo@sha256:" + "0" * 64

    def waiting(app: str) -> dict[str, Any]:
        return next(
            (world.container(pod).get("state", {}).get("waiting") or {} for pod in world.pods(app)), {}
        )

    for name, reference, reason in (
        ("changed", str(changed), "ImageTampered"),
        ("absent", absent, "ImageNotInLocalStore"),
    ):
        world.create(world.deployments, world.deployment(name, reference, replicas=1))
        world.until(lambda app=name, wanted=reason: waiting(app).get("reason") == wanted, reason)
        assert images.BUILD_COMMAND in waiting(name)["message"]
        assert world.processes(*world.pods(name)) == []
        world.delete(f"{world.deployments}/{name}")
        world.until(lambda app=name: not world.pods(app), "the pod to be gone")


def test_a_platform_that_was_down_serves_the_same_pods_again(world: Any):
    kept = {pod["metadata"]["uid"] for pod in world.pods()}
    served = world.processes()
    assert served
    session.stop()
    assert not any(map(world.running, served))
    world.up()
    # Ports and authorities are kept, so addresses and credentials of before hold.
    world.until(lambda: world.ask().status_code == 200, "an answer through the gateway")
    assert {pod["metadata"]["uid"] for pod in world.pods()} == kept


def test_without_ready_pods_the_answer_is_503_and_deleted_pods_leave_no_process(world: Any):
    served = world.processes()
    assert served
    world.change({"replicas": 0})
    world.until(lambda: not world.pods(), "all pods to be gone")
    assert not any(map(world.running, served))
    assert world.ask().status_code == 503


def test_reap_ends_what_a_killed_runner_left(world: Any):
    """Last in this module: afterwards the platform is down."""
    world.change({"replicas": 1})
    world.until(world.ready_pods, "a ready pod")
    left = world.processes()
    assert left
    status = session.current()
    assert status is not None
    supervisor = psutil.Process(status.pid)
    supervisor.suspend()  # it would start another runner
    psutil.Process(world.part_pid("runner")).kill()
    supervisor.kill()
    command = [sys.executable, "-m", "infra.local.runner", "--reap", "--home", os.environ["PLINTH_HOME"]]

    def reaped() -> Any:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done if done.returncode == 0 else None

    assert world.until(reaped, "the lock of the killed runner to be free").stdout == "1 pods ended\n"
    assert not any(map(world.running, left))
