"""The pipeline goes from deliveries to a registered candidate, or stops at the first gate that says no."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.credit_risk import data
from services.credit_risk.dataset import of_frame
from services.credit_risk.features import FEATURES, encode
from services.credit_risk.pipeline import PIPELINE
from services.lifecycle import pipeline
from services.lifecycle.pipeline import Stores
from services.lifecycle.registry import Registry, RegistryError
from services.lifecycle.stores import FolderItems, FolderObjects
from services.readiness.digests import bytes_digest
from services.readiness.errors import DataError

pytestmark = pytest.mark.parts

KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
GROUPS = {
    "young": {"rows": 100, "approval_rate": 0.2, "approval_rate_of_good": 0.2},
    "old": {"rows": 100, "approval_rate": 0.3, "approval_rate_of_good": 0.3},
}


def stores_in(folder: Path) -> Stores:
    items = FolderItems(folder / "registry", partition="model", sort="version")
    return Stores(
        data=FolderObjects(folder / "data"),
        features=FolderObjects(folder / "features"),
        artifacts=FolderObjects(folder / "artifacts"),
        registry=Registry(FolderObjects(folder / "artifacts"), items),
    )


def quick(auc: float = 0.8):
    """The real pipeline with a training that takes no time: the model is the digest of what it saw."""
    seen = []

    def train(folder: Path, frame, digest: str, features):
        folder.mkdir()
        content = digest.encode() + features.tobytes()
        part = {"auc": auc, "brier": 0.1, "cost": 0.1}
        record = {
            "service": "credit-risk",
            "model_digest": bytes_digest(content),
            "inputs": {"data_digest": digest},
            "metrics": {
                "holdout": part,
                "cross_validation": part,
                "slices": {"worst_auc": 0.6},
                "stress": {"invalid_share": 0.0, "batch_difference": 0.0},
                "robustness": {"decisions_changed_share": 0.0},
            },
            "groups": {"cross_validation": {"age": GROUPS}},
        }
        (folder / "model.onnx").write_bytes(content)
        (folder / "record.json").write_text(json.dumps(record))
        seen.append((frame, features))
        return record

    return replace(PIPELINE, train=train), seen


def rows() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(PIPELINE.delivery().decode())))


def delivered(some: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(some[0]))
    writer.writeheader()
    writer.writerows(some)
    return text.getvalue().encode()


def test_training_reads_the_offline_table_and_leaves_a_whole_record(tmp_path) -> None:
    made, seen = quick()
    kept = stores_in(tmp_path)

    done = pipeline.run(made, kept, KEY, by="ci")

    frame, features = seen[0]
    direct = np.asarray([encode(one) for one in of_frame(frame, "").applications], dtype=np.float32)
    assert np.array_equal(features, direct)
    assert features.shape == (1000, len(FEATURES))
    assert done.version.stage == "candidate"
    record = json.loads(kept.artifacts.get(done.record))
    assert record["batches"] == done.batches == [record["data_digest"]]
    assert record["feature_table"] == done.features
    assert record["model"] == done.version.digest
    assert record["schema"]["version"] == 2
    assert record["figures"]["holdout.auc"] == 0.8


def test_two_runs_in_separate_folders_give_the_same_digests(tmp_path) -> None:
    one, two = (pipeline.run(quick()[0], stores_in(tmp_path / n), KEY, by=n) for n in ("a", "b"))

    assert one.version.manifest_digest == two.version.manifest_digest
    assert (one.record, one.features, one.batches) == (two.record, two.features, two.batches)


def test_new_data_make_a_new_version_and_the_same_data_none(tmp_path) -> None:
    kept, made = stores_in(tmp_path), quick()[0]
    # Every third row: cut in two, the file's sorted column is rightly found to be strange.
    all_rows = [row for start in range(3) for row in rows()[start::3]]
    first = pipeline.run(made, kept, KEY, by="ci", deliveries=[delivered(all_rows[:700])])
    again = pipeline.run(made, kept, KEY, by="ci")
    more = pipeline.run(made, kept, KEY, by="ci", deliveries=[delivered(all_rows[700:])])

    assert again.version == first.version
    assert more.version.version == "000002"
    assert len(more.batches) == 2
    assert more.version.digest != first.version.digest


def labelled(count: int, **changes) -> bytes:
    """Labels as the review queue exports them: the application, what was found, and provenance."""
    found = [json.loads(one.model_dump_json()) for one in data.load().applications[:count]]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*sorted(found[0]), "label", "decision", "reviewer"])
    writer.writeheader()
    for n, one in enumerate(found):
        label = "bad" if n % 3 == 0 else "good"
        row = one | {"credit_amount_dm": 3000 + n}  # another loan of such a person: no copy of a known row
        writer.writerow({**row, "label": label, "decision": f"d{n}", "reviewer": "ada"} | changes)
    return text.getvalue().encode()


def test_labels_of_reviewers_become_data_and_a_new_candidate(tmp_path) -> None:
    made, seen = quick()
    kept = stores_in(tmp_path)
    first = pipeline.run(made, kept, KEY, by="ci")

    second = pipeline.run(made, kept, KEY, by="ci", deliveries=[made.labels(labelled(150))])

    frame, features = seen[-1]
    dataset = of_frame(frame, "")
    assert (len(frame), len(features)) == (1150, 1150)
    assert dataset.groups["age"][1000:] == ("unknown",) * 150
    assert sum(dataset.defaulted[1000:]) == 50
    assert second.version.version == "000002"
    assert second.version.stage == "candidate"
    assert second.batches[0] == first.batches[0]


def test_labels_that_say_nothing_are_quarantined(tmp_path) -> None:
    made, kept = quick()[0], stores_in(tmp_path)
    pipeline.run(made, kept, KEY, by="ci")

    with pytest.raises(DataError, match="quarantined_share is 1"):
        pipeline.run(made, kept, KEY, by="ci", deliveries=[made.labels(labelled(150, label="perhaps"))])
    with pytest.raises(DataError, match=r"lack the column\(s\) .*label"):
        made.labels(b"decision\n1\n")


def test_a_batch_over_a_limit_stops_this_run_and_stays_out_of_the_next(tmp_path) -> None:
    kept, made = stores_in(tmp_path), quick()[0]
    broken = [row | ({"purpose": "boat"} if i % 5 == 0 else {}) for i, row in enumerate(rows()[:300])]
    good = pipeline.run(made, kept, KEY, by="ci")

    with pytest.raises(DataError, match="quarantined_share"):
        pipeline.run(made, kept, KEY, by="ci", deliveries=[delivered(broken)])
    after = pipeline.run(made, kept, KEY, by="ci")

    assert len(kept.registry.versions("credit-risk")) == 1
    assert after.batches == good.batches


def test_a_model_that_breaks_a_limit_registers_nothing(tmp_path) -> None:
    kept = stores_in(tmp_path)

    with pytest.raises(RegistryError, match=r"holdout\.auc is 0\.5"):
        pipeline.run(quick(auc=0.5)[0], kept, KEY, by="ci")
    assert kept.registry.versions("credit-risk") == []
    assert list(kept.artifacts.keys("")) == []


def test_a_changed_schema_without_a_version_stops_before_any_data_are_read(tmp_path) -> None:
    made = quick()[0]
    changed = replace(made, spec=replace(made.spec, columns=made.spec.columns[1:]))

    with pytest.raises(DataError, match="still says version 2"):
        pipeline.run(changed, stores_in(tmp_path), KEY, by="ci")
    assert not (tmp_path / "data").exists()


def test_a_service_without_a_pipeline_is_named() -> None:
    with pytest.raises(DataError, match=r"use one of: .*credit-risk"):
        pipeline.of("no-such")
