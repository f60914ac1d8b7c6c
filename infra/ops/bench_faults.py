"""Breaks a service in every way that its contract names, under load, and counts what is answered.

The service runs in this process, through its whole HTTP application, with the real model and a real log on
disk; only the sockets are left out. Each fault is made where it would happen (the model's call, the
disk's sync, the store), not by telling the service that there is one.
"""

import asyncio
import contextlib
import errno
import json
import logging
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.credit_risk.answering import HOSTED
from services.credit_risk.features import KNOWN
from services.credit_risk.packaging import SERVICE as PACKABLE
from services.lifecycle.packing import cache_folder, cached_model
from services.readiness.api import Api, Endpoints
from services.readiness.contract_file import load
from services.readiness.decision_log import writer
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import FolderStore, StoreError
from services.readiness.decisions import Decisions
from services.readiness.feature_lookup import FIND_SECONDS, FeatureLookup
from services.readiness.ladder import MODEL_SECONDS, Ladder
from services.readiness.online_features import item_of
from services.readiness.security import Caller, RateLimit, Tokens

FOLDER, SERVICE = HOSTED.folder, HOSTED.service
BLINK_SECONDS = 0.01
AT_ONCE = 64
"""Requests in flight at a time."""

SLOW_SECONDS = 0.6
"""Over twice what the service waits for its model, and six times what it waits here for the disk."""

PATIENT_SECONDS = 5.0
"""Wait for model and disk where they are not what is broken: a busy machine is not a fault of the service."""
HANG_SECONDS = 10.0
"""The gateway gives up after ten seconds; what takes longer hangs."""


class _Anybody(Tokens):
    """Lets the bench in without a signature for each request; refusals have tests of their own."""

    def check(self, authorization: bytes, scope: str) -> Caller:
        del authorization
        return Caller(subject="bench", scopes=frozenset({scope}), expires=time.time() + 60)


class _Store(FolderStore):
    """A store that is away when told so."""

    away = False

    def put(self, key: str, content: bytes) -> None:
        if self.away:
            raise StoreError("away")
        super().put(key, content)


class _Table:
    """The online store's items, made when they are asked for, signed as a builder signs them."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.altered = False
        example = json.loads((FOLDER / "example.json").read_text(encoding="utf-8"))
        self._values = HOSTED.encode(HOSTED.schema.model_validate(example))

    def read(self, subject: str, title: str) -> Any:
        """Return the item of any subject."""
        now, digest = int(time.time()), KNOWN.digest
        item = item_of(subject, title, digest, now, self._values, expires_at=now + 60, key=self.key)
        return item | ({"values": str(item["values"]).replace("1", "2")} if self.altered else {})


class _FullFeed:
    """A review table that has stopped taking cases long ago."""

    full = True

    def ask(self, case: Any) -> None:
        """Never called: a full feed takes nothing."""
        raise AssertionError(case)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(kw_only=True)
class _World:
    """One service with its log and store."""

    folder: Path
    model: Path
    limits: writer.Limits = field(default_factory=writer.Limits)
    reviews: Any = None
    most_in_progress: int = 1500
    model_seconds: float = PATIENT_SECONDS
    path: str = "/decisions"
    find_seconds: float = PATIENT_SECONDS

    def __post_init__(self) -> None:
        contract = load(FOLDER)
        self.ladder = Ladder(
            contract, features_digest=HOSTED.features_digest, model_seconds=self.model_seconds
        )
        self.ladder.load(self.model)
        self.store = _Store(self.folder / "store")
        self.decisions = Decisions(
            SERVICE,
            contract,
            self.ladder,
            environment={"PLINTH_DECISIONS_FOLDER": str(self.folder / "spool")},
            store=self.store,
            reviews=self.reviews,
            limits=self.limits,
        )
        self.table = _Table()
        assert HOSTED.known is not None
        self.features = FeatureLookup(
            HOSTED.known, self.table.read, [self.table.key.public_key()], find_seconds=self.find_seconds
        )
        ends = Endpoints(
            decisions=lambda: self.decisions,
            schema=HOSTED.schema,
            encode=HOSTED.encode,
            redact=HOSTED.redact,
            tokens=_Anybody(issuer=None, audience="", keys=None),
            rate=RateLimit(1e9, 1e9),
            describe=lambda: None,
            most_in_progress=self.most_in_progress,
            features=self.features,
        )
        self.api = Api(SERVICE.name, lambda: ends)

    async def ask(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Send one request and return status and answer; status 0 is a hang."""
        messages: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": self.path,
            "headers": [(b"content-type", b"application/json")],
        }
        try:
            async with asyncio.timeout(HANG_SECONDS):
                await self.api(scope, receive, send)
        except TimeoutError:
            return 0, {}
        return messages[0]["status"], json.loads(messages[1]["body"])


