"""What is learned at training, and what serving reads out of it, on small made-up data."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from services.readiness import shifts
from services.readiness.confidence import Calibration
from services.readiness.errors import TrainingError
from services.readiness.explanation import Explainer, strongest
from services.readiness.guard import Guard
from services.readiness.reference_making import Column, make_reference
from services.readiness.reference_making.confidence import fit_confidence
from services.readiness.scorecard import Scorecard

COLUMNS = [
    Column(name="colour", categories=("red", "green", "blue", "never")),
    Column(name="shade", categories=("red", "green", "blue", "never")),
    Column(name="size"),
    Column(name="amount"),
]
WEIGHTS = {"colour": (0.0, 1.0, -1.0, 0.5), "size": 0.4, "amount": -0.0005}


def draw(rows, seed):
    """Rows in which the shade follows the colour 49 times in 50, and the amount follows the size."""
    rng = np.random.default_rng(seed)
    colour = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
    shade = np.where(rng.random(rows) < 0.98, colour, rng.integers(0, 3, rows))
    size = rng.integers(1, 5, rows)
    amount = np.round(np.exp(rng.normal(6, 0.5, rows) + 0.3 * size))
    features = np.column_stack([colour, shade, size, amount]).astype(np.float32)
    chance = 1 / (1 + np.exp(-log_odds(features)))
    return features, rng.random(rows) < chance, chance


def log_odds(rows):
    rows = np.asarray(rows, dtype=np.float64)
    table = np.asarray(WEIGHTS["colour"])
    return (
        -0.5 + table[rows[:, 0].astype(int)] + WEIGHTS["size"] * rows[:, 2] + WEIGHTS["amount"] * rows[:, 3]
    )


def make(rows=300, seed=1, model=log_odds):
    features, target, chance = draw(rows, seed)
    return make_reference(
        columns=COLUMNS,
        features=features,
        target=target,
        out_of_fold=chance,
        log_odds=model,
        features_digest="sha256:0",
        seed=7,
    )


MADE = make(rows=200)


@pytest.fixture(scope="module")
def made():
    return {name: json.loads(content) for name, content in make().items()}


@pytest.fixture(scope="module")
def reference(made):
    return made["reference.json"]


@pytest.fixture(scope="module")
def guard(reference):
    return Guard(reference["guard"])


def test_the_same_rows_give_the_same_bytes():
    assert make(rows=200) == MADE


def test_ordinary_rows_are_flagged_about_as_often_as_the_level_says(guard):
    fresh = draw(2000, 99)[0].astype(np.float64)
    p_values = guard.p_values(fresh)
    # Three standard errors of the share itself, and as much for the 300 rows that set the level.
    for level in (0.01, 0.05):
        error = math.sqrt(level * (1 - level) * (1 / 2000 + 1 / 300))
        assert abs((p_values <= level).mean() - level) < 3 * error


def test_a_broken_tie_between_columns_is_found(guard):
    rows = draw(500, 5)[0].astype(np.float64)
    rows[:, 1] = (rows[:, 0] + 1) % 3
    assert (guard.p_values(rows) <= 0.05).mean() > 0.5


def test_a_number_in_another_unit_is_found(guard):
    rows = draw(500, 5)[0].astype(np.float64)
    changed = shifts.another_unit(3, 100, 1, 10**9)(rows, np.random.default_rng(0))
    assert all(judged.verdict == "out_of_distribution" for judged in guard.judge(changed))


def test_what_training_never_saw_is_named(guard):
    row = np.asarray([[3.0, 0.0, 9.0, 500.0]])
    (judged,) = guard.judge(row)
    assert judged.verdict == "out_of_distribution"
    assert set(judged.outside) == {"colour", "size"}


def test_rows_are_judged_alone_as_in_a_batch(guard):
    rows = draw(40, 3)[0].astype(np.float64)
    rows[::4, 3] *= 50
    assert guard.judge(rows) == [guard.judge(row[None, :])[0] for row in rows]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 3),
            st.floats(-1e9, 1e9),
            st.floats(min_value=-1e30, max_value=1e30),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=30, deadline=None)
def test_every_number_gets_a_judgement(rows):
    judged = Guard(json.loads(MADE["reference.json"])["guard"]).judge(np.asarray(rows, dtype=np.float64))
    assert all(0 < one.p_value <= 1 for one in judged)


def test_shapley_values_are_what_the_definition_gives(reference):
    features, _, _ = draw(300, 1)
    explainer = Explainer(reference["explanation"])
    rows = features[:5].astype(np.float64)
    found = explainer.values(rows)
    for row, values in zip(rows, found, strict=True):
        expected = _shapley(row, features)
        assert values == pytest.approx(expected, abs=1e-6)


def _with(row, background, kept):
    mixed = background.astype(np.float64).copy()
    for i in kept:
        mixed[:, i] = row[i]
    return mixed


def _shapley(row, background):
    """The definition itself: the mean over all orders of joining, absent inputs drawn from the background."""
    count = len(row)
    worth = {
        kept: log_odds(_with(row, background, kept)).mean()
        for n in range(count + 1)
        for kept in itertools.combinations(range(count), n)
    }
    values = np.zeros(count)
    for i in range(count):
        others = [j for j in range(count) if j != i]
        for n in range(count):
            for kept in itertools.combinations(others, n):
                weight = math.factorial(n) * math.factorial(count - n - 1) / math.factorial(count)
                values[i] += weight * (worth[tuple(sorted((*kept, i)))] - worth[kept])
    return values


def test_values_and_base_add_up_to_the_log_odds(reference):
    explainer = Explainer(reference["explanation"])
    rows = draw(100, 8)[0]
    total = explainer.base + explainer.values(rows.astype(np.float64)).sum(axis=1)
    assert total == pytest.approx(log_odds(rows), abs=1e-6)


def test_a_model_without_exact_explanation_is_refused():
    with pytest.raises(TrainingError, match="no exact explanation"):
        make(model=lambda rows: log_odds(rows) + rows[:, 0].astype(np.float64) * rows[:, 2])


def test_the_strongest_inputs_come_first():
    names, values = ["a", "b", "c", "d"], [0.1, -0.5, 0.3, 0.0]
    assert [name for name, _ in strongest(dict(zip(names, values, strict=True)), shown=2)] == ["b", "c"]


def test_conformal_sets_cover_what_they_promise():
    covered, rows = 0, 0
    for seed in range(10):
        _, known, chances = draw(150, seed)
        _, target, chance = draw(1000, seed + 1000)
        judged = Calibration(fit_confidence(chances, known)).judge(chance)
        covered += sum(int(truth) in one.classes for one, truth in zip(judged, target, strict=True))
        rows += len(judged)
    assert abs(covered / rows - 0.90) < 0.02


SCORES = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=4, max_size=30).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


@given(SCORES, st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_the_band_is_what_isotonic_regression_with_the_new_row_gives(rows, at):
    known = np.asarray([score / 20 for score, _ in rows])
    target = np.asarray([label for _, label in rows])
    new = at / 40
    low, high = Calibration(fit_confidence(known, target)).band(np.asarray([new]))
    for label, end in ((0.0, low[0]), (1.0, high[0])):
        scores = np.append(known, new)
        labels = np.append(target.astype(float), label)
        distinct, where = np.unique(scores, return_inverse=True)
        weight = np.bincount(where).astype(float)
        fitted = isotonic_regression(np.bincount(where, weights=labels) / weight, sample_weight=weight)
        assert end == pytest.approx(fitted[np.searchsorted(distinct, new)])
    assert low[0] <= high[0]


def test_the_scorecard_adds_whole_points(made):
    card = made["scorecard.json"]
    scorecard = Scorecard(card)
    rows, target, _ = draw(500, 21)
    assert all(isinstance(point, int) for column in card["columns"] for point in column["points"])
    chances = np.asarray([scorecard.probability(row) for row in rows.tolist()])
    assert ((chances > 0) & (chances < 1)).all()
    assert chances[target].mean() > chances[~target].mean() + 0.05
    doubled = card["points_to_double_odds"]
    odds = [p / (1 - p) for p in chances]
    points = [card["start"] + sum(scorecard.points(row).values()) for row in rows.tolist()]
    assert odds == pytest.approx([2 ** (point / doubled) for point in points])


def test_rows_that_do_not_fit_are_named_together():
    with pytest.raises(TrainingError, match=r"codes outside.*one class only"):
        make_reference(
            columns=COLUMNS,
            features=np.full((3, 4), 7, dtype=np.float32),
            target=np.ones(3, dtype=np.bool_),
            out_of_fold=np.full(3, 0.5),
            log_odds=log_odds,
            features_digest="",
            seed=1,
        )
