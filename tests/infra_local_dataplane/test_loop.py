"""One worker for each pod, none for pods that have ended, and nothing left behind."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local.gateway.loop import Controller
from infra.local.runner import loop
from infra.local.runner.loop import Runner


class FakeWorker:
    made: list["FakeWorker"]

    def __init__(self, _shared: Any, pod: dict[str, Any]) -> None:
        self.uid = pod["metadata"]["uid"]
        self.updates = 0
        self.told: list[str] = []
        self.gone = asyncio.Event()
        self.made.append(self)

    def update(self, _pod: dict[str, Any]) -> None:
        self.updates += 1

    def forget(self) -> None:
        self.gone.set()

    async def run(self) -> None:
        if self.uid == "broken" and len([one for one in self.made if one.uid == "broken"]) == 1:
            raise RuntimeError("a mistake in this program")
        await self.gone.wait()

    async def shut_down(self, _bound: float) -> None:
        self.told.append("shut down")


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[FakeWorker]:
    FakeWorker.made = []
    monkeypatch.setattr(loop, "Worker", FakeWorker)
    return FakeWorker.made


def pod(uid: str, phase: str = "Pending") -> dict[str, Any]:
    return {"metadata": {"uid": uid, "name": uid, "resourceVersion": "1"}, "status": {"phase": phase}}


def listing(*pods: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "PodList", "items": list(pods), "metadata": {"resourceVersion": "1"}}


def test_each_pod_has_one_worker_until_it_is_gone(
    api: Any, workers: list[FakeWorker], until: Callable[..., Any], tmp_path: Path
):
    orphan = tmp_path / "pods" / "u-orphan"
    orphan.mkdir(parents=True)
    api.objects["/api/v1/pods"] = listing(pod("a"), pod("b"), pod("done", "Succeeded"), pod("broken"))

    async def story() -> None:
        stop = asyncio.Event()
        runner = Runner(api, tmp_path)
        task = asyncio.create_task(runner.run(stop))
        await until(lambda: [one.uid for one in workers] == ["a", "b", "broken"])
        assert not orphan.exists()
        # A worker that fails is replaced: no pod is left without one.
        await until(lambda: [one.uid for one in workers] == ["a", "b", "broken", "broken"])
        runner._pods.items.pop("a")
        runner._changed.set()
        await until(workers[0].gone.is_set)
        stop.set()
        await task
        assert [one.told for one in workers] == [[], ["shut down"], [], ["shut down"]]

    asyncio.run(story())


def test_the_gateway_writes_nothing_before_it_has_seen_everything_and_cuts_its_log(
    api: Any, until: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("infra.local.runner.sandbox._LOG_CAP_BYTES", 10)
    (tmp_path / "rds.json").write_bytes(b'{"resources": ["of an earlier run"]}')
    (tmp_path / "access.log").write_text("more than ten bytes")
    kinds = [
        *(
            f"/apis/gateway.networking.k8s.io/v1/{kind}"
            for kind in ("gatewayclasses", "gateways", "httproutes")
        ),
        *(f"/api/v1/{kind}" for kind in ("services", "pods", "namespaces")),
    ]
    for path in kinds[1:]:
        api.objects[path] = listing()

    async def story() -> None:
        task = asyncio.create_task(Controller(api, tmp_path, 8080).run())
        await until((tmp_path / "cds.json").exists)
        await until((tmp_path / "access.log.1").exists)
        await asyncio.sleep(0.5)
        assert b"earlier run" in (tmp_path / "rds.json").read_bytes()
        api.objects[kinds[0]] = listing()
        await until(lambda: b"earlier run" not in (tmp_path / "rds.json").read_bytes())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
