"""`./plinth train` gives the model that `./plinth up` serves, and the registry refuses what it must."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.errors import PlinthError, RefusedError
from infra.local.paths import repo_root
from infra.ops import lifecycle
from infra.ops.cli import app
from infra.settings import Settings
from services.credit_risk.data import DATA_DIGEST
from services.credit_risk.lineage import inputs


@pytest.fixture(autouse=True)
def a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def settings(stack: str) -> Settings:
    return Settings.from_file(repo_root() / "stacks" / f"Pulumi.{stack}.yaml", environ={})


@pytest.mark.serving
def test_the_command_trains_lists_moves_and_fetches_a_model(tmp_path) -> None:
    runner = CliRunner()
    trained = runner.invoke(app, ["train", "credit-risk", "--json"])
    listed = runner.invoke(app, ["registry", "list", "credit-risk", "--json"])
    moved = runner.invoke(app, ["registry", "move", "credit-risk", "1", "shadow", "--why", "looks good"])
    fetched = runner.invoke(app, ["registry", "fetch", "credit-risk", "shadow", "--out", str(tmp_path / "m")])

    version = json.loads(trained.stdout)["version"]
    (row,) = json.loads(listed.stdout)
    assert row == version
    assert version["stage"] == "candidate"
    # Lineage names what a model of `up` is made from too; the digest of the same inputs is the same.
    assert {key: version["lineage"][key] for key in inputs(DATA_DIGEST)} == inputs(DATA_DIGEST)
    assert moved.exit_code == 0
    assert fetched.exit_code == 0
    assert {path.name for path in (tmp_path / "m").iterdir()} >= {
        "model.onnx",
        "record.json",
        "manifest.json",
    }


def test_a_stack_on_aws_takes_no_key_of_the_clone() -> None:
    with pytest.raises(RefusedError, match="may sign models for stack 'prod'"):
        lifecycle.builder_key(settings("prod"), None)


def test_the_clone_signs_for_the_local_stack(a_home) -> None:
    lifecycle.builder_key(settings("local"), None)

    assert (a_home / "keys" / "development.pem").exists()


def test_what_does_not_exist_is_said_so(tmp_path) -> None:
    stack = settings("local")
    with pytest.raises(PlinthError, match="There is no version 'production'"):
        lifecycle.fetch("credit-risk", stack, "folder", name="production", out=tmp_path / "x")
    with pytest.raises(PlinthError, match="There is no delivery"):
        lifecycle.train(
            "credit-risk", stack, place="folder", key_file=None,
            deliveries=[tmp_path / "none.csv"], prefix=None, say=print,
        )  # fmt: skip
    assert lifecycle.versions("credit-risk", stack, "folder") == []
