"""An environment that is hurt while it changes: the next `up` brings it to what the program says."""

import os
import signal
from collections.abc import Callable

import pytest
from clones import Clone, edit
from commands import Running, until

from infra.errors import Exit

pytestmark = pytest.mark.faults

PARTS = {
    "the AWS API": (("aws",), "aws:"),
    "the control plane": (("etcd", "apiserver"), "kubernetes:"),
    "what places and runs pods": (("controller-manager", "scheduler", "nodes", "runner"), "kubernetes:apps"),
    "the way in": (("gateway", "envoy"), "kubernetes:apps"),
    "what watches": (("monitor", "prometheus", "alertmanager", "flagger", "operations"), "kubernetes:apps"),
}
"""Parts of the platform that are killed together, and the kind of resource whose change needs them."""


@pytest.fixture
def changed(draft: Clone) -> Clone:
    """Return a draft that keeps old objects longer (AWS) and asks for another number of pods (Kubernetes)."""
    with draft.kubernetes() as api:
        path = "/apis/apps/v1/namespaces/serving/deployments/credit-risk"
        replicas = 5 - api.get(path).json()["spec"]["replicas"]  # two or three, whichever it is not
    stack = draft.root / "stacks" / "Pulumi.local.yaml"
    days = 91 + int.from_bytes(os.urandom(2)) % 3000  # some number that it is not
    edit(stack, "config:\n", f"config:\n  plinth:storage:\n    noncurrent_days: {days}\n")
    edit(stack, "credit-risk:\n", f"credit-risk:\n      replicas: {replicas}\n")
    return draft


def _at_work(clone: Clone, run: Running, kind: str = "") -> None:
    """Wait until the engine is changing a resource of this kind."""
    until(lambda: clone.working_on(kind) or run.over(), f"the engine changes {kind or 'something'}")
    assert not run.over(), run.done().text


@pytest.mark.parametrize(("parts", "kind"), PARTS.values(), ids=list(PARTS))
def test_parts_that_are_killed_during_an_up_leave_nothing_that_the_next_up_cannot_mend(
    changed: Clone, parts: tuple[str, ...], kind: str
) -> None:
    with changed.running("up", "--json") as run:
        _at_work(changed, run, kind)
        for part in parts:
            os.kill(changed.platform()["parts"][part]["pid"], signal.SIGKILL)
        first = run.done()

    assert first.code in {Exit.OK, Exit.FAILED}, first.text
    first.ended(Exit(first.code))
    changed.converges()
    assert all(changed.platform()["parts"][part]["restarts"] >= 1 for part in parts)


def test_every_part_of_the_platform_is_killed_above(clone: Clone) -> None:
    assert {part for parts, _ in PARTS.values() for part in parts} == set(clone.platform()["parts"])


def _kill_engine(run: Running) -> None:
    run.engine().kill()


def _kill_plinth(run: Running) -> None:
    run.process.kill()


def _kill_both(run: Running) -> None:
    engine = run.engine()
    run.process.kill()
    engine.kill()


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(_kill_engine, id="the engine"),
        pytest.param(_kill_plinth, id="plinth"),
        pytest.param(_kill_both, id="both"),
    ],
)
def test_an_up_that_is_killed_is_finished_by_the_next_one(
    changed: Clone, kill: Callable[[Running], None]
) -> None:
    with changed.running("up") as run:
        _at_work(changed, run)
        kill(run)
        first = run.done()

    assert first.code != Exit.OK
    assert "Traceback" not in first.text
    changed.converges()
    assert changed.engines() == []
    assert changed.checkpoint().get("pending_operations") in (None, [])


def test_ctrl_c_stops_in_order_and_the_next_up_goes_on(changed: Clone) -> None:
    with changed.running("up") as run:
        _at_work(changed, run)
        run.process.send_signal(signal.SIGINT)
        run.done().ended(
            Exit.STOPPED, "stopped; what was done is kept, and the same command goes on from there"
        )

    assert changed.engines() == []
    changed.converges()


def test_two_ups_at_once_the_second_is_told_who_is_first(changed: Clone) -> None:
    with changed.running("up", "--json") as run:
        until(lambda: run.said("running  state"), "the first up has begun")
        for words in (("up",), ("preview",), ("down",), ("down", "--purge")):
            second = changed.plinth(*words).ended(Exit.BUSY)
            assert f"'./plinth up --stack local', process {run.process.pid}, since 20" in second.err
        changed.plinth("status").ended(Exit.OK)
        first = run.done().ended(Exit.OK)

    assert first.json["changes"]
    assert changed.plinth("preview", "--json").ended(Exit.OK).json["changes"] == {}


def test_a_wrong_passphrase_is_named_and_nothing_changes(changed: Clone) -> None:
    before = changed.resources()
    for words in (("up",), ("preview",)):
        changed.plinth(*words, PULUMI_CONFIG_PASSPHRASE="wrong").ended(
            Exit.STATE, "The passphrase does not open stack 'local'.", "unset PULUMI_CONFIG_PASSPHRASE"
        )
    assert changed.resources() == before
    assert changed.plinth("preview", "--json").ended(Exit.OK).json["changes"] != {}


def test_a_corrupt_state_file_is_restored_kept_and_brought_up_to_date(changed: Clone) -> None:
    changed.plinth("up").ended(Exit.OK)  # what the older backups do not know
    whole = changed.state_file.read_bytes()
    damaged = whole[: len(whole) // 2]
    changed.state_file.write_bytes(damaged)
    seen = changed.plinth("doctor", "--json").ended(Exit.PLATFORM).json
    assert [f["check"] for f in seen if f["verdict"] == "problem"] == ["state"]

    changed.plinth("up").ended(Exit.OK, "the state file was damaged; restored ")

    kept = list(changed.state_file.parent.glob("local.json.damaged-*"))
    assert [path.read_bytes() for path in kept] == [damaged]
    changed.converges()
    changed.plinth("predict").ended(Exit.OK)
    kept[0].unlink()


def test_a_file_beside_the_state_that_a_killed_engine_cut_off_does_no_harm(settled: Clone) -> None:
    beside = settled.state_file.with_name("local.json.attrs")
    assert not beside.exists(), "the engine is told not to write one"
    beside.write_bytes(b"")  # as it may be left of an earlier version

    assert settled.plinth("up", "--json").ended(Exit.OK).json["changes"] == {}
