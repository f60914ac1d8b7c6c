"""Releases that make no sense are refused with the reason, before anybody could get an answer of theirs."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from infra.errors import PlinthError, RefusedError, SettingsError
from infra.local.control_plane.kube_api import KubeError
from infra.local.images import ImageRef
from infra.operations import gates
from infra.operations.shadows import Shadows
from infra.ops import graph, verdicts
from infra.ops.drills.rollout import stage
from infra.ops.events import Run
from infra.ops.events import Step as Told
from infra.rollout import sense
from infra.rollout.objects import Pace
from infra.settings import Settings
from infra.settings_rollout import RolloutSettings
from policies.changes import Step
from services.readiness import contract_file
from services.readiness.contract import Contract

ROOT = Path(__file__).parents[2]
CONTRACT = contract_file.load(ROOT / "services" / "credit_risk")
ONE, TWO = (f"registry.example/credit-risk@sha256:{digit * 64}" for digit in "12")


def deployment(image: str, name: str = "credit-risk", *, ready: int = 2, **said: str) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "serving"},
        "spec": {
            "template": {
                "metadata": {"annotations": said},
                "spec": {
                    "containers": [{"name": "serve", "image": image, "env": [{"name": "A", "value": "1"}]}]
                },
            }
        },
        "status": {"readyReplicas": ready},
    }


def stable(image: str, *, ready: int = 2, **said: str) -> dict[str, Any]:
    return deployment(image, "credit-risk-primary", ready=ready, **said, **{"flagger-id": "x"})


def test_a_pace_that_no_release_could_keep_a_promise_with_is_refused_with_its_arithmetic():
    assert not list(sense.impossible("s", CONTRACT, Pace()))
    (found,) = sense.impossible("s", CONTRACT, Pace(interval_seconds=60, failed_checks=2))
    assert "within 60 s" in found
    assert "up to 180 s" in found


def test_the_default_pace_keeps_the_promises_of_every_contract():
    defaults = RolloutSettings()
    pace = Pace(interval_seconds=defaults.interval_seconds, failed_checks=defaults.failed_checks)
    assert pace == Pace()
    for file in (ROOT / "services").glob("*/contract.yaml"):
        assert not list(sense.impossible(file.parent.name, contract_file.load(file.parent), pace))


@pytest.mark.parametrize(("interval", "scrape", "fits"), [(10, 15, False), (20, 15, False), (20, 10, True)])
def test_a_pace_at_which_nothing_is_measured_by_the_first_look_is_refused(
    interval: int, scrape: int, *, fits: bool
):
    """Seen on a real stack: two looks found no values, and a good release was undone."""
    pace = Pace(interval_seconds=interval, scrape_seconds=scrape)
    assert (not list(sense.blind(pace))) == fits
    assert pace.window_seconds >= max(interval, 2 * scrape)


def with_engine(**rollout: Any) -> Settings:
    raw = json.loads(graph.stack_settings(ROOT / "stacks" / "Pulumi.local.yaml").model_dump_json())
    raw["monitoring"]["scrape_seconds"] = 10
    return Settings.parse({**raw, "rollout": {"engine": "flagger", **rollout}}, stack="local", environ={})


def test_the_program_refuses_a_pace_that_nothing_could_pass():
    settings = with_engine(interval_seconds=10)
    with pytest.raises(SettingsError, match="no release could ever pass: looks are 10 s apart"):
        graph.resources(settings)


def test_the_program_refuses_it_for_all_services_at_once():
    with pytest.raises(SettingsError, match="Releases could not go as promised") as refused:
        graph.resources(with_engine(interval_seconds=300))
    assert "credit-risk promises" in str(refused.value)
    assert "digit-reader promises" in str(refused.value)


def test_weights_that_were_meant_to_be_added_up_are_refused_with_what_was_meant():
    with pytest.raises(SettingsError, match=r"more than the one before; \[25, 50, 100\], if these were"):
        with_engine(weights=[25, 25, 50])


def canary(name: str = "credit-risk") -> dict[str, Any]:
    return {"kind": "Canary", "metadata": {"name": name, "namespace": "serving"}}


def change(operation: str, new: dict[str, Any], old: dict[str, Any] | None = None) -> Step:
    return Step(operation=operation, urn="urn", type="t", old=old or {}, new=new)


def test_a_canary_that_comes_with_another_version_has_no_stable_one():
    switched_on = change("create", canary())
    changed = change("update", deployment(TWO), deployment(ONE))
    (found,) = sense.unseen([switched_on, changed])
    assert "a canary without a stable version" in found
    assert ONE in found
    assert TWO in found


@pytest.mark.parametrize(
    "steps",
    [
        [change("create", canary()), change("create", deployment(ONE))],
        [change("create", canary()), change("update", deployment(ONE), deployment(ONE))],
        [change("same", canary()), change("update", deployment(TWO), deployment(ONE))],
        [change("create", canary("other")), change("update", deployment(TWO), deployment(ONE))],
    ],
    ids=["first of all", "the version in service", "a release", "of another service"],
)
def test_other_changes_have_one(steps: list[Step]):
    assert sense.unseen(steps) == []


def test_the_preview_refuses_a_canary_without_a_stable_version_before_anything_is_touched():
    steps = [
        Told(operation="create", urn="urn:a", type="c", inputs=canary()),
        Told(operation="update", urn="urn:b", type="d", inputs=deployment(TWO), old=deployment(ONE)),
    ]
    run = Run(exit_code=0, steps=steps)
    with pytest.raises(RefusedError, match="without a stable version") as refused:
        verdicts.require_compared(run, "local")
    assert "Switch the engine on" in str(refused.value)
    verdicts.require_compared(Run(exit_code=0, steps=steps[1:]), "local")


@pytest.mark.parametrize(
    ("kept", "word"),
    [
        (None, "has no stable version"),
        (stable(ONE, ready=0), "no pod of the stable version"),
        (stable(TWO, model="m"), "equals the stable version"),
    ],
)
def test_the_gate_refuses_what_is_no_release(kept: dict[str, Any] | None, word: str):
    sources = gates.Sources(
        contracts={"credit-risk": CONTRACT},
        shadows=Shadows(list, {"credit-risk": CONTRACT}),
        target=lambda _: deployment(TWO, model="m"),
        stable=lambda _: kept,
        experiments=lambda _: [],
        objections=lambda *_: [],
    )
    status, reason = gates.answer(sources, "versions", "credit-risk")
    assert (status, word in reason) == (gates.NO, True)


@pytest.mark.parametrize("kept", [stable(ONE, model="m"), stable(TWO, model="n")], ids=["image", "model"])
def test_the_gate_lets_another_version_go(kept: dict[str, Any]):
    assert sense.no_release(deployment(TWO, model="m"), kept) is None


class Kube:
    """An API server that knows two deployments."""

    def __init__(self, kept: dict[str, Any] | None) -> None:
        self.kept, self.calls = kept, 0

    def get(self, path: str) -> dict[str, Any]:
        if not path.endswith("-primary"):
            return deployment(ONE)
        if self.kept is None:
            raise KubeError(404, "not found")
        return copy.deepcopy(self.kept)

    def call(self, *_: object) -> bytes:
        self.calls += 1
        return b""


@pytest.mark.parametrize(
    ("kept", "image", "word"),
    [(stable(ONE), ONE, "equals the stable version"), (None, TWO, "no stable version")],
)
def test_the_drill_releases_nothing_that_is_no_release(kept: dict[str, Any] | None, image: str, word: str):
    kube = Kube(kept)
    place = stage.Stage(platform=None, kube=kube, settings=None, stable=None, bento=None)  # type: ignore[arg-type]
    with pytest.raises(PlinthError, match=word):
        place.release(ImageRef.parse(image))
    assert kube.calls == 0


def test_the_drill_releases_another_version():
    kube = Kube(stable(ONE))
    place = stage.Stage(platform=None, kube=kube, settings=None, stable=None, bento=None)  # type: ignore[arg-type]
    place.release(ImageRef.parse(TWO))
    assert kube.calls == 1


def changed(part: str, **values: Any) -> dict[str, Any]:
    raw = CONTRACT.model_dump()
    raw[part] = (
        [{**raw[part][0], **values}, *raw[part][1:]]
        if isinstance(raw[part], list)
        else {**raw[part], **values}
    )
    return raw


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (changed("failing", at_most=-1), "failing: undesigned_error_share can never pass"),
        (changed("fairness", at_least=1.2), "and 1 is the most"),
        (changed("drift", at_most=0), "drift: population_stability_index can never pass"),
        (changed("drift", at_most=None, at_least=0.1), "nothing could break it"),
        (
            changed("out_of_distribution", flagged_share_at_most=0.005),
            "flags 0.01 of ordinary inputs by design",
        ),
        (changed("confidence", low_below=1.0), "every answer counts as unsure"),
        (changed("shadow", score_distance_at_most=0.0), "only the model in service itself could"),
    ],
)
def test_limits_that_can_never_pass_are_refused_with_the_contract(raw: dict[str, Any], words: str):
    with pytest.raises(ValueError, match="1 validation error") as refused:
        Contract.model_validate(raw)
    assert words in str(refused.value)
