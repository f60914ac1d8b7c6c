"""The runner's main loop: one worker for each pod of the node, and nothing left behind."""

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.runner import NODE_NAME
from infra.local.runner.launch import Shared
from infra.local.runner.node import keep_node
from infra.local.runner.reflector import Reflector
from infra.local.runner.rest import Api
from infra.local.runner.sandbox import Sandbox, kill_marked, marked_processes
from infra.local.runner.worker import Worker

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10.0
"""How long processes may finish their requests when the platform goes down."""

_LOOK_SECONDS = 0.1

_FINISHED = frozenset({"Succeeded", "Failed"})


class Runner:
    """Follows the pods of the node until told to stop."""

    def __init__(self, api: Api, home: Path) -> None:
        """``home`` is the ``local`` folder of the home."""
        self._api = api
        self._home = home
        self._shared = Shared(api=api, home=home)
        self._changed = asyncio.Event()
        self._pods = Reflector(
            api, "/api/v1/pods", self._changed.set, field_selector=f"spec.nodeName={NODE_NAME}"
        )
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then end all processes, by force after :data:`SHUTDOWN_SECONDS`."""
        tasks = [
            asyncio.create_task(keep_node(self._api, self._home)),
            asyncio.create_task(self._pods.run()),
            asyncio.create_task(self._reconcile()),
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # none of the three returns by itself: an error ends the runner
        finally:
            await _cancel([*tasks, stopping])
            await self._shut_down()

    async def _reconcile(self) -> None:
        await self._pods.synced.wait()
        known = list(self._pods.items.values())
        self._shared.addresses.hold((pod.get("status") or {}).get("podIP", "") for pod in known)
        await asyncio.to_thread(remove_orphans, self._home, set(self._pods.items))
        while True:
            self._changed.clear()
            self._match(self._pods.items)
            await self._changed.wait()

    def _match(self, pods: Mapping[str, Mapping[str, Any]]) -> None:
        for uid, pod in pods.items():
            if uid in self._workers:
                self._workers[uid][0].update(pod)
            elif (pod.get("status") or {}).get("phase") not in _FINISHED:
                worker = Worker(self._shared, pod)
                task = asyncio.create_task(worker.run(), name=uid)
                task.add_done_callback(self._ended)
                self._workers[uid] = worker, task
        for uid, (worker, _) in self._workers.items():
            if uid not in pods:
                worker.forget()

    def _ended(self, task: asyncio.Task[None]) -> None:
        uid = task.get_name()
        if task.cancelled():
            return
        self._workers.pop(uid, None)
        if error := task.exception():
            # A mistake in this program must not leave a pod without an owner: it is taken up again.
            log.error("pod %s: %s", uid, error, exc_info=error)
            asyncio.get_running_loop().call_later(1.0, self._changed.set)

    async def _shut_down(self) -> None:
        workers = [worker for worker, _ in self._workers.values()]
        await _cancel([task for _, task in self._workers.values()])
        await asyncio.gather(*(worker.shut_down(SHUTDOWN_SECONDS) for worker in workers))


def remove_orphans(home: Path, living: set[str]) -> list[str]:
    """End the processes and remove the folders of pods that no longer exist; return their uids, sorted."""
    folder = home / "pods"
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    removed = []
    for entry in entries:
        if entry.name not in living:
            kill_marked(entry)
            Sandbox(entry).remove()
            removed.append(entry.name)
    if removed:
        log.info("removed what was left of %s pods", len(removed))
    return removed


def reap(home: Path) -> int:
    """End all processes of this home's pods, asked first, then forced; return how many pods had some."""
    prefix = f"{home / 'pods'}/"
    boxes = [Sandbox(Path(place)) for place in marked_processes() if place.startswith(prefix)]
    for box in boxes:
        box.terminate()
    end = time.monotonic() + SHUTDOWN_SECONDS
    while any(box.alive() for box in boxes) and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
    for box in boxes:
        kill_marked(box.folder)
        box.drop_temporary()
    return len(boxes)


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
