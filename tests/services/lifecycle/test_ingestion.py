"""A batch is judged row by row and as a whole; what breaks a limit never reaches training."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.credit_risk import data
from services.credit_risk.dataset import SPEC, of_frame
from services.lifecycle import datasets, ingestion
from services.lifecycle.datasets import RawColumn
from services.lifecycle.stores import FolderObjects
from services.readiness import contract_file
from services.readiness.errors import DataError

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "services" / "credit_risk"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def contract():
    return contract_file.load(FOLDER)


@pytest.fixture
def objects(tmp_path) -> FolderObjects:
    return FolderObjects(tmp_path / "data")


@pytest.fixture(scope="module")
def original() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.locate().read_text(encoding="utf-8"))))


def delivered(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def ingest(rows, contract, objects, **kwargs):
    return ingestion.ingest(SPEC, delivered(rows), contract, objects, now=NOW, **kwargs)


def test_what_comes_in_is_what_training_reads(contract, objects) -> None:
    batch = ingestion.ingest(SPEC, data.locate().read_bytes(), contract, objects, now=NOW)
    frame, digest = ingestion.load(SPEC, ingestion.batches(SPEC, objects), objects)

    assert (batch.rows, batch.quarantined, batch.breaches) == (1000, 0, [])
    assert batch.owner["owner"] == "credit-modelling"
    assert batch.owner["licence"] == "CC BY 4.0"
    assert of_frame(frame, digest) == data.load()
    assert objects.get(batch.key("deliveries", "csv")) == data.locate().read_bytes()
    again = ingestion.ingest(SPEC, data.locate().read_bytes(), contract, objects)
    assert again == batch  # the first report stands, its time too


def test_each_broken_row_is_quarantined_with_every_reason(contract, objects, original) -> None:
    rows = [dict(row) for row in original[:200]]
    rows[3] |= {"duration_in_month": "9999", "purpose": "boat"}
    rows[7] |= {"credit_amount": ""}
    rows[9] |= {"age_in_years": "-3"}
    text = delivered(rows).decode().splitlines()
    text[1 + 11] += ",surplus"

    batch = ingestion.ingest(SPEC, "\n".join(text).encode(), contract, objects, now=NOW)

    found = [json.loads(line) for line in objects.get(batch.key("quarantine", "jsonl")).splitlines()]
    assert {one["line"]: one["reasons"] for one in found} == {
        5: ["duration_in_month: is no whole number from 1 to 120", "purpose: is none of the allowed values"],
        9: ["credit_amount: is missing"],
        11: ["age_in_years: is no whole number from 18 to 120"],
        13: ["has 22 values, the header has 21"],
    }
    assert batch.quarantined == 4
    assert batch.rows == 200
    assert batch.breaches == []


def test_a_batch_over_a_limit_is_kept_but_not_trained_on(contract, objects, original) -> None:
    rows = [dict(row) for row in original]
    for row in rows[:50]:
        row["purpose"] = "boat"
    batch = ingest(rows, contract, objects)

    with pytest.raises(DataError) as caught:
        ingestion.load(SPEC, [batch], objects)

    assert batch.breaches == ["quarantined_share is 0.05, at most 0.02 is allowed"]
    assert "quarantined_share is 0.05, at most 0.02 is allowed" in str(caught.value)


def doubled(rows):
    return rows[:500] + rows[:100]


def old_only(rows):
    return [row for row in rows if int(row["age_in_years"]) > 25]


def huge_amounts(rows):
    return [row | {"credit_amount": "99999"} if i % 8 == 0 else row for i, row in enumerate(rows)]


def labels_by_age(rows):
    return [row | {"creditability": "bad" if int(row["age_in_years"]) <= 25 else "good"} for row in rows]


BAD_BATCHES = {
    "copies": (doubled, "duplicate_share"),
    "a group is gone": (old_only, "group_share_change.age"),
    "numbers far out": (huge_amounts, "anomalous_share"),
    "labels follow a group": (labels_by_age, "label_rate_gap.age"),
    "too small": (lambda rows: rows[:20], "rows is 20, at least 100"),
}


@pytest.mark.parametrize("case", BAD_BATCHES.values(), ids=BAD_BATCHES.keys())
def test_a_strange_batch_is_found_against_what_was_seen_before(contract, objects, original, case) -> None:
    change, name = case
    first = ingest(original, contract, objects)
    reference, _ = ingestion.load(SPEC, [first], objects)

    batch = ingest(change([dict(row) for row in original]), contract, objects, reference=reference)

    assert any(breach.startswith(name) for breach in batch.breaches), batch.figures
    with pytest.raises(DataError, match="may not be trained on"):
        ingestion.load(SPEC, [first, batch], objects)


def test_altered_rows_are_found(contract, objects, original) -> None:
    batch = ingest(original[:300], contract, objects)
    other = ingest(original[300:600], contract, objects)
    objects.put(batch.key("accepted", "parquet"), objects.get(other.key("accepted", "parquet")))

    with pytest.raises(DataError, match="altered after it came in"):
        ingestion.load(SPEC, [batch], objects)


def test_two_batches_have_a_digest_of_their_own(contract, objects, original) -> None:
    parts = [ingest(original[:300], contract, objects), ingest(original[300:], contract, objects)]
    frame, digest = ingestion.load(SPEC, parts, objects)

    assert len(frame) == 1000
    assert digest not in {part.source_digest for part in parts}


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        (b"", "has no row"),
        (b"a,b\n", "has no row"),
        (b"\xff\xfe\x00", "is no CSV"),
        (b"a,b\n1,2\n", "column a is not known"),
        (b'a\n"open', "is no CSV"),
    ],
)
def test_what_is_not_of_this_schema_is_refused_whole(contract, objects, delivery, reason) -> None:
    with pytest.raises(DataError, match=reason):
        ingestion.ingest(SPEC, delivery, contract, objects)
    assert list(objects.keys("")) == []


def test_data_that_nobody_owns_are_refused(contract, objects) -> None:
    with pytest.raises(DataError, match="Nobody owns the data set 'found-on-a-disk'"):
        ingestion.ingest(replace(SPEC, name="found-on-a-disk"), b"a\n1\n", contract, objects)


def test_the_schema_is_the_one_that_its_version_stands_for() -> None:
    datasets.check_version(SPEC, FOLDER)


def test_a_changed_schema_needs_the_next_version(tmp_path) -> None:
    first = replace(SPEC, version=1)
    assert datasets.accept_version(first, tmp_path)
    changed = replace(first, columns=(*SPEC.columns, RawColumn(name="more", allowed=("x",))))

    for refuse in (datasets.check_version, datasets.accept_version):
        with pytest.raises(DataError, match="was changed, but it still says version 1"):
            refuse(changed, tmp_path)
    with pytest.raises(DataError, match="does not follow version 1"):
        datasets.check_version(replace(changed, version=3), tmp_path)
    with pytest.raises(DataError, match="is not written down"):
        datasets.check_version(replace(changed, version=2), tmp_path)
    assert datasets.accept_version(replace(changed, version=2), tmp_path)
    assert not datasets.accept_version(first, tmp_path)
    datasets.check_version(replace(changed, version=2), tmp_path)
