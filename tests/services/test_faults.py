"""Each fault that a contract names, made where it would happen: only designed answers, none of them lost."""

import logging
from typing import Any

import pytest

from infra.ops import bench_faults
from services.credit_risk.answering import HOSTED
from services.readiness import contract_file
from services.readiness.contract import TROUBLES

pytestmark = pytest.mark.serving
EACH = 24
"""Requests of each fault: more than the bench lets wait at a time where something is full (8 and 32)."""

COVERED = {
    "model_unavailable": {"model_file_gone", "out_of_memory", "out_of_memory_everywhere"},
    "model_slow": {"model_slow"},
    "model_wrong_shape": {"model_wrong_shape"},
    "features_unavailable": {"feature_store_down", "feature_store_hangs", "features_altered"},
    "decision_log_unavailable": {"log_disk_full", "log_disk_failed", "log_disk_hangs", "log_store_down"},
    "review_queue_full": {"review_queue_full"},
    "overloaded": {"overloaded"},
    "stopped": {"stopped"},
}
ABOUT_INPUTS = {"out_of_distribution", "low_confidence"}
"""Troubles that an input brings, not a fault."""


def test_every_trouble_of_the_contract_is_made_by_a_fault() -> None:
    named = {trouble for rung in contract_file.load(HOSTED.folder).fallback for trouble in rung.when}

    assert set(COVERED) == set(TROUBLES) - ABOUT_INPUTS == named - ABOUT_INPUTS
    assert {fault for faults in COVERED.values() for fault in faults} <= set(bench_faults.FAULTS)


def test_no_fault_brings_an_answer_that_nobody_designed(built: Any) -> None:
    before = logging.getLogger("bentoml").level
    bench_faults.quiet()
    try:
        found = bench_faults.run(EACH * len(bench_faults.FAULTS), built.model)
    finally:
        logging.getLogger("bentoml").setLevel(before)

    bad = ("unexplained", "hangs", "undesigned", "unlogged", "tampering_found")
    assert {name: found[name] for name in bad} == dict.fromkeys(bad, 0), found["faults"]
    assert found["requests"] == EACH * len(bench_faults.FAULTS)
    answered = {fault: set(one["answered"]) for fault, one in found["faults"].items()}
    assert answered["features_known"] == {"200 model"}
    assert answered["feature_store_down"] == {"200 none"}
    assert answered["log_store_down"] == {"503 unavailable"}
