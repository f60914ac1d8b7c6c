"""What of a pod becomes a process, and what is refused rather than done halfway."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.runner.plan import NotByDigestError, UnsupportedError, plan_process

IMAGE = "registry.example/echo@sha256:" + "1" * 64


def pod(spec: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    app = {"name": "app", "image": IMAGE, "ports": [{"name": "http", "containerPort": 3000}], **container}
    return {
        "metadata": {"name": "echo-1", "namespace": "serving", "uid": "u-1"},
        "spec": {"containers": [app], **(spec or {})},
    }


def test_a_plain_pod_is_served_with_the_images_own_command():
    plan = plan_process(pod())
    assert (plan.container, plan.image, plan.digest) == ("app", IMAGE, "sha256:" + "1" * 64)
    assert plan.options == ()
    assert plan.container_port == 3000
    assert (plan.grace_seconds, plan.pre_stop_seconds) == (30, 0)


@pytest.mark.parametrize(
    ("command", "args", "options"),
    [
        (["bentoml", "serve"], [], ()),
        (["bentoml", "serve", "/home/bentoml/bento"], [], ()),
        (["bentoml", "serve", ".", "--host", "::", "-p", "3000"], [], ()),
        (["/usr/local/bin/bentoml"], ["serve", "--port=3000", "--timeout", "20"], ("--timeout", "20")),
        (
            ["python3.11", "-m", "bentoml", "serve"],
            ["--timeout-keep-alive=75", "."],
            ("--timeout-keep-alive=75",),
        ),
        ([], ["--timeout-graceful-shutdown", "9"], ("--timeout-graceful-shutdown", "9")),
        (
            ["bentoml", "serve", "--working-dir", "/app", "--arg", "a=b", "--debug"],
            [],
            ("--arg", "a=b", "--debug"),
        ),
    ],
)
def test_bentoml_commands_keep_their_options_but_not_their_places(
    command: list[str], args: list[str], options: tuple[str, ...]
):
    assert plan_process(pod(command=command, args=args)).options == options


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["sh", "-c", "bentoml serve"]},
        {"command": ["bentoml", "build"]},
        {"command": ["python", "serve.py"]},
        {"args": ["serve"]},
        {"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "touch /tmp/x"]}}}},
        {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "long"]}}}},
        {"lifecycle": {"preStop": {"httpGet": {"path": "/", "port": 3000}}}},
        {"livenessProbe": {"exec": {"command": ["true"]}}},
        {"livenessProbe": {"grpc": {"port": 3000}}},
        {"readinessProbe": {"httpGet": {"path": "/", "port": 3000, "scheme": "HTTPS"}}},
        {"readinessProbe": {"httpGet": {"path": "/", "port": "metrics"}}},
        {"readinessProbe": {"httpGet": {"path": "/", "port": 9000}}},
    ],
)
def test_what_would_run_differently_here_is_refused(container: dict[str, Any]):
    with pytest.raises(UnsupportedError):
        plan_process(pod(**container))


@pytest.mark.parametrize(
    "spec",
    [
        {"initContainers": [{"name": "fetch"}]},
        {"restartPolicy": "Never"},
        {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]},
        {"containers": [{"name": "a", "image": IMAGE}, {"name": "b", "image": IMAGE}]},
    ],
)
def test_pods_that_are_more_than_one_lasting_process_are_refused(spec: dict[str, Any]):
    with pytest.raises(UnsupportedError):
        plan_process(pod(spec))


def test_an_image_named_by_tag_is_refused():
    with pytest.raises(NotByDigestError, match="sha256"):
        plan_process(pod(image="registry.example/echo:latest"))


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        ({"sleep": {"seconds": 12}}, 12),
        ({"exec": {"command": ["sleep", "10"]}}, 10),
        ({"exec": {"command": ["/bin/sh", "-c", "sleep 2.5"]}}, 2.5),
    ],
)
def test_a_prestop_hook_that_sleeps_is_understood_in_each_spelling(hook: dict[str, Any], seconds: float):
    assert plan_process(pod(lifecycle={"preStop": hook})).pre_stop_seconds == seconds


def test_probes_are_read_with_their_named_port_and_defaults():
    plan = plan_process(
        pod(
            startupProbe={"httpGet": {"path": "/readyz", "port": "http"}, "failureThreshold": 30},
            livenessProbe={"tcpSocket": {"port": 3000}, "terminationGracePeriodSeconds": 4},
        )
    )
    startup, liveness = plan.probes
    assert (startup.kind, startup.path, startup.failure_threshold) == ("startup", "/readyz", 30)
    assert (startup.period_seconds, startup.timeout_seconds, startup.success_threshold) == (10, 1, 1)
    assert (liveness.path, liveness.grace_seconds) == (None, 4)


@given(
    st.lists(
        st.one_of(
            st.just(["--host", "::"]),
            st.just(["--port", "1"]),
            st.just(["--port=1"]),
            st.just(["/srv/bento"]),
        ),
        max_size=6,
    )
)
def test_no_place_of_the_container_ever_reaches_the_process(groups: list[list[str]]):
    words = [word for group in groups for word in group]
    assert plan_process(pod(command=["bentoml", "serve", *words])).options == ()
