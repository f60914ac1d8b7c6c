"""What is broken on this machine for an alert. Each cause is a context that heals in any case."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from infra import naming
from infra.errors import PlinthError
from infra.local.control_plane.bootstrap import api
from infra.local.runner.environment import SANDBOX_VARIABLE
from infra.local.runner.sandbox import Sandbox
from infra.local.session import Platform
from infra.local.supervisor.layout import Site
from infra.ops import contracts, stopping
from infra.ops.releases import releases_file
from infra.ops.watching.drill import certificates
from infra.settings import Settings

STOPPED_SECONDS, RUNNING_SECONDS = 0.45, 0.08
"""A slow service: of each half second it may run a sixth."""
HEALING_SECONDS = 40.0
"""Of ordinary requests after strange ones: windows hold 1,000 a pod, a busy laptop answers 100 a second."""
OLD_CASE = timedelta(hours=90)
CASE = "00000000000000000000000000000d11"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Where things are broken.

    Args:
        site: The local platform.
        platform: As its supervisor describes it.
        settings: Settings of the local stack.
        service: The service that is broken.
        client: A client of the local AWS API.
        more: Adds keys to what the monitoring controller reads of the drill.
        load: Sends ordinary or strange requests until told to stop.
    """

    site: Site
    platform: Platform
    settings: Settings
    service: str
    client: Callable[[str], Any]
    more: Callable[[Mapping[str, Any]], None]
    load: Callable[[str, threading.Event], None]


Cause = Callable[[Ground], contextlib.AbstractContextManager[None]]


def _pids(ground: Ground) -> list[int]:
    """Return the processes of the service's pods, by the mark that the runner gives them."""
    place = f"{ground.site.local / 'pods'}/"
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            box = process.environ().get(SANDBOX_VARIABLE, "")
            record = Sandbox(Path(box)).record if box.startswith(place) else None
            if record and record.pod.startswith(f"{ground.service}-"):
                found.append(process.pid)
    if not found:
        raise PlinthError(f"No process of '{ground.service}' runs.", fix="./plinth up")
    return found


@contextlib.contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def service_hangs(ground: Ground) -> Iterator[None]:
    """Stop every process of the service where it stands."""
    with _stopped(_pids(ground)):
        yield


@contextlib.contextmanager
def pod_hangs(ground: Ground) -> Iterator[None]:
    """Stop the processes of one pod of the service."""
    pids = _pids(ground)
    boxes = {pid: psutil.Process(pid).environ()[SANDBOX_VARIABLE] for pid in pids}
    one = min(boxes.values())
    with _stopped([pid for pid, box in boxes.items() if box == one]):
        yield


@contextlib.contextmanager
def slow(ground: Ground) -> Iterator[None]:
    """Let the service run for a sixth of the time, while ordinary requests come."""
    pids, ended = _pids(ground), threading.Event()

    def starve() -> None:
        while not ended.is_set():
            with _stopped(pids):
                ended.wait(STOPPED_SECONDS)
            ended.wait(RUNNING_SECONDS)

    threads = [
        threading.Thread(target=starve, daemon=True),
        threading.Thread(target=ground.load, args=("ordinary", ended), daemon=True),
    ]
    yield from _while(threads, ended)


@contextlib.contextmanager
def strange_inputs(ground: Ground) -> Iterator[None]:
    """Send inputs that are like nothing the model learned from; ordinary ones fill the windows again."""
    ended = threading.Event()
    thread = threading.Thread(target=ground.load, args=("strange", ended), daemon=True)
    try:
        yield from _while([thread], ended)
    finally:
        healed = threading.Event()
        timer = threading.Timer(HEALING_SECONDS, healed.set)
        timer.start()
        ground.load("ordinary", healed)


def _while(threads: list[threading.Thread], ended: threading.Event) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


@contextlib.contextmanager
def exporter_hangs(ground: Ground) -> Iterator[None]:
    """Stop the operations exporter where it stands."""
    pid = ground.platform.parts["operations"].pid
    assert pid is not None
    with _stopped([pid]):
        yield


@contextlib.contextmanager
def job_gone(ground: Ground) -> Iterator[None]:
    """Take a job out of what Prometheus scrapes."""
    ground.more({"without": ["kube-state-metrics"]})
    try:
        yield
    finally:
        ground.more({})


@contextlib.contextmanager
def nobody_takes_messages(ground: Ground) -> Iterator[None]:
    """Lead Alertmanager's messages to a port where nothing listens."""
    ground.more({"aws": "http://127.0.0.1:9"})
    try:
        yield
    finally:
        ground.more({})


@contextlib.contextmanager
def certificate_ends(ground: Ground) -> Iterator[None]:
    """Put a certificate of one day among those that are watched."""
    path = ground.site.pki / "drill.crt"
    path.write_bytes(certificates.of_a_day())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def trail_stopped(ground: Ground) -> Iterator[None]:
    """Stop the account's trail."""
    client, name = ground.client("cloudtrail"), naming.role(ground.settings.environment, "audit")
    client.stop_logging(Name=name)
    try:
        yield
    finally:
        client.start_logging(Name=name)


