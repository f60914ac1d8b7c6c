"""The life of one pod: start, probe, restart, end."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from infra.local.runner.launch import OBSTACLES, Shared, as_waiting, launch
from infra.local.runner.node import HOST_IP
from infra.local.runner.plan import NotByDigestError, ProcessPlan, UnsupportedError, plan_process
from infra.local.runner.prober import Prober
from infra.local.runner.reporter import Reporter
from infra.local.runner.rest import FAILURES, ApiError
from infra.local.runner.sandbox import Record, Sandbox, rotate, tail
from infra.local.runner.status import Observed, Running, Terminated, Waiting

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.2
"""How long a dead process goes unnoticed; the gateway sends requests to it for that time."""

_RETRY_SECONDS = 3.0
"""How often a pod that cannot start (image, config map, room) is looked at again."""

BACKOFF_FIRST_SECONDS, BACKOFF_CAP_SECONDS, _BACKOFF_RESET_SECONDS = 1, 30, 60
"""The kubelet goes from 10 s to 5 minutes and forgets after 10; at a laptop nobody should wait so long."""

_LEAST_GRACE_SECONDS = 2.0
"""What is left after a preStop hook that used up the grace period; the kubelet's own extension."""

_NOT_FOUND, _CONFLICT = 404, 409


class Worker:
    """One pod. :meth:`run` returns when the pod is gone and its processes have ended."""

    def __init__(self, shared: Shared, pod: Mapping[str, Any]) -> None:
        """Take over whatever an earlier runner left of this pod."""
        meta = pod["metadata"]
        container = pod["spec"]["containers"][0]
        self._shared = shared
        self._pod = pod
        self._gone = False
        self._wake = asyncio.Event()
        self._crashes = 0
        self._path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self._sandbox = Sandbox(shared.home / "pods" / meta["uid"])
        name = f"{meta['namespace']}_{meta['name']}_{container['name']}.log"
        self._log = shared.home / "logs" / "pods" / name
        record = self._sandbox.record
        address = (record and record.pod_ip) or (pod.get("status") or {}).get("podIP")
        self._address = address or shared.addresses.take()
        shared.addresses.hold([self._address])
        observed = Observed(
            container=container["name"],
            image=container["image"],
            state=Waiting(reason="ContainerCreating"),
            pod_ip=self._address,
            host_ip=HOST_IP,
            acknowledged_at=record.acknowledged_at if record else time.time(),
            restarts=record.restarts if record else 0,
            last_state=Terminated(**record.last_state) if record and record.last_state else None,
        )
        self._reporter = Reporter(shared.api, pod, observed)

    def update(self, pod: Mapping[str, Any]) -> None:
        """Take a newer version of the pod."""
        self._pod = pod
        self._reporter.update(pod)
        self._wake.set()

    def forget(self) -> None:
        """Note that the pod no longer exists in the API."""
        self._gone = True
        self._wake.set()

    async def run(self) -> None:
        """Keep the pod's process running until the pod goes."""
        adopted = self._adopt()
        async with self._reporter:
            while not self._ending:
                try:
                    plan = plan_process(self._pod)
                    if not adopted:
                        await self._launch(plan)
                except tuple(OBSTACLES) as error:
                    self._reporter.show(state=as_waiting(error), started=False, ready=False)
                    await self._pause(_RETRY_SECONDS)
                    continue
                await self._supervise(plan, resumed=adopted)
                adopted = False
                if not self._ending:
                    await self._back_off(plan)
            await self._finish()

    async def shut_down(self, bound_seconds: float) -> None:
        """End the processes because the runner ends; the pod stays, and a later runner starts it again."""
        if self._sandbox.record:
            await self._reporter.last_word(ready=False)
            await self._stop(bound_seconds)
            self._sandbox.record.pid = None
            self._sandbox.drop_temporary()
            self._sandbox.save()

    @property
    def _ending(self) -> bool:
        return self._gone or bool(self._pod["metadata"].get("deletionTimestamp"))

    @property
    def _record(self) -> Record:
        assert self._sandbox.record is not None, "only asked once a process was started"
        return self._sandbox.record

    def _adopt(self) -> bool:
        """Go on with a process that an earlier runner started; count a restart if it has ended meanwhile."""
        record = self._sandbox.record
        if record is None or not record.started_at:
            return False
        if self._sandbox.alive():
            self._shared.ports.hold(record.port)
            log.info("%s: adopted process %s", self._path, record.pid)
            # What the API says stays true until a probe says otherwise: no traffic is lost to our restart.
            self._show_running(**self._shown())
            return True
        self._sandbox.kill_all()
        self._count_end(exit_code=137, reason="ContainerStatusUnknown")
        return False

    def _shown(self) -> dict[str, bool]:
        """Return whether the API's copy of the pod says started and ready."""
        statuses = (self._pod.get("status") or {}).get("containerStatuses") or [{}]
        return {name: bool(statuses[0].get(name)) for name in ("started", "ready")}

    async def _launch(self, plan: ProcessPlan) -> None:
        record = await launch(self._shared, self._pod, plan, self._sandbox, self._log, pod_ip=self._address)
        log.info("%s: process %s on port %s", self._path, record.pid, record.port)
        self._show_running(started=False, ready=False)

    def _show_running(self, *, started: bool, ready: bool) -> None:
        record = self._record
        self._reporter.endpoint = f"127.0.0.1:{record.port}"
        self._reporter.show(
            state=Running(started_at=record.started_at),
            process=f"{record.pid}-{record.restarts}",
            started=started,
            ready=ready,
        )

    async def _supervise(self, plan: ProcessPlan, *, resumed: bool) -> None:
        """Watch a running process until it ends, must be ended, or the pod goes."""
        before = self._shown() if resumed else {}
        prober = Prober(plan.probes, self._record.port, self._wake.set, **before)
        prober.begin(self._record.started_at)
        try:
            while not self._ending and self._sandbox.alive():
                if probe := prober.fatal:
                    log.warning(
                        "%s: %s probe failed %s times", self._path, probe.kind, probe.failure_threshold
                    )
                    self._reporter.show(ready=False)
                    grace = plan.grace_seconds if probe.grace_seconds is None else probe.grace_seconds
                    await self._stop(grace, pre_stop_seconds=plan.pre_stop_seconds)
                    return
                self._reporter.show(started=prober.started, ready=prober.ready)
                rotate(self._log)
                await self._pause(_TICK_SECONDS)
        finally:
            prober.end()

    async def _back_off(self, plan: ProcessPlan) -> None:
        """Show the end of the process and wait before the next start."""
        code = self._sandbox.exit_code()
        self._sandbox.kill_all()
        if time.time() - self._record.started_at > _BACKOFF_RESET_SECONDS:
            self._crashes = 0
        delay = min(BACKOFF_FIRST_SECONDS * 2**self._crashes, BACKOFF_CAP_SECONDS)
        self._crashes += 1
        self._count_end(
            exit_code=137 if code is None else code,
            reason="ContainerStatusUnknown" if code is None else "Error" if code else "Completed",
            message=tail(self._log) if plan.log_on_error and code else "",
        )
        message = (
            f"back-off {delay}s restarting the process (on a laptop {BACKOFF_FIRST_SECONDS} to "
            f"{BACKOFF_CAP_SECONDS} s); log: {self._log}"
        )
        self._reporter.show(state=Waiting(reason="CrashLoopBackOff", message=message))
        end = time.monotonic() + delay
        while not self._ending and (left := end - time.monotonic()) > 0:
            await self._pause(left)

    def _count_end(self, *, exit_code: int, reason: str, message: str = "") -> None:
        record = self._record
        ended = Terminated(
            exit_code=exit_code,
            reason=reason,
            started_at=record.started_at,
            finished_at=time.time(),
            signal=exit_code - 128 if exit_code > 128 else None,  # noqa: PLR2004 - the shell's convention
            message=message,
        )
        self._shared.ports.rest(record.port)
        record.restarts += 1
        record.pid = None
        record.last_state = dict(vars(ended))
        self._sandbox.save()
        log.warning("%s: process ended with %s", self._path, exit_code)
        self._reporter.show(
            state=ended, last_state=ended, restarts=record.restarts, started=False, ready=False
        )

    async def _finish(self) -> None:
        """End the processes of a pod that goes, then remove the pod."""
        self._reporter.show(ready=False)
        if self._sandbox.record:
            grace, pre_stop = _LEAST_GRACE_SECONDS, 0.0
            if not self._gone:
                grace = self._pod["metadata"].get("deletionGracePeriodSeconds") or 0
                with contextlib.suppress(UnsupportedError, NotByDigestError):  # such a pod has no process
                    pre_stop = plan_process(self._pod).pre_stop_seconds
            await self._stop(grace, pre_stop_seconds=pre_stop)
            self._shared.ports.rest(self._record.port)
        self._sandbox.remove()
        self._shared.addresses.give_back(self._address)
        while not self._gone:
            try:
                await self._shared.api.delete_now(self._path, uid=self._pod["metadata"]["uid"])
            except FAILURES as error:
                if isinstance(error, ApiError) and error.status in (_NOT_FOUND, _CONFLICT):
                    return
                await self._pause(_RETRY_SECONDS)
            else:
                return

    async def _stop(self, grace_seconds: float, *, pre_stop_seconds: float = 0) -> None:
        """preStop, SIGTERM, what is left of the grace period, SIGKILL.

        The preStop sleep comes first because BentoML hangs new connections once it has the signal; in that
        time the gateway has long moved the traffic.
        """
        deadline = time.monotonic() + grace_seconds
        await self._until_dead(min(pre_stop_seconds, grace_seconds))
        self._sandbox.terminate()
        await self._until_dead(max(_LEAST_GRACE_SECONDS, deadline - time.monotonic()))
        self._sandbox.kill_all()

    async def _until_dead(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._sandbox.alive() and (left := end - time.monotonic()) > 0:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(min(_TICK_SECONDS, left))

    async def _pause(self, seconds: float) -> None:
        """Wait, at most until the pod changes or a probe has answered."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
