"""Kill -9 under load: every decision that was answered is in the verified log afterwards."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aws import REGION, process_of
from served import Server, serving, start, stop, token, wait_for

from infra.ops.bench_serving import request_bytes
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import BucketStore

pytestmark = pytest.mark.serving
CONNECTIONS = 64
ROOT = Path(__file__).parents[2]
BUCKET = "decisions"


@pytest.fixture
def service(built, tmp_path) -> Iterator[Server]:
    with serving(built.bento, tmp_path / "one", service="credit-risk", extra=EXTRA) as server:
        yield server


EXTRA = {"PLINTH_CALLER_RATE": "1000000"}


@contextlib.contextmanager
def loaded(server: Server, seconds: float) -> Iterator[list[str]]:
    """Keep a service busy while the block runs, and gather the ids that it answered."""
    ask, ids = server.folder / "request", server.folder / "ids"
    ask.write_bytes(request_bytes(token()))
    argv = [sys.executable, "-m", "infra.ops.bench_serving.load", "--port", str(server.client.base_url.port)]
    argv += ["--connections", str(CONNECTIONS), "--seconds", str(seconds)]
    argv += ["--request", str(ask), "--ids", str(ids)]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL)
    answered: list[str] = []
    try:
        yield answered
    finally:
        assert process.wait(120) == 0
    answered += ids.read_text().split()


def until(condition, what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def log_bytes(server: Server) -> int:
    return sum(path.stat().st_size for path in (server.folder / "decisions").rglob("*.jsonl"))


def everyone(server: Server) -> list[psutil.Process]:
    process = psutil.Process(server.process.pid)
    return [process, *process.children(recursive=True)]


def worker(server: Server) -> psutil.Process:
    """Return the process that answers: the one that holds the log's folder."""
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any("decisions" in file.path for file in process.open_files()):
                return process
    raise AssertionError("no worker holds the log")


def check(server: Server, answered: list[str]) -> None:
    reader = server.reader()
    logged = {record.body["id"] for record in reader.decisions()}
    assert len(answered) > CONNECTIONS
    assert set(answered) <= logged
    assert len(answered) == len(set(answered))
    assert reader.verify().findings == ()


def test_a_worker_that_is_killed_loses_no_decision_that_it_answered(service) -> None:
    with loaded(service, 3) as answered:
        until(lambda: log_bytes(service) > 500_000, "no load arrived")
        worker(service).send_signal(signal.SIGKILL)
    check(service, answered)


def test_a_service_that_is_killed_goes_on_with_its_chain(built, tmp_path) -> None:
    first = start(built.bento, tmp_path / "one", extra=EXTRA)
    try:
        wait_for(first, "/readyz", 200)
        with loaded(first, 3) as before:
            until(lambda: log_bytes(first) > 500_000, "no load arrived")
            for process in everyone(first):
                process.kill()
    finally:
        first.process.wait(10)
        stop(first)
    check(first, before)

    with (
        serving(built.bento, tmp_path / "one", service="credit-risk", extra=EXTRA) as again,
        loaded(again, 1) as after,
    ):
        pass
    check(again, before + after)
    assert again.reader().verify().chains == 1, "the new process took over the old one's chain"


def test_a_log_store_that_is_killed_loses_no_decision(built, tmp_path) -> None:
    with bucket(tmp_path) as (store, client, environment):
        extra = {**EXTRA, **environment, "PLINTH_DECISIONS_BUCKET": BUCKET}
        with (
            serving(built.bento, tmp_path / "one", service="credit-risk", extra=extra) as server,
            loaded(server, 1) as before,
        ):
            pass
        # A process that ends seals and ships; its successor goes on with the chain.
        sealed = Reader("credit-risk", store=BucketStore(BUCKET, client)).verify()
        assert (sealed.findings, sealed.open) == ((), 0)
        assert sealed.sealed >= len(before)

        with (
            serving(built.bento, tmp_path / "one", service="credit-risk", extra=extra) as server,
            loaded(server, 3) as after,
        ):
            size = log_bytes(server)
            until(lambda: log_bytes(server) > size + 500_000, "no load arrived")
            store.kill()
            store.wait(10)
        check(server, before + after)


@contextlib.contextmanager
def bucket(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], object, dict[str, str]]]:
    """Give an S3 of its own process, with one bucket."""
    with process_of("s3", folder, attempts=1) as (store, client, environment):

        def made() -> bool:
            try:
                where = {"LocationConstraint": REGION}
                client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
                client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
            except Exception:  # noqa: BLE001 - it is not up yet
                return False
            return True

        until(made, "the store did not start")
        yield store, client, environment
