"""The log on real files: restarts, kills, full disks, a store that is away."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.readiness.decision_log import DecisionLog, Limits, LogUnavailableError, Spool, shipping
from services.readiness.decision_log import writer as writer_module
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.records import parse
from services.readiness.decision_log.shipping import Shipper, checkpoint
from services.readiness.decision_log.store import FolderStore, StoreError

SERVICE = "svc"
QUICK = Limits(seal_records=5, seal_seconds=30, wait_seconds=5)


def opened(folder: Path, limits: Limits = QUICK) -> DecisionLog:
    return DecisionLog(Spool(folder, SERVICE), limits=limits)


def decide(log: DecisionLog, number: int) -> None:
    log.append({"kind": "decision", "id": f"d-{number}", "output": number})


def report(folder: Path, store=None):
    return Reader(SERVICE, store=store, spools=[folder]).verify()


def test_a_chain_goes_on_over_restarts(tmp_path):
    for start in (0, 10, 20):
        log = opened(tmp_path)
        for number in range(start, start + 10):
            decide(log, number)
        log.close()
    reader = Reader(SERVICE, store=None, spools=[tmp_path])
    found = reader.verify()
    assert (found.chains, found.findings) == (1, ())
    assert found.records == 30 + 3 * 2  # each run has a first and a last record of its own
    assert [record.body["output"] for record in reader.decisions()] == list(range(30))


def test_two_processes_at_once_have_two_chains_that_know_of_each_other(tmp_path):
    one = opened(tmp_path)
    decide(one, 1)
    two = opened(tmp_path)
    decide(two, 2)
    one.close()
    two.close()
    found = report(tmp_path)
    assert (found.chains, found.findings) == (2, ())
    # Cut the first chain off behind what the second one saw of it.
    (segment,) = (tmp_path / SERVICE / one.spool.writer).glob("*.jsonl")
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:1]))
    assert {finding.kind for finding in report(tmp_path).findings} == {"truncated"}


def test_requests_at_once_share_a_sync(tmp_path, monkeypatch):
    syncs = 0
    real = os.fdatasync

    def slow(fd):
        nonlocal syncs
        syncs += 1
        time.sleep(0.01)
        real(fd)

    log = opened(tmp_path, Limits(seal_records=10_000))
    monkeypatch.setattr(writer_module.os, "fdatasync", slow)

    async def many():
        return await asyncio.gather(*(log.write({"kind": "decision", "id": str(i)}) for i in range(200)))

    receipts = asyncio.run(many())
    assert sorted(receipt.seq for receipt in receipts) == list(range(1, 201))
    assert syncs < 20
    log.close()
    assert report(tmp_path).findings == ()


@pytest.mark.parametrize(
    ("number", "trouble"),
    [(errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EIO, "disk_failed")],
)
def test_a_disk_that_refuses_is_an_error_and_the_log_heals(tmp_path, monkeypatch, number, trouble):
    log = opened(tmp_path)
    decide(log, 1)

    def refuse(*_):
        raise OSError(number, "no")

    with monkeypatch.context() as broken:
        broken.setattr(writer_module.os, "fdatasync", refuse)
        for attempt in (2, 3):
            with pytest.raises(LogUnavailableError) as caught:
                decide(log, attempt)
            assert caught.value.trouble == trouble
    decide(log, 4)
    log.close()
    reader = Reader(SERVICE, store=None, spools=[tmp_path])
    assert reader.verify().findings == ()
    assert [record.body["output"] for record in reader.decisions()] == [1, 4]


def test_half_a_write_is_taken_back(tmp_path, monkeypatch):
    log = opened(tmp_path)
    real = os.write

    def half(fd, content):
        if len(content) > 100:
            return real(fd, content[:50])
        raise OSError(errno.ENOSPC, "no")

    with monkeypatch.context() as broken:
        broken.setattr(writer_module.os, "write", half)
        with pytest.raises(LogUnavailableError, match="disk_full"):
            decide(log, 1)
    decide(log, 2)
    log.close()
    found = report(tmp_path)
    assert (found.findings, found.torn) == ((), 0)


def test_a_disk_that_hangs_holds_nobody_up(tmp_path, monkeypatch):
    log = opened(tmp_path, Limits(wait_seconds=0.05, pending_count=3))
    monkeypatch.setattr(writer_module.os, "fdatasync", lambda _: time.sleep(1))
    with pytest.raises(LogUnavailableError, match="log_slow"):
        decide(log, 1)

    async def more():
        return await asyncio.gather(
            *(log.write({"kind": "decision", "id": str(i)}) for i in range(6)), return_exceptions=True
        )

    troubles = [error.trouble for error in asyncio.run(more())]
    assert troubles.count("log_queue_full") == 3
    assert troubles.count("log_slow") == 3
    log.close()


def test_a_record_without_json_form_fails_alone(tmp_path):
    log = opened(tmp_path, Limits())

    async def mixed():
        bodies = [{"p": 1.0}, {"p": float("nan")}, {"p": 2.0}]
        return await asyncio.gather(*map(log.write, bodies), return_exceptions=True)

    first, second, third = asyncio.run(mixed())
    assert isinstance(second, ValueError)
    assert third.seq == first.seq + 1
    log.close()
    assert report(tmp_path).findings == ()


KILLED = """
import sys
from pathlib import Path
from services.readiness.decision_log import DecisionLog, Limits, Spool
log = DecisionLog(Spool(Path(sys.argv[1]), "svc"), limits=Limits(seal_records=50))
number = 0
while True:
    log.append({"kind": "decision", "id": f"d-{number}", "output": number})
    print(number, flush=True)  # the answer
    number += 1
