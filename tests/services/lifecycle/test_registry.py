"""The registry keeps what passed its gates, and gives back only what was signed."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.lifecycle import gates
from services.lifecycle.registry import STAGES, Registry, RegistryError
from services.lifecycle.stores import FolderItems, FolderObjects, TakenError
from services.readiness import contract_file
from services.readiness.digests import bytes_digest
from services.readiness.errors import ModelRefusedError
from services.readiness.figures import of_record
from services.readiness.manifest import write_manifest
from services.readiness.model import verify

pytestmark = pytest.mark.parts

ROOT = Path(__file__).parents[3]
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (7, 8))
TRUSTED = [KEY.public_key()]
GROUPS = {
    "young": {"rows": 100, "approval_rate": 0.2, "approval_rate_of_good": 0.2},
    "old": {"rows": 100, "approval_rate": 0.3, "approval_rate_of_good": 0.3},
}


@pytest.fixture(scope="module")
def contract():
    found = contract_file.load(ROOT / "services" / "credit_risk")
    # Only the limits that this file's small record shows.
    limits = [one for one in found.validation.limits if one.figure.startswith(("holdout.auc", "cross"))]
    validation = found.validation.model_copy(update={"limits": limits})
    return found.model_copy(update={"validation": validation})


@pytest.fixture
def registry(tmp_path) -> Registry:
    items = FolderItems(tmp_path / "models", partition="model", sort="version")
    return Registry(FolderObjects(tmp_path / "objects"), items)


@pytest.fixture
def anywhere(stores) -> Registry:
    """The same in a folder and in AWS."""
    objects, table = stores
    return Registry(objects, table("models", "model", "version"))


def model_folder(folder: Path, *, auc: float = 0.8, content: bytes = b"model") -> Path:
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(content)
    part = {"auc": auc, "brier": 0.17, "cost": 0.5}
    record = {
        "service": "credit-risk",
        "model_digest": bytes_digest(content),
        "inputs": {"data_digest": "sha256:1", "seed": 3},
        "metrics": {"holdout": part, "cross_validation": part},
        "groups": {"cross_validation": {"age": GROUPS}},
    }
    (folder / "record.json").write_text(json.dumps(record))
    write_manifest(folder)
    return folder


def register(registry, contract, folder, **kwargs):
    return registry.register(folder, contract, KEY, by="ci", **kwargs)


def produce(registry, version):
    for stage in ("candidate", "shadow", "canary", "production"):
        version = registry.move(version, stage, by="ada", why="evidence")
    return version


def test_a_registered_model_comes_back_the_same_with_its_lineage(anywhere, contract, tmp_path) -> None:
    folder = model_folder(tmp_path / "one")
    version = register(anywhere, contract, folder, provenance={"commit": "abc"})
    again = register(anywhere, contract, folder)

    fetched = anywhere.fetch(anywhere.find("credit-risk", version.digest), tmp_path / "got", TRUSTED)

    assert again == version == anywhere.find("credit-risk", "1")
    assert {path.name: path.read_bytes() for path in fetched.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    assert version.lineage == {"data_digest": "sha256:1", "seed": 3, "provenance": {"commit": "abc"}}
    assert verify(fetched)["model_digest"] == version.digest


def test_stages_lead_to_production_and_the_one_before_can_come_back(anywhere, contract, tmp_path) -> None:
    first = produce(anywhere, register(anywhere, contract, model_folder(tmp_path / "1")))
    second = produce(anywhere, register(anywhere, contract, model_folder(tmp_path / "2", content=b"2")))

    assert [one.stage for one in anywhere.versions("credit-risk")] == ["previous", "production"]
    back = anywhere.move(anywhere.find("credit-risk", "000001"), "production", by="ada", why="rollback")
    assert anywhere.at("credit-risk", "production") == back
    assert anywhere.find("credit-risk", second.version).stage == "previous"
    assert [move["stage"] for move in back.history] == [
        "registered", "candidate", "shadow", "canary", "production", "previous", "production",
    ]  # fmt: skip
    with pytest.raises(TakenError):  # what was read before the last move is old
        anywhere.move(first, "previous", by="eve", why="race")


@pytest.mark.parametrize("stage", ["production", "shadow", "nonsense", "registered"])
def test_stages_cannot_be_skipped(registry, contract, tmp_path, stage: str) -> None:
    version = register(registry, contract, model_folder(tmp_path / "1"))

    with pytest.raises(RegistryError, match="it may go to candidate, rejected"):
        registry.move(version, stage, by="eve", why="in a hurry")


def test_every_stage_leads_to_known_ones() -> None:
    assert {stage for ways in STAGES.values() for stage in ways} <= set(STAGES)


def test_a_model_that_breaks_a_limit_or_is_worse_is_not_registered(registry, contract, tmp_path) -> None:
    with pytest.raises(RegistryError, match=r"holdout\.auc is 0\.6 ratio, at least 0\.7 is allowed"):
        register(registry, contract, model_folder(tmp_path / "bad", auc=0.6))
    produce(registry, register(registry, contract, model_folder(tmp_path / "good", auc=0.8)))
    with pytest.raises(RegistryError) as caught:
        register(registry, contract, model_folder(tmp_path / "worse", auc=0.78, content=b"worse"))
    equal = register(registry, contract, model_folder(tmp_path / "equal", auc=0.795, content=b"equal"))

    assert "worse than the model in production: cross_validation.auc is 0.78 against 0.8" in str(caught.value)
    assert [one.version for one in registry.versions("credit-risk")] == ["000001", equal.version]


def test_what_was_not_measured_cannot_be_compared(contract) -> None:
    record = {"metrics": {"holdout": {"auc": 0.8}}}

    found = gates.objections(contract, of_record(record), {"cross_validation.auc": 0.7})

    assert "limit cross_validation.brier: nothing was measured" in found
    assert "comparison cross_validation.auc: nothing was measured" in found


def altered(registry, version, name: str, change) -> None:
    key = f"models/credit-risk/{version.manifest_digest.removeprefix('sha256:')}/{name}"
    registry.objects.put(key, change(registry.objects.get(key)))


TAMPERED = {
    "model": ("model.onnx", lambda _: b"other", "model.onnx has the digest"),
    "record": ("record.json", lambda content: content.replace(b"0.8", b"0.9"), "record.json has the digest"),
    "manifest": ("manifest.json", lambda _: b'{"files": {}}', "manifest.json has the digest"),
    "signed statement": (
        "manifest.dsse.json",
        lambda c: c.replace(b'"payload": "e', b'"payload": "f'),
        "signed",
    ),
    "no envelope": ("manifest.dsse.json", lambda _: b"{}", "is not a DSSE envelope"),
}


@pytest.mark.parametrize("case", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_version_is_refused_and_leaves_no_folder(registry, contract, tmp_path, case) -> None:
    name, change, reason = case
    version = register(registry, contract, model_folder(tmp_path / "one"))
    altered(registry, version, name, change)

    with pytest.raises(ModelRefusedError, match=reason):
        registry.fetch(version, tmp_path / "got", TRUSTED)
    assert not (tmp_path / "got").exists()


def test_a_signature_of_nobody_trusted_is_refused(registry, contract, tmp_path) -> None:
    version = registry.register(model_folder(tmp_path / "one"), contract, OTHER, by="eve")

    with pytest.raises(ModelRefusedError, match="not signed by anybody trusted"):
        registry.fetch(version, tmp_path / "got", TRUSTED)


def test_the_table_cannot_point_to_another_signed_model(registry, contract, tmp_path) -> None:
    one = register(registry, contract, model_folder(tmp_path / "1"))
    two = register(registry, contract, model_folder(tmp_path / "2", content=b"2"))
    key = f"models/credit-risk/{one.manifest_digest.removeprefix('sha256:')}/manifest.dsse.json"
    other = f"models/credit-risk/{two.manifest_digest.removeprefix('sha256:')}/manifest.dsse.json"
    registry.objects.put(key, registry.objects.get(other))

    with pytest.raises(ModelRefusedError, match="for another model"):
        registry.fetch(one, tmp_path / "got", TRUSTED)


def test_an_altered_folder_is_not_registered(registry, contract, tmp_path) -> None:
    folder = model_folder(tmp_path / "one")
    (folder / "more").write_text("x")

    with pytest.raises(ModelRefusedError, match="more is not listed"):
        register(registry, contract, folder)
    assert registry.versions("credit-risk") == []
