"""Drift, seen with newly settled cases, ends in a validated candidate in shadow; every step is on record."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.errors import PlinthError
from infra.local.paths import repo_root
from infra.ops import acts, lifecycle, retraining, trail
from infra.settings import Settings
from services.credit_risk import data
from services.credit_risk.pipeline import PIPELINE
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import FolderStore
from services.readiness.review import Case

SERVICE = "credit-risk"


class Reviews:
    """The review queue as people left it: every eighth application was settled."""

    def __init__(self) -> None:
        self.settled: list[Case] = []

    def cases(self, *_: str, most: int) -> list[Case]:
        del most
        return self.settled

    def people_settle(self) -> None:
        known = data.load()
        self.settled = [
            Case(
                decision=f"{number:032x}", service=SERVICE, state="labelled",
                asked_at="2026-11-20T00:00:00+00:00", reason="sample", model_digest="m",
                input=PIPELINE.hosted.redact(application), output={}, reviewer="ada",
                label="bad" if bad else "good", labelled_at=f"2026-11-21T00:00:00.{number:06d}+00:00",
            )
            for number, (application, bad) in enumerate(zip(known.applications, known.defaulted, strict=True))
            if number % 8 == 0
        ]  # fmt: skip


@pytest.fixture
def reviews(monkeypatch: pytest.MonkeyPatch) -> Reviews:
    found = Reviews()
    monkeypatch.setattr(trail, "reviews", lambda *_: found)
    return found


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    kept = FolderStore(tmp_path / "sealed")
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(trail, "bucket", lambda _: kept)
    return kept


@pytest.fixture
def ground(reviews: Reviews, store: FolderStore) -> retraining.Ground:
    del reviews, store
    settings = Settings.from_file(repo_root() / "stacks" / "Pulumi.local.yaml", environ={})
    settings = settings.model_copy(update={"aws": settings.aws.model_copy(update={"emulated": True})})
    return retraining.Ground(settings=settings, service=SERVICE, place="folder", drifted=list)


@pytest.fixture(autouse=True)
def read_back(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "reader", lambda _, service: Reader(service, store=store))


def steps(store: FolderStore) -> list[str]:
    reader = Reader(SERVICE, store=store)
    assert reader.verify().findings == ()
    return [act["step"] for act in acts.history(reader, acts.RETRAINING)]


def test_without_a_reason_nothing_is_done_and_nothing_recorded(ground, store) -> None:
    assert retraining.once(ground)["step"] == "waiting"
    assert steps(store) == []


def test_drift_that_waits_for_labels_says_so_once(ground, store) -> None:
    drifting = replace(ground, drifted=lambda: ["concept"])

    first, second = retraining.once(drifting), retraining.once(drifting)

    assert first["why"] == second["why"] == "nothing new to learn from: 0 settled cases, 100 make a batch"
    assert steps(store) == ["waiting"]


def test_a_second_run_of_a_service_is_kept_away(ground, reviews, store) -> None:
    reviews.people_settle()
    drifting = replace(ground, drifted=lambda: ["concept"])
    items = lifecycle.stores(ground.settings, "folder").registry.items

    with retraining._lease(items, SERVICE, "one") as first:
        assert first
        assert retraining.once(drifting)["why"] == "another run of this service goes on"
    with retraining._lease(items, SERVICE, "two") as second:
        assert second
    assert steps(store) == []


def test_a_training_that_fails_is_recorded_with_the_reason(ground, reviews, store, monkeypatch) -> None:
    reviews.people_settle()

    def refused(*_: Any) -> Any:
        return 4, "Error: a gate is against it", {"cpu_seconds": 1.0}

    monkeypatch.setattr(retraining, "_train", refused)
    done = retraining.once(replace(ground, drifted=lambda: ["concept"]))

    assert (done["step"], done["why"]) == ("refused", "Error: a gate is against it")
    assert steps(store) == ["triggered", "refused"]
    assert lifecycle.versions(SERVICE, ground.settings, "folder") == []


@pytest.mark.serving
def test_drift_ends_in_a_validated_candidate_in_shadow(ground, reviews, store, tmp_path) -> None:
    """The real pipeline, in a process of its own; people had settled cases as they do every day."""
    rows = list(csv.reader(io.StringIO(PIPELINE.delivery().decode())))
    kept = [row for start in range(3) for row in [r for n, r in enumerate(rows[1:]) if n % 8][start::3]]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([rows[0], *kept])
    stores = lifecycle.stores(ground.settings, "folder")
    delivery = tmp_path / "first.csv"
    delivery.write_text(text.getvalue())
    first = lifecycle.train(
        SERVICE, ground.settings, place="folder", key_file=None, deliveries=[delivery], prefix=None, say=print
    ).version
    reviews.people_settle()

    done = retraining.once(replace(ground, drifted=lambda: ["concept"]))

    assert done["step"] == "handed over", done
    shadow = stores.registry.at(SERVICE, "shadow")
    assert shadow is not None
    assert shadow.digest != first.digest
    assert done["hand_over"]["model_digest"] == shadow.digest
    assert done["hand_over"]["approved_before"] == "canary"
    assert [move["stage"] for move in shadow.history] == ["registered", "candidate", "shadow"]
    assert steps(store) == ["triggered", "trained", "validated", "registered", "shadow", "handed over"]
    trained = next(
        act for act in acts.history(Reader(SERVICE, store=store), acts.RETRAINING) if act["step"] == "trained"
    )
    assert trained["labels"] == len(reviews.settled)
    assert 0 < trained["cpu_seconds"] <= trained["cpu_seconds_at_most"]
    # What was learned from asks for nothing any more.
    again = retraining.once(replace(ground, drifted=lambda: ["concept"]))
    assert json.dumps(again["settled"]) == "0"


def test_an_unknown_service_is_named(ground) -> None:
    with pytest.raises(PlinthError, match="no service 'nobody'"):
        retraining.of(ground.settings, "nobody", "folder")
