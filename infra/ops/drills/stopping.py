"""Stops a model under load, through pods that are replaced and an `up`, and brings it back; then counts.

What is measured is what a client of the gateway sees: seconds from the command to the first answer of the
fallback, to the last answer of the model, and back; and whether any request failed.
"""

import asyncio
import time
from typing import Any

from infra.errors import PlinthError
from infra.local.runner.rest import Api
from infra.ops import changes, emulated, status, stopping, trail
from infra.ops.account import Account
from infra.ops.console import Steps
from infra.ops.drills.load import Load
from infra.settings import Settings

STACK, SERVICE = "local", "credit-risk"
ROUNDS = 3
"""Stops that are timed: where in its second a pod is when the switch is turned is chance."""
GOAL_SECONDS = 5.0
"""From the command to the last answer of the model: "within seconds", and an operator's patience."""
SETTLE_SECONDS = 4.0
"""Watched after each turn: four looks of every pod."""
READY_SECONDS = 120.0
PODS = "/api/v1/namespaces/serving/pods"


def run(steps: Steps, *, again: bool = True) -> dict[str, Any]:
    """Run the drill on the local stack and return what was measured.

    Args:
        steps: Told what is being done.
        again: Whether an `up` is made while the model is stopped.
    """
    file = emulated.stack_file(STACK)
    with steps.step("the environment"):
        ready = changes.prepare(file, steps)
        changes.up(ready, steps, adopt_existing=True)
        status.wait(STACK, 60)
    settings = ready.settings
    stopping.turn(settings, SERVICE, stop=False, by="drill", why="the drill begins with a model in service")
    rounds = []
    with Load(STACK, SERVICE) as load:
        load.wait(20, READY_SECONDS)
        with steps.step("stop and resume"):
            for number in range(ROUNDS):
                steps.say(f"round {number + 1}")
                rounds.append(_round(settings, load))
        with steps.step("stopped over new pods"):
            stopping.turn(settings, SERVICE, stop=True, by="drill", why="stopped while its pods are replaced")
            time.sleep(SETTLE_SECONDS)
            since = time.time()
            replaced = asyncio.run(_replace(settings, steps))
        if again:
            with steps.step("stopped over an up"):
                changes.up(changes.prepare(file, steps), steps, adopt_existing=True)
        kept = load.seen(since=since)
        stopping.turn(settings, SERVICE, stop=False, by="drill", why="the drill is over")
        time.sleep(SETTLE_SECONDS)
    return _report(settings, load, rounds, {"pods_replaced": replaced, "up": again, "answers": kept})


def _round(settings: Settings, load: Load) -> dict[str, Any]:
    asked = time.time()
    stopping.turn(settings, SERVICE, stop=True, by="drill", why="a drill of the stop control")
    done = time.time()
    time.sleep(SETTLE_SECONDS)
    back = time.time()
    stopping.turn(settings, SERVICE, stop=False, by="drill", why="the round of the drill is over")
    time.sleep(SETTLE_SECONDS)
    return {
        "command_seconds": round(done - asked, 2),
        "first_fallback_seconds": _first(load, "scorecard", asked, back),
        "last_model_seconds": _last(load, "model", asked, back),
        "first_model_again_seconds": _first(load, "model", back, time.time()),
    }


def _first(load: Load, rung: str, since: float, until: float) -> float | None:
    at = [one.at for one in list(load.answers) if since <= one.at < until and one.outcome.endswith(rung)]
    return round(min(at) - since, 2) if at else None


def _last(load: Load, rung: str, since: float, until: float) -> float:
    at = [one.at for one in list(load.answers) if since <= one.at < until and one.outcome.endswith(rung)]
    return round(max(at) - since, 2) if at else 0.0


async def _replace(settings: Settings, steps: Steps) -> int:
    """Evict each pod of the service, one after the other, and wait for its successor; return how many."""
    kubeconfig = Account.of(settings).kubeconfig
    assert kubeconfig is not None
    api = Api(kubeconfig)
    selector = {"labelSelector": f"app.kubernetes.io/name={SERVICE}"}
    try:
        old = (await api.get(PODS, **selector))["items"]
        for pod in old:
            name = pod["metadata"]["name"]
            steps.say(f"evicting {name}")
            eviction = {"apiVersion": "policy/v1", "kind": "Eviction"}
            metadata = {"name": name, "namespace": "serving"}
            await api.create(f"{PODS}/{name}/eviction", {**eviction, "metadata": metadata})
            await _until_ready(api, selector, len(old), without=pod["metadata"]["uid"])
    finally:
        await api.close()
    return len(old)


async def _until_ready(api: Api, selector: dict[str, str], count: int, *, without: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        pods = (await api.get(PODS, **selector))["items"]
        if sum(map(_ready, pods)) >= count and all(one["metadata"]["uid"] != without for one in pods):
            return
        await asyncio.sleep(0.5)
    raise PlinthError("The pods did not come back.", fix="./plinth status")


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _report(
    settings: Settings, load: Load, rounds: list[dict[str, Any]], kept: dict[str, Any]
) -> dict[str, Any]:
    failed = [one.outcome for one in load.answers if not one.decision]
    while_stopped = sum(count for outcome, count in kept["answers"].items() if outcome.endswith("model"))
    acts = stopping.history(settings, SERVICE)
    worst = max(one["last_model_seconds"] for one in rounds)
    told = {
        "rounds": rounds,
        "worst_seconds_to_the_last_answer_of_the_model": worst,
        "goal_seconds": GOAL_SECONDS,
        "stopped_meanwhile": {**kept, "answers_of_the_model": while_stopped},
        "requests": len(load.answers),
        "failed_requests": len(failed),
        "failures": sorted(set(failed)),
        "acts_in_the_log": [f"{one['done']} by {one['by']}: {one['why']}" for one in acts][-8:],
        "log_findings": len(trail.verify(settings, SERVICE).findings),
    }
    seen = all(one["first_fallback_seconds"] and one["first_model_again_seconds"] for one in rounds)
    good = seen and worst <= GOAL_SECONDS and not failed and not while_stopped and not told["log_findings"]
    return {**told, "good": bool(good)}
