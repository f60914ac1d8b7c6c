"""An A/B test from records: units are where they belong, other models' answers break it, labels are drawn."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.errors import PlinthError
from infra.local.paths import repo_root
from infra.ops import acts, experiments
from infra.settings import Settings
from services.lifecycle.experiments import Design
from services.lifecycle.registry import Registry, Version
from services.lifecycle.stores import FolderItems, FolderObjects
from services.readiness.decision_log.store import FolderStore

SERVICE = "credit-risk"
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
DESIGN = {"baseline": 0.75, "effect": 0.1}
EXPERIMENT = experiments.Experiment(
    service=SERVICE,
    name="first",
    models={"a": A, "b": B},
    outcome="correct",
    unit="subject",
    salt="s",
    design=Design(**DESIGN),
    begun="2026-11-01T00:00:00+00:00",
)


def decisions(count: int, *, wrong_in_b: int, **changed: Any) -> Iterator[dict[str, Any]]:
    for number in range(count):
        key = f"subject-{number}"
        belongs = EXPERIMENT.variant(key)
        yield {
            "kind": "decision",
            "id": f"{number:032x}",
            "at": "2026-11-02T00:00:00+00:00",
            "input": {"subject": key},
            "model_digest": EXPERIMENT.models[belongs],
            "likeliest": "bad" if belongs == "b" and number % wrong_in_b == 0 else "good",
            "review": None,
            **changed,
        }


LABELS = {f"{number:032x}": "good" for number in range(4000)}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(acts.trail, "bucket", lambda _: FolderStore(tmp_path / "bucket"))
    return Settings.from_file(repo_root() / "stacks" / "Pulumi.local.yaml", environ={})


@pytest.fixture
def store(tmp_path: Path) -> experiments.Store:
    items = FolderItems(tmp_path / "table", partition="model", sort="version")
    for number, (digest, stage) in enumerate([(A, "production"), (B, "canary"), ("sha256:c", "rejected")], 1):
        version = Version(
            model=SERVICE,
            version=f"{number:06d}",
            digest=digest,
            manifest_digest=digest,
            stage=stage,
            figures={},
            lineage={},
            history=[],
        )
        items.put(version.item())
    return experiments.Store(items=items, registry=Registry(FolderObjects(tmp_path), items))


def begin(settings: Settings, store: experiments.Store, **changed: Any) -> experiments.Experiment:
    asked = {"a": "production", "b": "canary", "outcome": "correct", "unit": "subject", "design": DESIGN}
    return experiments.start(
        settings, store, SERVICE, "first", by="Ada", why="is it better?", **asked | changed
    )


def test_a_worse_variant_is_found_from_the_labels() -> None:
    found = experiments.judged(EXPERIMENT, decisions(2000, wrong_in_b=3), LABELS, {})

    assert found["verdict"] == "b is worse"
    assert found["low"] < -1 / 3 < found["high"] < 0
    assert found["answers_of_the_other_model"] == 0


def test_equal_variants_are_not_told_apart() -> None:
    found = experiments.judged(EXPERIMENT, decisions(2000, wrong_in_b=10**9), LABELS, {})

    assert found["verdict"] in {"go on", "no difference found"}


def test_only_the_first_outcome_of_a_unit_counts() -> None:
    once = list(decisions(600, wrong_in_b=3))

    found = experiments.judged(EXPERIMENT, once + [dict(one) for one in once], LABELS, {})

    assert found["outcomes"] == 600
    assert sum(row["answers"] for row in found["variants"].values()) == 1200


def test_answers_of_the_other_model_break_it() -> None:
    crossed = list(decisions(1000, wrong_in_b=3, model_digest=A))

    assert experiments.judged(EXPERIMENT, crossed, LABELS, {})["verdict"] == "broken"


@pytest.mark.parametrize(
    "changed",
    [{"at": "2026-10-01T00:00:00+00:00"}, {"model_digest": "sha256:other"}, {"shadow": True}, {"input": {}}],
)
def test_what_is_no_part_of_it_does_not_count(changed: dict[str, Any]) -> None:
    found = experiments.judged(EXPERIMENT, decisions(500, wrong_in_b=3, **changed), LABELS, {})

    assert (found["outcomes"], found["verdict"]) == (0, "too early")
    assert experiments.as_json(found)["difference"] is None


def test_a_scorecards_answer_has_no_likeliest_and_is_no_outcome() -> None:
    assert (
        experiments.judged(EXPERIMENT, decisions(500, wrong_in_b=3, likeliest=None), LABELS, {})["outcomes"]
        == 0
    )


def test_it_begins_is_found_again_and_is_recorded(settings, store, tmp_path) -> None:
    begun = begin(settings, store)

    assert experiments.find(store, SERVICE, "first") == begun
    assert begun.models == {"a": A, "b": B}
    reader = acts.trail.Reader(SERVICE, store=FolderStore(tmp_path / "bucket"))
    (told,) = acts.history(reader, acts.EXPERIMENT)
    assert (told["done"], told["by"], told["experiment"]["salt"]) == ("start", "Ada", begun.salt)
    # Kept in the registry's table, and no version of any model.
    assert [one.version for one in store.registry.versions(SERVICE)] == ["000001", "000002", "000003"]


def test_every_reason_against_a_start_is_told(settings, store) -> None:
    begin(settings, store)

    with pytest.raises(PlinthError) as caught:
        begin(settings, store, b="production", a="rejected", design={"baseline": 0, "effect": 0.1})
    for reason in ("'first' runs already", "version 000003 is rejected", "baseline is 0"):
        assert reason in str(caught.value)

    with pytest.raises(PlinthError, match="both variants are the model"):
        begin(settings, store, b="production")
