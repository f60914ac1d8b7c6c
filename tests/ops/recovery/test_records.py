"""A record says what was built from what; whoever alters it, or what it speaks of, is found out."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.errors import Exit, PlinthError
from infra.local import toolchain
from infra.local.paths import repo_root
from infra.ops import contracts, environment, state
from infra.ops.recovery import keeping, records, statements
from infra.settings import Settings
from services.readiness import dsse

pytestmark = pytest.mark.parts

VERDICTS = {"mandatory_violations": 0, "advisory_violations": 2, "resources": 2}


@pytest.fixture
def latest(settings: Settings) -> dict[str, Any]:
    """Write a state of two resources; return its checkpoint."""
    urn, topic = "urn:pulumi:local::plinth::{0}::{1}", "aws:sns/topic:Topic"
    rows = [
        {"urn": urn.format("pulumi:pulumi:Stack", "plinth-local"), "type": "pulumi:pulumi:Stack",
         "outputs": {"cluster": "plinth-local"}},
        {"urn": urn.format(topic, "alerts"), "type": topic, "id": "arn:x:alerts",
         "inputs": {"name": "plinth-local-alerts"}, "outputs": {"arn": "arn:x:alerts"}},
    ]  # fmt: skip
    path = state.state_file(settings.environment)
    path.parent.mkdir(parents=True)
    checkpoint = {"version": 3, "checkpoint": {"stack": "local", "latest": {"resources": rows}}}
    path.write_text(json.dumps(checkpoint), encoding="utf-8")
    return {"resources": rows}


@pytest.fixture
def written(settings: Settings, latest: dict[str, Any]) -> Path:
    """Return a record of that state, as ``up`` leaves it on this machine."""
    content = statements.state_bytes(state.state_file("local"))
    envelope = statements.draft(settings, VERDICTS, latest=latest, state=content)
    path = keeping.local_folder("local") / "20260101T000000000000.json"
    path.parent.mkdir(parents=True)
    path.write_text(statements.signed(envelope, contracts.development_key()), encoding="utf-8")
    return path


def test_what_was_just_recorded_differs_in_nothing(settings: Settings, written: Path) -> None:
    record = records.load(settings)

    assert record.name == written.name
    assert records.verify(settings, record, None) == []
    assert record.said["policies"]["advisory_violations"] == 2
    assert set(record.said["source"]["toolchain"]) == {one.name for one in toolchain.status()}
    assert record.said["models"].keys() == settings.services.keys()


@pytest.mark.usefixtures("written")
def test_every_part_that_changed_is_named(
    settings: Settings, latest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = records.load(settings)
    latest["resources"][1]["inputs"]["name"] = "other"
    latest["resources"][0]["outputs"]["cluster"] = "other"
    document = {"version": 3, "checkpoint": {"stack": "local", "latest": latest}}
    state.state_file("local").write_text(json.dumps(document), encoding="utf-8")
    now = statements.source()
    now = {**now, "lock": "sha256:other", "trees": {**now["trees"], "policies": "sha256:other"}}
    monkeypatch.setattr(statements, "source", lambda: now)
    storage = settings.storage.model_copy(update={"noncurrent_days": 99})
    changed = settings.model_copy(update={"storage": storage, "releases": {}})

    found = records.verify(changed, record, None)

    assert [one.of for one in found] == [
        "lock", "trees", "settings", "models", "models", "graph", "outputs"
    ]  # fmt: skip
    assert "storage.noncurrent_days" in found[2].what
    assert found[5].what == "aws:sns/topic:Topic alerts: not as it was"


@pytest.mark.parametrize("hurt", ["payload", "signature", "key", "nothing", "kind"])
def test_a_record_that_is_not_what_was_signed_is_refused(
    settings: Settings, written: Path, hurt: str
) -> None:
    document = json.loads(written.read_text(encoding="utf-8"))
    if hurt == "payload":
        said = json.loads(base64.b64decode(document["payload"]))
        said["predicate"]["by"] = "somebody else"
        document["payload"] = base64.b64encode(json.dumps(said).encode()).decode()
    elif hurt == "signature":
        document["signatures"][0]["sig"] = base64.b64encode(b"0" * 64).decode()
    elif hurt == "nothing":
        document["signatures"] = []
    text = json.dumps(document)
    if hurt in {"key", "kind"}:
        envelope = dsse.envelope(dsse.statement({"state": "sha256:00"}, "other", {}))
        key = Ed25519PrivateKey.generate() if hurt == "key" else contracts.development_key()
        text = statements.signed(envelope, key)
    written.write_text(text, encoding="utf-8")

    with pytest.raises(PlinthError) as caught:
        records.load(settings)
    assert caught.value.code == Exit.REFUSED
    assert written.name in caught.value.what


def test_a_record_that_is_not_there_is_said_to_be_missing(settings: Settings, written: Path) -> None:
    with pytest.raises(PlinthError, match=r"no record 'other\.json'"):
        records.load(settings, "other.json")
    written.unlink()
    with pytest.raises(PlinthError, match="no record yet"):
        records.load(settings)


@pytest.mark.usefixtures("written")
def test_a_production_stack_trusts_no_key_of_a_clone(settings: Settings) -> None:
    production = settings.model_copy(update={"contracts": "signed"})

    with pytest.raises(PlinthError, match="a key that nobody trusts"):
        records.load(production)


def test_looking_at_what_was_built_leaves_the_settings_of_tokens_as_an_up_wrote_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    file = repo_root() / "stacks" / "Pulumi.local.yaml"
    written = environment.tokens_file(Settings.from_file(file, environ={}))
    before = written.read_bytes()

    settings = records.built_settings(file)

    assert written.read_bytes() == before
    assert len(settings.tokens.builders) == 1