def _after(seconds: float, call: Callable[..., Any]) -> Callable[..., Any]:
    def later(*given: Any) -> Any:
        time.sleep(seconds)
        return call(*given)

    return later


def _raises(error: BaseException) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise error

    return call


@contextlib.contextmanager
def _broken(fault: str, world: _World) -> Iterator[None]:
    """Break one thing while the block runs."""
    model = world.ladder.model
    with contextlib.ExitStack() as stack:
        if fault in {"model_slow", "model_wrong_shape", "out_of_memory", "out_of_memory_everywhere"}:
            assert model is not None
            real = model.outputs
            wrong: dict[str, Callable[..., Any]] = {
                "model_slow": _after(SLOW_SECONDS, real),
                "model_wrong_shape": lambda rows: real(rows)[:, :1],
            }
            broken = wrong.get(fault, _raises(MemoryError()))
            stack.enter_context(mock.patch.object(model, "outputs", broken))
        if fault == "out_of_memory_everywhere":
            stack.enter_context(mock.patch.object(world.ladder.scorecard, "points", _raises(MemoryError())))
        if fault in {"log_disk_full", "log_disk_failed"}:
            number = errno.ENOSPC if fault == "log_disk_full" else errno.EIO
            stack.enter_context(mock.patch.object(os, "fdatasync", _raises(OSError(number, ""))))
        if fault == "log_disk_hangs":
            stack.enter_context(mock.patch.object(os, "fdatasync", _after(SLOW_SECONDS, os.fdatasync)))
        if fault == "log_store_down":
            world.store.away = True
        if fault in {"feature_store_down", "feature_store_hangs"}:
            hangs = _after(SLOW_SECONDS, world.features.read)
            read = hangs if fault.endswith("hangs") else _raises(ConnectionError())
            stack.enter_context(mock.patch.object(world.features, "read", read))
        world.table.altered = fault == "features_altered"
        world.ladder.stopped = lambda: fault == "stopped"
        yield


FAULTS: dict[str, set[str]] = {
    "none": {"200 model"},
    "model_file_gone": {"200 scorecard"},
    "model_slow": {"200 scorecard"},
    "model_wrong_shape": {"200 scorecard"},
    "out_of_memory": {"200 scorecard"},
    "out_of_memory_everywhere": {"200 cached_answer", "503 unavailable"},
    "stopped": {"200 scorecard"},
    "features_known": {"200 model"},
    "feature_store_down": {"200 none"},
    "feature_store_hangs": {"200 none"},
    "features_altered": {"200 none"},
    "log_disk_full": {"503 unavailable"},
    "log_disk_failed": {"503 unavailable"},
    "log_disk_hangs": {"503 unavailable"},
    "log_store_down": {"503 unavailable"},
    "log_queue_full": {"200 model", "503 unavailable"},
    "review_queue_full": {"200 model", "503 unavailable"},
    "overloaded": {"200 model", "503 unavailable"},
}
"""Each fault and the answers that the contract designs for it."""


def _world(fault: str, folder: Path, model: Path) -> _World:
    if fault == "model_file_gone":
        model = Path(shutil.copytree(model, folder / "model"))
        (model / "model.onnx").unlink()
    limits = writer.Limits(wait_seconds=PATIENT_SECONDS)
    if fault == "log_store_down":
        limits = writer.Limits(wait_seconds=PATIENT_SECONDS, seal_records=1, unshipped_seconds=0.0)
    elif fault == "log_queue_full":
        limits = writer.Limits(wait_seconds=PATIENT_SECONDS, pending_count=8)
    elif fault == "log_disk_hangs":
        limits = writer.Limits(wait_seconds=0.1, pending_count=32)
    return _World(
        folder=folder,
        model=model,
        limits=limits,
        reviews=_FullFeed() if fault == "review_queue_full" else None,
        most_in_progress=AT_ONCE // 2 if fault == "overloaded" else 1500,
        model_seconds=MODEL_SECONDS if fault == "model_slow" else PATIENT_SECONDS,
        path="/decisions/known" if fault.startswith("feature") else "/decisions",
        find_seconds=FIND_SECONDS if fault == "feature_store_hangs" else PATIENT_SECONDS,
    )


