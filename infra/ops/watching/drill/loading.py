"""Requests through the gateway: ordinary ones, and ones that are like nothing the model learned from."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from infra.local.paths import repo_root
from infra.ops import callers, status, traffic

AT_ONCE = 8
ANSWER_SECONDS = 12.0
"""The gateway gives up after ten."""


def load(service: str, kind: str, ended: threading.Event) -> None:
    """Send requests until told to stop.

    Args:
        service: Who is asked.
        kind: ``ordinary`` or ``strange``.
        ended: Set when it is enough.
    """
    found = status.collect("local")
    deployed = {one.name: one for one in found.services}[service]
    url = f"{found.endpoints['gateway']}/v1/decisions"
    headers = callers.headers(service, deployed.host, subject="plinth-drill")
    headers["content-type"] = "application/json"
    folder = repo_root() / "services" / service.replace("-", "_")
    example = json.loads((folder / "example.json").read_text(encoding="utf-8"))
    # Spread as the training data: one row again and again would be a drift.
    rows = traffic.bodies(service) if kind == "ordinary" else []

    def one_after_the_other(number: int) -> None:
        dice = random.Random(number)  # noqa: S311 - spreads inputs, guards nothing
        with httpx.Client(trust_env=False, timeout=ANSWER_SECONDS) as client:
            while not ended.is_set():
                body = dice.choice(rows) if rows else json.dumps(strange(example, dice)).encode()
                try:
                    client.post(url, content=body, headers=headers)
                except httpx.HTTPError:
                    ended.wait(0.2)  # it is being broken; that is the point

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one_after_the_other, range(AT_ONCE)))


def strange(example: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Return a request that the schema takes and the training data never held: numbers at their far ends."""
    found = dict(example)
    ends = {"duration_months": (100, 120), "credit_amount_dm": (60_000, 100_000)}
    for name, (low, high) in ends.items():
        if name in found:
            found[name] = dice.randint(low, high)
    return found
