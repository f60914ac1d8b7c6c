"""Fetches the latest answers of stable and candidate pods and keeps one comparison for each service."""

import json
import logging
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.operations.samples import Sample
from infra.rollout.comparison import Comparison, answers_of
from infra.rollout.served import PRIMARY
from services.readiness.contract import Contract
from services.readiness.shadow import PAGE

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between two rounds while there is a candidate; a round costs a request for each pod."""
IDLE_SECONDS = 5.0
"""Between two rounds while there is none: one call of the API server."""
ANSWER_SECONDS = 2.0
NAME, REVISION = "app.kubernetes.io/name", "pod-template-hash"
ENDPOINT = "plinth.dev/endpoint"
"""Annotation by which a laptop says where a pod's process listens; in a cluster a pod has an address."""
PORT = 3000


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One pod that may be asked.

    Args:
        name: Its name.
        service: Its service.
        stable: Whether it runs the version in service.
        revision: Which version that is.
        address: Host and port.
    """

    name: str
    service: str
    stable: bool
    revision: str
    address: str


@dataclass(kw_only=True)
class Watched:
    """What is known of one service's candidate."""

    revision: str
    comparison: Comparison
    present: bool = True
    cursors: dict[str, tuple[str, int]] = field(default_factory=dict)


def pods(items: list[dict[str, Any]], services: Mapping[str, object]) -> list[Pod]:
    """Return the pods of services that run, from what the API server lists. Pure."""
    found = []
    for item in items:
        meta, status = item["metadata"], item.get("status", {})
        labels = meta.get("labels") or {}
        name = labels.get(NAME, "")
        stable = name.endswith(PRIMARY)
        service = name.removesuffix(PRIMARY) if stable else name
        local = (meta.get("annotations") or {}).get(ENDPOINT, "")
        own = status.get("podIP")
        address = local if local.startswith("127.0.0.1:") else f"{own}:{PORT}" if own else ""
        if service in services and address and status.get("phase") == "Running":
            found.append(
                Pod(
                    name=meta["name"],
                    service=service,
                    stable=stable,
                    revision=labels.get(REVISION, ""),
                    address=address,
                )
            )
    return found


class Shadows:
    """Compares in a thread of its own, for ever.

    Args:
        listed: Lists the pods of services.
        contracts: The contract of each service.
    """

    def __init__(self, listed: Callable[[], list[dict[str, Any]]], contracts: Mapping[str, Contract]) -> None:
        """Begin with nothing known."""
        self._listed, self._contracts = listed, contracts
        self._watched: dict[str, Watched] = {}
        self._lock = threading.Lock()
        self._said = ""

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._run, name="shadows", daemon=True).start()

    def _run(self) -> None:
        waiting = threading.Event()
        while True:
            try:
                busy = self.look()
                self._said = ""
            except Exception as error:  # noqa: BLE001 - whatever is wrong, the next round may be better
                busy = False
                if self._said != (said := f"{type(error).__name__}: {error}"):
                    logger.warning("shadow answers cannot be compared: %s", said)
                self._said = said
            waiting.wait(LOOK_SECONDS if busy else IDLE_SECONDS)

    def look(self) -> bool:
        """Make one round; return whether any service has a candidate."""
        found = pods(self._listed(), self._contracts)
        candidates = {pod.service: pod for pod in found if not pod.stable}
        stable = {pod.service for pod in found if pod.stable}
        with self._lock:
            for service, known in self._watched.items():
                known.present = service in candidates and service in stable
        busy = False
        for service in candidates.keys() & stable:
            busy = True
            known = self._of(service, candidates[service].revision)
            for pod in found:
                if pod.service == service and (pod.stable or pod.revision == known.revision):
                    self._fetch(pod, known)
        return busy

    def _of(self, service: str, revision: str) -> Watched:
        with self._lock:
            known = self._watched.get(service)
            if known is None or known.revision != revision:
                limit = float(self._contracts[service].objectives.latency_ms)
                known = Watched(revision=revision, comparison=Comparison(latency_ms=limit))
                self._watched[service] = known
            known.present = True
            return known

    def _fetch(self, pod: Pod, known: Watched) -> None:
        process, after = known.cursors.get(pod.name, ("", 0))
        url = f"http://{pod.address}{PAGE}?after={after}"
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                url, timeout=ANSWER_SECONDS
            ) as reply:
                page = json.load(reply)
        except (OSError, ValueError):
            return  # it starts, it ends, or it hangs; its probes say which
        if page["process"] != process and after:
            known.cursors[pod.name] = (page["process"], 0)  # it was started anew: from the beginning
            return
        known.cursors[pod.name] = (page["process"], page["last"])
        with self._lock:
            # A candidate's own answers to users have no original to compare with.
            known.comparison.add(one for one in answers_of(page["answers"]) if one.shadow != pod.stable)

    def of(self, service: str) -> Watched | None:
        """Return what is known of a service's candidate; None when there was none yet."""
        with self._lock:
            return self._watched.get(service)

    def samples(self) -> Iterator[Sample]:
        """Tell of every candidate that there is."""
        with self._lock:
            known = {name: one.comparison.tally for name, one in self._watched.items() if one.present}
        for service, tally in sorted(known.items()):
            labels = {"service": service}
            for name, value in (
                ("pairs", tally.pairs),
                ("disagreement_share", tally.least_share(tally.different)),
                ("failed_share", tally.least_share(tally.failed)),
                ("slow_share", tally.least_share(tally.slow)),
                ("score_distance", tally.mean_distance),
            ):
                yield Sample(name=f"plinth_shadow_{name}", value=value, labels=labels)
