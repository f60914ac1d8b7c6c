"""Drift in a service as it runs: seen where there is some, and no failure of the watch stops an answer."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from served import serving

from infra.ops import traffic
from services.credit_risk.answering import HOSTED
from services.credit_risk.drift_figures import source
from services.lifecycle import drift_trial, pipeline
from services.readiness import contract_file, hosting, metrics
from services.readiness.drift.watch import PAUSE_SECONDS
from services.readiness.ladder import Ladder
from services.readiness.metrics import model_label

ROOT = Path(__file__).parents[2]
REQUESTS = 300
WAIT_SECONDS = 30  # two looks of the watch, on a busy machine


def key(labels):
    return labels.get("kind", labels.get("feature", "")), labels.get("model", "")


def drift(server):
    """Return value and border by kind, once the watch has seen every whole block."""
    end = time.monotonic() + WAIT_SECONDS
    found: dict[str, dict[tuple[str, str], float]] = {}
    while time.monotonic() < end:
        found = {}
        for family in text_string_to_metric_families(server.client.get("/metrics").text):
            if family.name.startswith("plinth_drift_"):
                found[family.name] = {key(one.labels): one.value for one in family.samples}
        seen = found.get("plinth_drift_window_rows", {})
        if {kind: rows for (kind, _), rows in seen.items()}.get("inputs") == REQUESTS:
            break
        time.sleep(PAUSE_SECONDS / 4)
    return found


@pytest.mark.serving
@pytest.mark.parametrize("service", ["credit-risk", "digit-reader"])
def test_a_service_tells_ordinary_requests_from_strange_ones(service, built, digits, tmp_path) -> None:
    bento = built.bento if service == "credit-risk" else digits
    with serving(bento, tmp_path / "one", service=service) as server:
        # In a random order: the first 300 digits come from few writers, which is seen, and rightly so.
        for body in traffic.bodies(service)[:REQUESTS]:
            assert server.decide(json.loads(body)).status_code == 200
        ordinary = drift(server)
        model = model_label(server.client.get("/v1/model").json()["model_digest"])
    example = json.loads((ROOT / "services" / service.replace("-", "_") / "example.json").read_text())
    with serving(bento, tmp_path / "two", service=service) as server:
        for _ in range(REQUESTS):
            assert server.decide(example).status_code == 200
        same_again = drift(server)

    kinds = ("inputs", "correlation", "outputs", "confidence", "guard")
    features = pipeline.of(service).feature_set.columns
    for kind in kinds:
        value, border = (ordinary[f"plinth_drift_{name}"][kind, model] for name in ("value", "border"))
        assert value <= border, kind
    value, border = (same_again[f"plinth_drift_{name}"]["inputs", model] for name in ("value", "border"))
    assert value > border
    assert len(ordinary["plinth_drift_feature_stability_nats"]) == len(features)
    assert sum(ordinary["plinth_drift_failures"].values()) == 0
    assert sum(ordinary["plinth_drift_skipped_rows"].values()) == 0


@pytest.mark.serving
def test_a_model_without_a_profile_answers_and_is_not_watched(built) -> None:
    ladder = Ladder(contract_file.load(HOSTED.folder), features_digest=HOSTED.features_digest)
    ladder.load(built.model)
    assert ladder.model is not None
    ladder.reference = {}
    failures = metrics.DRIFT_FAILURES.labels("credit-risk")._value
    before = failures.get()

    assert hosting.watching(HOSTED.service, ladder, None) is None
    assert ladder.saw is None
    assert failures.get() == before + 1


@pytest.mark.serving
def test_the_trial_finds_a_drift_and_nothing_where_there_is_none(built) -> None:
    trial = drift_trial.Trial(built.model, pipeline.of("credit-risk"), source(), seed=1)
    quiet = trial.false_alarms(5_000, trial.source.held_out)
    loud = trial.detection("codes_off_by_one", 1.0, runs=2)
    told = trial.concept(0.4, runs=2)

    assert (quiet["requests"], quiet["judgements"], quiet["alarms"]) == (5_000, 50, 0)
    assert 0 < max(quiet["highest_share_of_border"].values()) < 1
    assert (loud["found"], loud["median"] <= 300) == (2, True)
    assert told["found"] == 2
    assert np.isfinite(trial.ordinary.probabilities).all()