"""


@pytest.mark.parts
def test_every_answered_decision_survives_a_kill(tmp_path):
    for _ in range(2):
        argv = [sys.executable, "-c", KILLED, str(tmp_path)]
        root = Path(__file__).parents[3]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=root, text=True) as process:
            answered = [process.stdout.readline() for _ in range(120)]
            process.send_signal(signal.SIGKILL)
            answered += process.stdout.readlines()
        reader = Reader(SERVICE, store=None, spools=[tmp_path])
        logged = [record.body["output"] for record in reader.decisions()]
        assert reader.verify().findings == ()
        # The runs count from 0 each; the last run's records are the chain's end.
        run = logged[len(logged) - 1 - logged[::-1].index(0) :]
        assert {int(number) for number in answered if number.endswith("\n")} <= set(run)


def test_a_line_cut_off_by_a_crash_is_removed_and_said(tmp_path):
    log = opened(tmp_path)
    decide(log, 1)
    log.close()
    (segment,) = (tmp_path / SERVICE / log.spool.writer).glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b'{"body":{"kind":"dec')
    assert (report(tmp_path).torn, report(tmp_path).findings) == (1, ())
    again = opened(tmp_path)
    decide(again, 2)
    again.close()
    reader = Reader(SERVICE, store=None, spools=[tmp_path])
    assert (reader.verify().torn, reader.verify().findings) == (0, ())
    (found,) = [r for c in reader.chains() for r in map(parse, c.lines) if r.body.get("dropped_bytes")]
    assert found.body["dropped_bytes"] == 20


def test_a_damaged_chain_is_left_as_evidence(tmp_path):
    log = opened(tmp_path)
    decide(log, 1)
    log.close()
    (segment,) = (tmp_path / SERVICE / log.spool.writer).glob("*.jsonl")
    segment.write_bytes(segment.read_bytes()[:-30] + b"x" * 29 + b"\n")
    again = opened(tmp_path)
    assert again.spool.writer != log.spool.writer
    decide(again, 2)
    again.close()
    assert {finding.writer for finding in report(tmp_path).findings} == {log.spool.writer}


class Flaky(FolderStore):
    """A store that is away when told so."""

    away = False

    def put(self, key, content):
        if self.away:
            raise StoreError("away")
        super().put(key, content)


def test_segments_are_sealed_and_shipped_and_proven(tmp_path):
    store, folder = Flaky(tmp_path / "store"), tmp_path / "spool"
    for run in (0, 1):
        log = opened(folder)
        shipper = Shipper(log, store)
        for number in range(12):
            decide(log, 100 * run + number)
        log.close()
        shipper.close()
    only_store = Reader(SERVICE, store=store)
    found = only_store.verify()
    assert found.findings == ()
    assert found.sealed == found.records == 2 * (12 + 2)
    (hit,) = only_store.search("d-107")
    assert hit["body"]["output"] == 107
    assert hit["proof"]["holds"]


def test_what_is_changed_in_the_store_is_found(tmp_path):
    store, folder = FolderStore(tmp_path / "store"), tmp_path / "spool"
    log = opened(folder)
    shipper = Shipper(log, store)
    for number in range(12):
        decide(log, number)
    log.close()
    shipper.close()
    keys = [key for key in store.versions(f"{SERVICE}/") if key.endswith(".jsonl")]
    content = store.get(keys[0], "v000000")
    store.put(keys[0], content.replace(b'"output":1', b'"output":9'))
    assert [finding.detail for finding in Reader(SERVICE, store=store).verify().findings] == [
        f"{keys[0].split('/')[-1]} was written again"
    ]
    (folder / SERVICE / log.spool.writer / keys[1].split("/")[-1]).write_bytes(b"")
    kinds = [f.detail for f in Reader(SERVICE, store=store, spools=[folder]).verify().findings]
    assert any("on this machine" in detail for detail in kinds)


def test_a_store_that_stays_away_stops_the_answers_and_heals(tmp_path):
    store = Flaky(tmp_path / "store")
    store.away = True
    log = opened(tmp_path / "spool", Limits(seal_records=2, unshipped_seconds=0.0))
    shipper = Shipper(log, store)
    decide(log, 1)
    for _ in range(500):
        if log.blocked():
            break
        time.sleep(0.01)
    with pytest.raises(LogUnavailableError, match="log_store_down"):
        decide(log, 2)
    store.away = False
    assert shipper.ship()
    decide(log, 3)
    log.close()
    shipper.close()
    found = Reader(SERVICE, store=store).verify()
    assert (found.findings, found.sealed) == ((), found.records)


def test_callers_who_ship_at_once_take_turns(tmp_path, monkeypatch):
    def slowly(*words):
        time.sleep(0.01)
        return checkpoint(*words)

    monkeypatch.setattr(shipping, "checkpoint", slowly)
    log = opened(tmp_path / "spool", Limits(seal_records=2))
    for number in range(12):
        decide(log, number)
    shipper = Shipper(log, FolderStore(tmp_path / "store"))

    with ThreadPoolExecutor(4) as pool:
        shipped = list(pool.map(lambda _: shipper.ship(), range(4)))

    log.close()
    shipper.close()
    assert shipped == [True] * 4


def test_old_segments_leave_the_machine_only_when_shipped(tmp_path):
    store, folder = FolderStore(tmp_path / "store"), tmp_path / "spool"
    log = opened(folder, Limits(seal_records=3, kept_mib=0))
    shipper = Shipper(log, store)
    for number in range(20):
        decide(log, number)
    log.close()
    shipper.close()
    left = list((folder / SERVICE / log.spool.writer).glob("*.jsonl"))
    assert len(left) == 1
    assert report(folder, store).findings == ()
    assert report(folder).findings == ()  # without the store too, as far as it goes
