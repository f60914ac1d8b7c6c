"""Drift in live traffic ends, with no hand on it, in a retrained and validated candidate in shadow.

A real server with its own review table answers drifted requests and tells of the drift; people settle the
cases that it asks about, as they do every day (here a loop does, with the truth of each row). From there
on nobody does anything: the standing job, which was there before the drift, does the rest.
"""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws import make_review_table, process_of
from prometheus_client.parser import text_string_to_metric_families
from served import Server, serving

from infra.local.paths import repo_root
from infra.operations.training import Trainer, Wanted
from infra.ops import acts, lifecycle, retraining, trail
from infra.settings import Settings
from services.credit_risk import data
from services.credit_risk.pipeline import PIPELINE
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import FolderStore
from services.readiness.review import ReviewQueue
from services.readiness.review_feed import queue_of

pytestmark = pytest.mark.serving
SERVICE, TABLE = "credit-risk", "reviews"
BOUND_SECONDS = 120  # only bounds a hang
SETTLED = 110  # a batch is 100 rows
LIVE = (0, 1)  # of each five rows these two come in as live traffic; the others are what was known before


@pytest.fixture
def table(tmp_path: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """A DynamoDB of its own process, with a review table."""
    with process_of("dynamodb", tmp_path) as (_, client, environment):
        make_review_table(client, TABLE)
        yield client, environment | {"PLINTH_REVIEW_TABLE": TABLE, "PLINTH_CALLER_RATE": "1000000"}


def drifted(server: Server) -> list[str]:
    """Return the kinds of drift that the server's own metrics show over their border."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for family in text_string_to_metric_families(server.client.get("/metrics").text):
        if family.name in {"plinth_drift_value", "plinth_drift_border"}:
            rows = {(one.labels["kind"], one.labels["figure"]): one.value for one in family.samples}
            found[family.name] = rows
    borders = found.get("plinth_drift_border", {})
    values = found.get("plinth_drift_value", {})
    return sorted({key[0] for key, value in values.items() if value > borders[key]})


def other_customers(server: Server) -> dict[str, str]:
    """Send what no training has seen, as if every account were overdrawn; return the truth of each case."""
    known, truths = data.load(), {}
    rows = list(zip(known.applications, known.defaulted, strict=True))
    for application, bad in (row for number, row in enumerate(rows) if number % 5 in LIVE):
        body = {**json.loads(application.model_dump_json()), "checking_account": "overdrawn"}
        answer = server.decide(body)
        assert answer.status_code == 200, answer.text
        if answer.json()["review"]:
            truths[answer.json()["decision_id"]] = "bad" if bad else "good"
        if len(truths) >= SETTLED and drifted(server):
            break
    return truths


def known_before() -> bytes:
    """Return the delivery without the live rows, in an order that the sorted file does not have when cut."""
    head, *rows = csv.reader(io.StringIO(PIPELINE.delivery().decode()))
    kept = [row for number, row in enumerate(rows) if number % 5 not in LIVE]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [head, *(r for start in range(3) for r in kept[start::3])]
    )
    return text.getvalue().encode()


def settle(queue: ReviewQueue, truths: dict[str, str]) -> None:
    end = time.monotonic() + BOUND_SECONDS
    while len(queue.cases("open", most=10**6)) < len(truths):
        assert time.monotonic() < end
        time.sleep(0.2)
    for decision, truth in truths.items():
        queue.claim("ada", decision)
        queue.label("ada", decision, truth)


def looked(ground: retraining.Ground, steps: list[str]) -> str:
    steps.append(retraining.once(ground)["step"])
    return steps[-1]


def wait_for(condition: Callable[[], bool], steps: list[str]) -> None:
    end = time.monotonic() + BOUND_SECONDS
    while not condition():
        assert time.monotonic() < end, steps
        time.sleep(0.5)


def test_drift_in_live_traffic_ends_in_a_validated_candidate_in_shadow(
    built, table, tmp_path, monkeypatch
) -> None:
    client, extra = table
    store, queue = FolderStore(tmp_path / "sealed"), queue_of(TABLE, PIPELINE.contract(), client)
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(trail, "bucket", lambda _: store)
    monkeypatch.setattr(trail, "reader", lambda _, service: Reader(service, store=store))
    monkeypatch.setattr(trail, "reviews", lambda *_: queue)
    settings = Settings.from_file(repo_root() / "stacks" / "Pulumi.local.yaml", environ={})
    (tmp_path / "before.csv").write_bytes(known_before())
    first = lifecycle.train(
        SERVICE,
        settings,
        place="folder",
        key_file=None,
        deliveries=[tmp_path / "before.csv"],
        prefix=None,
        say=print,
    ).version

    with serving(built.bento, tmp_path / "one", service=SERVICE, extra=extra) as server:
        ground = retraining.Ground(
            settings=settings, service=SERVICE, place="folder", drifted=lambda: drifted(server)
        )
        steps: list[str] = []
        job = Trainer(lambda: Wanted(services=(SERVICE,), seconds=1.0), lambda _: looked(ground, steps))
        job.start()
        try:
            settle(queue, other_customers(server))
            registry = lifecycle.stores(settings, "folder").registry
            wait_for(lambda: "handed over" in steps, steps)
        finally:
            job.close()

    shadow = registry.at(SERVICE, "shadow")
    assert shadow is not None
    assert shadow.version > first.version
    assert shadow.digest != first.digest
    told = [
        act for act in acts.history(Reader(SERVICE, store=store), acts.RETRAINING) if act["run"] != "waiting"
    ]
    assert [act["step"] for act in told] == [
        *("triggered", "trained", "validated", "registered", "shadow", "handed over")
    ]
    assert "drift of inputs" in told[0]["trigger"]
    settled = len(queue.cases("labelled", most=10**6))
    assert PIPELINE.contract().data.smallest_batch <= told[1]["labels"] <= settled
    assert Reader(SERVICE, store=store).verify().findings == ()
