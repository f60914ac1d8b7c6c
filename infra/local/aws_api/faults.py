"""What AWS does on a bad day, on purpose: throttling, errors, silence, broken connections, slowness.

Nothing is broken unless somebody switches it on, through this process's own page on loopback. Which
request is hit follows from a seed, from what the request is, and from how often it was asked: not from
the order in which many arrive at once, which no seed could repeat.
"""

import hashlib
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FAULTS_PATH = "/_plinth/faults"
"""Page of this process, on plain HTTP: PUT switches faults on, GET says what was hit, DELETE ends them."""
KINDS = ("throttle", "error", "timeout", "reset", "lost")
"""Refused for being asked too fast; failed inside AWS; no answer; connection broken before the request was
carried out; connection broken after it was, so that the client does not know."""
LONGEST_SECONDS = 3600.0
"""Longest time for which faults stay on: what somebody forgot to switch off ends by itself."""
LONGEST_DELAY_SECONDS = 30.0
_THROTTLED = {
    "ec2": (503, "RequestLimitExceeded"),
    "s3": (503, "SlowDown"),
    "dynamodb": (400, "ProvisionedThroughputExceededException"),
}
"""Service to the status and code with which it throttles; all others say what stands in ``_OTHERS``."""
_OTHERS = (400, "ThrottlingException")
_FAILED = {"s3": (500, "InternalError"), "ec2": (500, "InternalError")}
_FAILURE = (500, "InternalFailure")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What goes wrong.

    Args:
        seed: Decides which requests are hit.
        rates: Kind to the share of requests that it hits, 0 to 1.
        seconds: For how long, from now.
        delay_seconds: How long every request waits before it is looked at.
        timeout_seconds: How long a request without an answer hangs before its connection ends.
        hosts: Regular expression; only hosts that it finds are hit, such as ``eu-central-1``.
    """

    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 600.0
    delay_seconds: float = 0.0
    timeout_seconds: float = 2.0
    hosts: str = ""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ValueError: With what is wrong.
        """
        if unknown := sorted(set(self.rates) - set(KINDS)):
            raise ValueError(f"unknown kinds of fault: {', '.join(unknown)}; known: {', '.join(KINDS)}")
        if any(rate < 0 for rate in self.rates.values()) or sum(self.rates.values()) > 1:
            raise ValueError("rates are shares of all requests: none below 0, together not above 1")
        if not 0 < self.seconds <= LONGEST_SECONDS:
            raise ValueError(f"faults last for more than 0 and at most {LONGEST_SECONDS:.0f} s")
        for wait in (self.delay_seconds, self.timeout_seconds):
            if not 0 <= wait <= LONGEST_DELAY_SECONDS:
                raise ValueError(f"a request may be held for at most {LONGEST_DELAY_SECONDS:.0f} s")
        re.compile(self.hosts)

    def hit(self, request: str, time_of_asking: int) -> str | None:
        """Return the kind of fault that a request meets the n-th time it is asked, or None. Pure."""
        text = f"{self.seed}/{time_of_asking}/{request}".encode()
        drawn = int.from_bytes(hashlib.sha256(text).digest()[:8]) / 2**64
        for kind in KINDS:
            drawn -= self.rates.get(kind, 0.0)
            if drawn < 0:
                return kind
        return None


class Faults:
    """What goes wrong now, and what has gone wrong since it was switched on."""

    def __init__(self) -> None:
        """Begin with nothing wrong."""
        self._lock = threading.Lock()
        self._plan: Plan | None = None
        self._until = 0.0
        self._asked: Counter[str] = Counter()
        self._hits: Counter[str] = Counter()
        self._requests = 0

    def set(self, plan: Plan | None) -> None:
        """Switch to a plan, or switch everything off; counting begins anew with a plan."""
        with self._lock:
            self._plan = plan
            if plan is not None:
                self._until = time.monotonic() + plan.seconds
                self._asked, self._hits, self._requests = Counter(), Counter(), 0

    def meet(self, host: str, request: str) -> tuple[float, str | None, float]:
        """Return what a request meets: seconds to wait first, kind of fault, seconds of its silence."""
        with self._lock:
            plan = self._plan
            if plan is None or time.monotonic() > self._until or not re.search(plan.hosts, host):
                return 0.0, None, 0.0
            self._requests += 1
            self._asked[request] += 1
            kind = plan.hit(request, self._asked[request])
            if kind is not None:
                self._hits[kind] += 1
            return plan.delay_seconds, kind, plan.timeout_seconds

    def report(self) -> dict[str, Any]:
        """Return the plan, whether it is on, and how many requests were hit."""
        with self._lock:
            on = self._plan is not None and time.monotonic() <= self._until
            return {
                "on": on,
                "plan": asdict(self._plan) if self._plan else None,
                "requests": self._requests,
                "hits": dict(sorted(self._hits.items())),
            }


def answer(kind: str, host: str) -> tuple[int, str]:
    """Return status and code with which the service behind a host throttles or fails. Pure."""
    service = next((one for one in _THROTTLED if _serves(one, host)), "")
    if kind == "throttle":
        return _THROTTLED.get(service, _OTHERS)
    return _FAILED.get(service, _FAILURE)


def is_s3(host: str) -> bool:
    """Tell whether S3 is behind a host. Pure."""
    return _serves("s3", host)


def s3_body(code: str) -> bytes:
    """Return the body of an error of S3. Pure."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>a drill</Message></Error>".encode()


def _serves(service: str, host: str) -> bool:
    return re.search(rf"(^|[./]){service}[.-]", host) is not None
