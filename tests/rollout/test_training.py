"""The standing job of continuous training: what it looks at, what ends a look, what it tells."""

import json
import os
import time
from pathlib import Path

import pytest

from infra.errors import SettingsError
from infra.operations import releases, training
from infra.operations.training import IDLE_SECONDS, Trainer, Wanted
from infra.ops import emulated, graph
from infra.settings import Settings

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / "stacks" / "Pulumi.local.yaml"


def told(trainer: Trainer) -> dict[str, float]:
    return {one.labels["service"]: one.value for one in trainer.samples() if one.name.endswith("_ok")}


def test_every_service_is_looked_at_and_the_job_tells_how_each_look_ended():
    ends = {"a": "waiting", "b": "refused", "c": "handed over", "d": "failed"}
    trainer = Trainer(lambda: Wanted(services=tuple(ends), seconds=60), ends.__getitem__)
    assert trainer.look() == 60
    assert told(trainer) == {"a": 1, "b": 0, "c": 1, "d": 0}
    seen = [one.value for one in trainer.samples() if one.name.endswith("_seconds")]
    assert all(abs(at - time.time()) < 60 for at in seen)


def test_a_look_that_breaks_does_not_end_the_watch():
    def once(service: str) -> str:
        if service == "a":
            raise OSError("no process")
        return "waiting"

    trainer = Trainer(lambda: Wanted(services=("a", "b"), seconds=60), once)
    assert trainer.look() == 60
    assert told(trainer) == {"a": 0, "b": 1}


def test_a_stack_file_that_cannot_be_read_is_read_again():
    def wanted() -> Wanted:
        raise SettingsError("half a file")

    trainer = Trainer(wanted, lambda _: pytest.fail("nothing was to be looked at"))
    assert trainer.look() == IDLE_SECONDS


def test_what_is_switched_off_is_told_no_more():
    services = ["a"]
    trainer = Trainer(lambda: Wanted(services=tuple(services), seconds=60), lambda _: "waiting")
    trainer.look()
    services.clear()
    assert trainer.look() == IDLE_SECONDS
    assert told(trainer) == {}


@pytest.mark.parametrize(("engine", "services"), [("none", ()), ("watch", ("credit-risk",))])
def test_the_settings_switch_it_on(
    engine: str, services: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(
        LOCAL.read_text(encoding="utf-8") + f"  plinth:retraining: {{engine: {engine}, look_seconds: 30}}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(emulated, "stack_file", lambda _: file)
    assert releases.wanted("local") == Wanted(services=services, seconds=30)


def test_no_committed_stack_switches_it_on():
    for file in (ROOT / "stacks").glob("Pulumi.*.yaml"):
        assert graph.stack_settings(file).retraining.engine == "none"


def test_on_aws_it_is_refused_with_what_works_instead():
    raw = json.loads(graph.stack_settings(ROOT / "stacks" / "Pulumi.prod.yaml").model_dump_json())
    with pytest.raises(SettingsError, match=r"let a scheduler run './plinth retrain once SERVICE'"):
        Settings.parse({**raw, "retraining": {"engine": "watch"}}, stack="prod", environ={})


@pytest.mark.parts
def test_a_look_that_cannot_begin_says_why(tmp_path: Path):
    environ = {**os.environ, "PLINTH_HOME": str(tmp_path / "home")}
    said = training.in_a_process("nobody", "local", environ)
    assert said.startswith("failed: error: ")
    assert "nobody" in said or "platform" in said
