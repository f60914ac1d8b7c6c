"""The node is registered, kept alive, and honest about what it is not."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra.local.runner import MAX_PROCESSES, UNPROVEN, node
from infra.local.runner.node import keep_node, node_object, node_status

NODE = "/api/v1/nodes/plinth-laptop"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/plinth-laptop"


def test_the_node_is_in_the_serving_pool_and_lists_what_it_cannot_prove():
    meta = node_object()["metadata"]
    assert meta["labels"]["plinth.dev/pool"] == "serving"
    assert all(item in meta["annotations"]["plinth.dev/unproven"] for item in UNPROVEN)
    assert not any("kwok" in name for name in meta["annotations"])


def test_it_offers_the_machine_and_as_many_pods_as_may_run_but_no_gpus(tmp_path: Path):
    status = node_status(tmp_path, now=0, earlier={})
    assert status["capacity"]["pods"] == str(MAX_PROCESSES)
    assert set(status["capacity"]) == {"cpu", "memory", "pods", "ephemeral-storage"}
    assert status["allocatable"] == status["capacity"]


def test_a_heartbeat_does_not_look_like_a_change(tmp_path: Path):
    first = node_status(tmp_path, now=0, earlier={})
    second = node_status(tmp_path, now=60, earlier=first)
    assert {item["lastTransitionTime"] for item in second["conditions"]} == {"1970-01-01T00:00:00Z"}
    assert {item["lastHeartbeatTime"] for item in second["conditions"]} == {"1970-01-01T00:01:00Z"}
    lost = {
        "conditions": [{"type": "Ready", "status": "Unknown", "lastTransitionTime": "1970-01-01T00:00:30Z"}]
    }
    (ready, *_) = node_status(tmp_path, now=60, earlier=lost)["conditions"]
    assert (ready["status"], ready["lastTransitionTime"]) == ("True", "1970-01-01T00:01:00Z")


def test_it_is_registered_once_renewed_and_registered_again_when_it_was_deleted(
    api: Any, until: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(node, "_RENEW_SECONDS", 0.01)
    monkeypatch.setattr(node, "_RETRY_SECONDS", 0.01)

    def created() -> list[str]:
        return [path for verb, path, _ in api.calls if verb == "create"]

    async def story() -> None:
        api.down = True
        task = asyncio.create_task(keep_node(api, tmp_path))
        await until(lambda: len(api.calls) > 3)
        assert api.objects == {}
        api.down = False
        api.calls.clear()
        await until(lambda: len([path for _, path, _ in api.calls if path == LEASE]) > 10)
        assert len(created()) == 2
        assert api.objects[NODE]["status"]["conditions"][0]["status"] == "True"
        assert api.objects[LEASE]["spec"]["holderIdentity"] == "plinth-laptop"
        del api.objects[NODE]
        await until(lambda: NODE in api.objects)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(story())
