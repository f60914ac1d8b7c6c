"""The status that the API shows is what was observed, and turns no time stamp without reason."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.local.runner.status import Observed, Running, Terminated, Waiting, build_status, differs

ENDED = Terminated(exit_code=137, reason="Error", started_at=10, finished_at=20, signal=9)
OBSERVED = Observed(
    container="app",
    image="registry.example/echo@sha256:" + "1" * 64,
    state=Running(started_at=100),
    process="7-0",
    pod_ip="10.244.0.7",
    host_ip="192.0.2.1",
    acknowledged_at=99,
)

observations = st.builds(
    lambda **changes: replace(OBSERVED, **changes),
    state=st.sampled_from([Running(started_at=100), Waiting(reason="CrashLoopBackOff", message="m"), ENDED]),
    last_state=st.sampled_from([None, ENDED]),
    restarts=st.integers(0, 3),
    started=st.booleans(),
    ready=st.booleans(),
    process=st.sampled_from(["", "7-0"]),
)


def pod(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "echo-1"}, "spec": spec, "status": status or {}}


def conditions(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["type"]: item for item in status["conditions"]}


def test_a_pod_that_waits_for_its_image_is_pending_with_the_reason():
    waiting = replace(
        OBSERVED, state=Waiting(reason="ImageNotInLocalStore", message="./plinth up"), process=""
    )
    status = build_status(waiting, pod(), now=100)
    (container,) = status["containerStatuses"]
    assert status["phase"] == "Pending"
    assert container["state"] == {"waiting": {"reason": "ImageNotInLocalStore", "message": "./plinth up"}}
    assert "containerID" not in container
    assert conditions(status)["Ready"]["status"] == "False"


def test_a_crash_shows_its_exit_code_and_signal():
    crashed = replace(OBSERVED, state=Waiting(reason="CrashLoopBackOff"), last_state=ENDED, restarts=1)
    status = build_status(crashed, pod(), now=100)
    (container,) = status["containerStatuses"]
    assert status["phase"] == "Running"
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"] == {
        "exitCode": 137,
        "signal": 9,
        "reason": "Error",
        "startedAt": "1970-01-01T00:00:10Z",
        "finishedAt": "1970-01-01T00:00:20Z",
    }


def test_a_pod_that_ends_is_not_ready_whatever_its_probe_says():
    ending = pod()
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status = build_status(replace(OBSERVED, started=True, ready=True), ending, now=100)
    assert conditions(status)["Ready"]["status"] == "False"
    assert status["containerStatuses"][0]["ready"] is False


def test_a_readiness_gate_holds_the_pod_back_until_its_condition_is_true():
    ready = replace(OBSERVED, started=True, ready=True)
    gates = [{"conditionType": "example.net/checked"}]
    closed = build_status(ready, pod(readinessGates=gates), now=100)
    assert conditions(closed)["ContainersReady"]["status"] == "True"
    assert conditions(closed)["Ready"]["reason"] == "ReadinessGatesNotReady"
    shown = {"conditions": [{"type": "example.net/checked", "status": "True"}]}
    assert (
        conditions(build_status(ready, pod(shown, readinessGates=gates), now=100))["Ready"]["status"]
        == "True"
    )


@given(first=observations, second=observations)
def test_a_condition_keeps_its_time_exactly_while_it_does_not_turn(first: Observed, second: Observed):
    before = build_status(first, pod(), now=1000)
    after = build_status(second, pod(before), now=2000)
    for kind, item in conditions(after).items():
        turned = item["status"] != conditions(before)[kind]["status"]
        assert (item["lastTransitionTime"] == "1970-01-01T00:33:20Z") == turned


@given(first=observations, second=observations)
def test_a_status_is_written_exactly_when_the_api_shows_another(first: Observed, second: Observed):
    shown = build_status(first, pod(), now=1000)
    foreign = {"type": "PodScheduled", "status": "True"}
    current = pod({**shown, "qosClass": "Burstable", "conditions": [foreign, *reversed(shown["conditions"])]})
    wanted = build_status(second, current, now=1000)
    assert differs(wanted, current) == (wanted != shown)


def test_what_the_server_leaves_out_because_it_is_empty_is_no_difference():
    wanted = build_status(OBSERVED, pod(), now=1000)
    shown = {**wanted, "conditions": [{k: v for k, v in c.items() if v} for c in wanted["conditions"]]}
    assert not differs(wanted, pod(shown))