async def _load(world: _World, bodies: list[bytes], requests: int) -> list[tuple[int, dict[str, Any]]]:
    answers: list[tuple[int, dict[str, Any]]] = []
    todo = iter(range(requests))

    async def client() -> None:
        for i in todo:
            known = b'{"subject": "row-%08d"}' % i
            answers.append(await world.ask(bodies[i % 200] if world.path == "/decisions" else known))

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return answers


def _bodies(count: int) -> list[bytes]:
    example = json.loads((FOLDER / "example.json").read_text(encoding="utf-8"))
    return [
        json.dumps({**example, "duration_months": 4 + i % 60, "credit_amount_dm": 300 + 37 * i}).encode()
        for i in range(count)
    ]


def run(requests: int = 10_000, model: Path | None = None) -> dict[str, Any]:
    """Send so many requests, spread over all faults, and return what was answered.

    The result's ``unexplained`` counts answers of 500 and above that no contract designs, ``hangs``
    those that did not come, ``undesigned`` those that another fault's answer would be, and ``unlogged``
    decisions without a record in the verified log. All must be 0.
    """
    model = model or cached_model(PACKABLE, cache_folder())
    each = -(-requests // len(FAULTS))
    bodies = _bodies(200)
    report: dict[str, Any] = {"requests": 0, "unexplained": 0, "hangs": 0, "undesigned": 0, "unlogged": 0}
    report |= {"tampering_found": 0, "faults": {}}
    with tempfile.TemporaryDirectory(prefix="plinth-faults-") as temporary:
        for fault, designed in FAULTS.items():
            folder = Path(temporary) / fault
            folder.mkdir()
            found = asyncio.run(_one(fault, folder, model, bodies, each))
            reader = Reader(SERVICE.name, store=None, spools=[folder / "spool"])
            logged = {record.body["id"] for record in reader.decisions()}
            kinds = Counter(_kind(status, answer) for status, answer in found)
            report["requests"] += len(found)
            report["hangs"] += kinds["0"]
            report["unexplained"] += sum(n for kind, n in kinds.items() if kind.startswith("500"))
            report["undesigned"] += sum(n for kind, n in kinds.items() if kind not in designed)
            report["unlogged"] += sum(s == 200 and a["decision_id"] not in logged for s, a in found)  # noqa: PLR2004 - HTTP
            report["tampering_found"] += len(reader.verify().findings)
            report["faults"][fault] = {"designed": sorted(designed), "answered": dict(sorted(kinds.items()))}
    return report


async def _one(
    fault: str, folder: Path, model: Path, bodies: list[bytes], requests: int
) -> list[tuple[int, dict[str, Any]]]:
    world = _world(fault, folder, model)
    try:
        if fault in {"out_of_memory_everywhere", "log_store_down"}:
            await _load(world, bodies[:20], 20)  # so that there is something in the cache, or to be shipped
        with _broken(fault, world):
            if fault == "log_store_down":
                await _until_blocked(world, bodies[0])
            return await _load(world, bodies, requests)
    finally:
        world.store.away = False
        world.decisions.close()
        world.features.close()


async def _until_blocked(world: _World, body: bytes) -> None:
    """Go on until the store's absence has lasted as long as the log allows."""
    for _ in range(int(HANG_SECONDS / BLINK_SECONDS)):
        if (await world.ask(body))[0] != 200:  # noqa: PLR2004 - HTTP
            return
        await asyncio.sleep(BLINK_SECONDS)


def _kind(status: int, answer: dict[str, Any]) -> str:
    return f"{status} {answer.get('rung') or answer.get('reason')}" if status else "0"


def quiet() -> None:
    """Keep the service's own log off the terminal: every fault is logged, thousands of times."""
    logging.getLogger("bentoml").setLevel(logging.CRITICAL)