@contextlib.contextmanager
def nobody_reviews(ground: Ground) -> Iterator[None]:
    """Put a case into the queue that has waited for days."""
    client = ground.client("dynamodb")
    table = naming.table(ground.settings.environment, "review-index")
    asked = (datetime.now(UTC) - OLD_CASE).isoformat()
    key = {"service": {"S": ground.service}, "decision": {"S": CASE}}
    client.put_item(
        TableName=table,
        Item={
            **key,
            "state": {"S": "open"},
            "asked_at": {"S": asked},
            "reason": {"S": "drill"},
            "model_digest": {"S": "drill"},
            "input": {"S": "{}"},
            "output": {"S": "{}"},
        },
    )
    try:
        yield
    finally:
        client.delete_item(TableName=table, Key=key)


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[None]:
    kept = path.with_name(f"{path.name}.drill")
    path.rename(kept)
    try:
        yield
    finally:
        kept.rename(path)


@contextlib.contextmanager
def signatures_gone(ground: Ground) -> Iterator[None]:
    """Take the signatures of the service's contract away."""
    with _aside(contracts.envelope_file(ground.service, ground.settings.environment, development=True)):
        yield


@contextlib.contextmanager
def model_stopped(ground: Ground) -> Iterator[None]:
    """Take the model out of service, as a person would, and bring it back."""
    stopping.turn(ground.settings, ground.service, stop=True, by="drill", why="a drill of the alert")
    try:
        yield
    finally:
        stopping.turn(ground.settings, ground.service, stop=False, by="drill", why="the drill is over")


@contextlib.contextmanager
def releases_gone(ground: Ground) -> Iterator[None]:
    """Take away what the exporter reads contracts by."""
    path = releases_file(ground.settings.environment)
    kept = path.with_name(f"{path.name}.drill")
    path.rename(kept)
    path.write_text("{", encoding="utf-8")
    try:
        yield
    finally:
        kept.rename(path)


@contextlib.contextmanager
def _patched(
    ground: Ground, patch: Mapping[str, Any], back: Callable[[dict[str, Any]], Any]
) -> Iterator[None]:
    path = f"/apis/apps/v1/namespaces/serving/deployments/{ground.service}"
    kube = api(ground.site)
    before = back(kube.get(path))
    kube.call("PATCH", path, json.dumps(patch).encode(), MERGE)
    try:
        yield
    finally:
        kube.call("PATCH", path, json.dumps(before).encode(), MERGE)


@contextlib.contextmanager
def contract_ends(ground: Ground) -> Iterator[None]:
    """Let the deployed service say that its contract ends in three days."""
    key = "plinth.dev/contract-expires"
    soon = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()

    def shown(value: str) -> dict[str, Any]:
        return {"metadata": {"annotations": {key: value}}}

    with _patched(ground, shown(soon), lambda found: shown(found["metadata"]["annotations"][key])):
        yield


@contextlib.contextmanager
def image_missing(ground: Ground) -> Iterator[None]:
    """Ask for a release whose image nobody has."""

    def image(found: dict[str, Any]) -> dict[str, Any]:
        inner = found["spec"]["template"]["spec"]["containers"]
        return {"spec": {"template": {"spec": {"containers": inner}}}}

    now = image(api(ground.site).get(f"/apis/apps/v1/namespaces/serving/deployments/{ground.service}"))
    (container,) = now["spec"]["template"]["spec"]["containers"]
    absent = container | {"image": f"{container['image'].partition('@')[0]}@sha256:{'d' * 64}"}
    with _patched(ground, {"spec": {"template": {"spec": {"containers": [absent]}}}}, image):
        yield


CAUSES: Mapping[str, tuple[Cause, str]] = {
    "AlertDeliveryFailing": (nobody_takes_messages, "messages go to a dead port"),
    "AuditGap": (trail_stopped, "the trail is stopped"),
    "CertificateExpiring": (certificate_ends, "a certificate of one day"),
    "ContractExpiring": (contract_ends, "the contract ends in three days"),
    "ContractInvalid": (signatures_gone, "its signatures are gone"),
    "ExporterDown": (exporter_hangs, "the exporter's process is stopped"),
    "ExporterMissing": (job_gone, "a job is taken out of the configuration"),
    "InputDrift": (strange_inputs, "strange inputs"),
    "OperationsReadFailing": (releases_gone, "what it reads is broken"),
    "OutOfDistributionFlood": (strange_inputs, "strange inputs"),
    "ReviewQueueOld": (nobody_reviews, "a case that has waited 90 hours"),
    "ServiceDown": (service_hangs, "every process of the service is stopped"),
    "ServiceFailing": (slow, "the service runs a sixth of the time"),
    "ServiceLatencyBudgetBurn": (slow, "the service runs a sixth of the time"),
    "ServiceReplicasMissing": (pod_hangs, "one pod's processes are stopped"),
    "ServiceStopped": (model_stopped, "somebody stops the model"),
    "ServiceRolloutStuck": (image_missing, "a release without an image"),
}
"""Alert to what brings it about on this machine, and in words."""


def wait(seconds: float, until: Callable[[], bool]) -> float | None:
    """Return after how many seconds something became true; None when it did not."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if until():
            return time.monotonic() - begun
        time.sleep(0.5)
    return None
