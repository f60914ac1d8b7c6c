"""Drift: lines that chance passes as seldom as is said, and what is far beyond them is seen; made-up data."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from scipy.stats import chi2

from services.readiness import contract_file
from services.readiness.assessment import Assessment
from services.readiness.drift import watch as watching
from services.readiness.drift.known import Known, ridits
from services.readiness.drift.labelled import Labelled, judged, settled
from services.readiness.drift.measures import BLOCK, chi_square, correlations, stability, stability_by_chance
from services.readiness.drift.windows import Block, Rolling, Windows
from services.readiness.guard import Judgement
from services.readiness.reference_making import Column, written
from services.readiness.reference_making.drift import fit_drift
from services.readiness.review import Case

COLUMNS = [Column(name="kind", categories=("a", "b", "c")), Column(name="size"), Column(name="amount")]
ROWS = 1200


def draw(rows, rng, *, linked=True, shift=0.0):
    kind = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
    size = rng.integers(1, 5, rows)
    amount = rng.normal(0, 1, rows) + (size if linked else rng.integers(1, 5, rows)) + shift
    second = np.clip(0.1 + 0.15 * size + rng.normal(0, 0.1, rows), 0.01, 0.99)
    return np.column_stack([kind, size, amount]), np.column_stack([1 - second, second])


@pytest.fixture(scope="module")
def contract():
    return contract_file.load(contract_file.Path(__file__).parents[3] / "services" / "credit_risk")


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(1)
    rows, probabilities = draw(ROWS, rng)
    right = rng.random(ROWS) < probabilities.max(axis=1)
    section = fit_drift(COLUMNS, rows.astype(np.float32), probabilities, right)
    return Known(json.loads(written(section)))


def run(windows, requests, rng, **how):
    for _ in range(requests // BLOCK):
        rows, probabilities = draw(BLOCK, rng, **how)
        windows.push(Block(rows=rows, probabilities=probabilities, flagged=rng.random(BLOCK) < 0.01))
    return {one.kind: one for one in windows.findings()}


@settings(deadline=None)
@given(st.integers(1, 20), st.floats(1e-8, 1e-4))
def test_the_quantile_is_the_exact_one_or_somewhat_above(freedom, chance) -> None:
    found = float(chi_square(np.asarray([float(freedom)]), chance)[0])

    assert 1 <= found / float(chi2.isf(chance, freedom)) < 1.23


def test_chance_passes_its_line_no_oftener_than_is_said() -> None:
    rng = np.random.default_rng(2)
    share = np.asarray([0.4, 0.3, 0.15, 0.1, 0.05])
    one = np.zeros(1, dtype=np.intp)
    line = float(stability_by_chance(1000, 750, np.asarray([4.0]), 0.01)[0])
    passed = [
        float(
            stability(
                rng.multinomial(1000, share).astype(float), rng.multinomial(750, share).astype(float), one
            )[0]
        )
        > line
        for _ in range(4000)
    ]

    assert 0.004 < np.mean(passed) < 0.02


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(sum))
def test_equal_shares_have_no_index_and_scores_lie_between_nought_and_one(counts) -> None:
    one, levels = np.zeros(1, dtype=np.intp), np.asarray(counts, dtype=float)

    assert float(stability(levels, levels, one)[0]) == 0
    assert (np.diff(ridits(levels)) >= 0).all()
    assert 0 <= ridits(levels)[0] <= ridits(levels)[-1] <= 1


def test_a_window_is_the_sum_of_its_latest_blocks() -> None:
    window = Rolling(3)
    for value in range(10):
        window.push(np.asarray([float(value)]))

    assert window.sums[0].tolist() == [7 + 8 + 9]
    assert window.rows == 3 * BLOCK


def test_correlations_are_those_of_numpy_and_nought_for_a_constant() -> None:
    rng = np.random.default_rng(3)
    rows = np.column_stack([rng.normal(size=(500, 3)), np.ones(500)])
    rows[:, 1] += rows[:, 0]
    found = correlations(500.0, rows.sum(axis=0), rows.T @ rows)

    assert found[:3, :3] == pytest.approx(np.corrcoef(rows[:, :3].T))
    assert (found[3, :3] == 0).all()


def test_ordinary_requests_are_no_drift_and_each_drift_is_seen_as_what_it_is(known, contract) -> None:
    rng = np.random.default_rng(4)
    ordinary = run(Windows(known, contract), 2000, rng)
    apart = run(Windows(known, contract), 2000, rng, linked=False)
    moved = run(Windows(known, contract), 2000, rng, shift=1.5)

    assert set(ordinary) == {"inputs", "correlation", "outputs", "confidence", "guard"}
    assert not [one for one in ordinary.values() if one.drifted and one.kind != "confidence"]
    assert (apart["correlation"].drifted, apart["correlation"].worst) == (True, "size~amount")
    assert (moved["inputs"].drifted, moved["inputs"].worst) == (True, "amount")


def test_a_small_window_has_a_higher_border_and_a_tiny_one_says_nothing(known, contract) -> None:
    rng = np.random.default_rng(5)
    windows = Windows(known, contract)
    tiny, small = run(windows, 100, rng), run(windows, 100, rng)
    full = run(windows, 2000, rng)

    assert tiny == {}
    assert small["correlation"].border > full["correlation"].border == contract.drift[1].at_most


def labelled(rng, count, *, flipped=0.0):
    found = []
    for _ in range(count):
        sure = float(rng.uniform(0.5, 0.9))
        right = rng.random() < sure
        if rng.random() < flipped:
            right = not right
        found.append(Labelled(likelier=sure, likeliest=1, truth=int(right)))
    return found


def test_labels_tell_when_the_truth_has_changed_however_cases_were_chosen(known, contract) -> None:
    rng = np.random.default_rng(6)
    usual = labelled(rng, 200)
    unsure = sorted(labelled(rng, 2000), key=lambda case: case.likelier)[:200]
    changed = labelled(rng, 200, flipped=0.4)

    assert not [one for one in judged(known, contract, usual) if one.kind == "concept" and one.drifted]
    assert not [one for one in judged(known, contract, unsure) if one.kind == "concept" and one.drifted]
    assert {one.kind for one in judged(known, contract, changed) if one.drifted} >= {"concept"}
    assert judged(known, contract, usual[:10]) == []


def test_only_cases_that_can_be_compared_are() -> None:
    good = Case(
        decision="1", service="credit-risk", state="labelled", asked_at="", reason="low_confidence",
        model_digest="sha256:a", input={}, label="good", output={"likeliest": "default", "likelier": 0.7},
    )  # fmt: skip
    changes = (
        {}, {"label": "?"}, {"model_digest": "sha256:b"}, {"reason": "out_of_distribution"}, {"output": {}},
    )  # fmt: skip
    cases = [Case(**{**{n: getattr(good, n) for n in Case.__dataclass_fields__}, **c}) for c in changes]
    found = settled(cases, ("repaid", "default"), {"good": "repaid", "bad": "default"}, "sha256:a")

    assert found == [Labelled(likelier=0.7, likeliest=1, truth=0)]


def assessments(probabilities):
    judgement = Judgement(verdict="in_distribution", p_value=0.5, outside=())
    return [
        Assessment(rung="model", probabilities=tuple(each), judgement=judgement)
        for each in probabilities.tolist()
    ]


def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels)


@pytest.fixture
def section():
    rng = np.random.default_rng(1)
    rows, probabilities = draw(ROWS, rng)
    right = rng.random(ROWS) < probabilities.max(axis=1)
    return {"drift": fit_drift(COLUMNS, rows.astype(np.float32), probabilities, right)}


def test_metrics_show_value_limit_border_and_rows_of_each_kind(section, contract) -> None:
    watch = watching.DriftWatch("watched", "sha256:" + "ab" * 32, section, contract)
    rows, probabilities = draw(1000, np.random.default_rng(8))
    for part in itertools.batched(range(1000), 7) if hasattr(itertools, "batched") else [range(1000)]:
        watch.saw(rows[list(part)].tolist(), assessments(probabilities[list(part)]))
    watch.look()
    labels = {"service": "watched", "model": "ab" * 6, "kind": "inputs"}
    labels["figure"] = "population_stability_index"

    assert 0 < value("plinth_drift_value", **labels) < 0.1
    assert value("plinth_drift_limit", **labels) == 0.25
    assert value("plinth_drift_border", **labels) == 0.25
    assert value("plinth_drift_window_rows", **labels) == 1000
    assert value("plinth_drift_watching", service="watched", model="ab" * 6) == 1
    for feature in ("kind", "size", "amount"):
        shown = value(
            "plinth_drift_feature_stability_nats", service="watched", model="ab" * 6, feature=feature
        )
        assert 0 <= shown < 0.1


def test_a_watch_that_fails_is_counted_and_takes_nothing_more(section, contract, monkeypatch) -> None:
    monkeypatch.setattr(watching, "PAUSE_SECONDS", 0.01)
    watch = watching.DriftWatch("broken", "sha256:" + "cd" * 32, section, contract)
    watch.saw([[1.0]] * BLOCK, assessments(np.full((BLOCK, 2), 0.5)))
    watch.start()
    assert watch._thread is not None
    watch._thread.join(10)
    watch.saw([[1.0]], assessments(np.full((1, 2), 0.5)))

    assert value("plinth_drift_failures_total", service="broken") == 1
    assert value("plinth_drift_watching", service="broken", model="cd" * 6) == 0
    assert value("plinth_drift_skipped_rows_total", service="broken") == 1


def test_rows_beyond_what_may_wait_are_passed_over_and_counted(section, contract, monkeypatch) -> None:
    monkeypatch.setattr(watching, "MOST_WAITING", 10)
    watch = watching.DriftWatch("flooded", "sha256:" + "ef" * 32, section, contract)
    for _ in range(4):
        watch.saw([[1.0]] * 8, [])

    assert value("plinth_drift_skipped_rows_total", service="flooded") == 16
