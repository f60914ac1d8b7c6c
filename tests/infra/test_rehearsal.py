"""The program defends itself: nothing is registered that was not judged, whoever drives the engine."""

from datetime import UTC, datetime
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.proto import resource_pb2

from infra import gate, guard, rehearsal
from infra.errors import RefusedError
from infra.local.paths import repo_root
from infra.ops import coverage, graph, planned, rehearse
from infra.policy_settings import policy_settings
from policies.core import PolicySettings, Resource, normalise

STACK = repo_root() / "stacks" / "Pulumi.dev.yaml"
BUCKET = "aws:s3/bucket:Bucket"


@pytest.fixture(scope="module")
def settings() -> Any:
    return coverage.released(graph.stack_settings(STACK))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Note what would be rehearsed and guarded, in an update."""
    noted: dict[str, Any] = {"rehearsed": 0, "guarded": []}

    def rehearsed(_: Any) -> frozenset[tuple[str, str]]:
        noted["rehearsed"] += 1
        return frozenset({(BUCKET, "a")})

    monkeypatch.setattr(rehearsal, "rehearsed", rehearsed)
    monkeypatch.setattr(guard, "install", lambda _, seen: noted["guarded"].append(seen))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    return noted


def test_the_whole_program_is_judged_before_it_registers_anything(settings: Any) -> None:
    said = rehearse.answer(settings.model_dump(mode="json"), "dev")

    assert (said["broken"], said["violations"]) == ("", [])
    assert len(said["resources"]) > 200


def test_a_violation_is_told_with_its_control_and_its_fix(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    naked = Resource(urn="urn:x::naked", type=BUCKET, props=normalise({"bucket": "naked"}))
    monkeypatch.setattr(planned, "resources", lambda _: [naked])

    said = rehearse.answer(settings.model_dump(mode="json"), "dev")

    (told,) = [text for text in said["violations"] if "[storage-bucket-uses-kms, " in text]
    assert "  fix:   Attach an aws.s3.BucketServerSideEncryptionConfiguration" in told


def test_every_violation_is_told_and_nothing_was_touched(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = rehearsal.Rehearsal(asked=frozenset(), violations=("one", "two"))
    monkeypatch.setattr(rehearsal, "rehearse", lambda _: found)

    with pytest.raises(RefusedError, match=r"nothing was touched\.\n\none\n\ntwo"):
        rehearsal.rehearsed(settings)


def test_a_program_that_does_not_run_is_refused(settings: Any) -> None:
    raw = settings.model_dump(mode="json") | {"releases": {}}

    assert rehearse.answer(raw, "dev")["broken"] != ""


@pytest.mark.parts
def test_a_rehearsal_that_breaks_is_a_refusal(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_CHILD", "infra.no_such_module")

    with pytest.raises(RefusedError, match="could not be judged before it registers anything"):
        rehearsal.rehearsed(settings)


def test_an_update_without_an_accepted_preview_is_rehearsed_and_guarded(
    settings: Any, calls: dict[str, Any]
) -> None:
    rehearsal.require_judged(settings, {rehearsal.PACK_VARIABLE: "policies"})

    assert calls["rehearsed"] == 1
    assert calls["guarded"] == [frozenset({(BUCKET, "a")})]


def test_an_update_that_an_accepted_preview_covers_is_only_guarded(
    settings: Any, calls: dict[str, Any], tmp_path: Any
) -> None:
    acceptance = gate.Acceptance(
        stack="dev",
        subject=gate.subject(settings),
        state="",
        accepted_by="gates",
        accepted_at=datetime.now(UTC).isoformat(),
        changes={},
    )
    acceptance.write(tmp_path / "dev.json")

    rehearsal.require_judged(settings, {gate.ACCEPTANCE_VARIABLE: str(tmp_path / "dev.json")})

    assert calls == {"rehearsed": 0, "guarded": [None]}


def test_a_preview_is_rehearsed_only_where_the_pack_is_missing(
    settings: Any, calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)

    rehearsal.require_judged(settings, {rehearsal.PACK_VARIABLE: "policies"})
    assert calls == {"rehearsed": 0, "guarded": []}

    rehearsal.require_judged(settings, {})
    assert calls == {"rehearsed": 1, "guarded": []}


def _registered(
    props: dict[str, Any], *, kind: str = "aws:kms/key:Key", seen: Any = None, **more: Any
) -> list[str]:
    """Register a resource as the SDK does; return what reached the engine."""
    request = resource_pb2.RegisterResourceRequest(type=kind, name="k", protect=True, custom=True, **more)
    request.object.update(props)
    reached: list[str] = []
    guard.guarded(lambda sent: reached.append(sent.name), PolicySettings(), seen, ())(request)
    return reached


def test_a_resource_is_judged_with_its_true_values_when_it_is_registered() -> None:
    with pytest.raises(pulumi.RunError) as caught:
        _registered({"enableKeyRotation": False, "deletionWindowInDays": 30})

    assert "[key-rotates, " in str(caught.value)


def test_a_resource_that_the_rehearsal_did_not_see_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="was not there when the program was judged"):
        _registered({}, kind="aws:athena/workgroup:Workgroup", seen=frozenset())


def test_what_another_program_would_build_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="is built by another program"):
        _registered({}, kind="foreign:index:Component", remote=True)


def test_what_no_control_speaks_of_is_let_through_when_it_was_seen() -> None:
    kind = "aws:athena/workgroup:Workgroup"

    assert _registered({"name": "a"}, kind=kind, seen=frozenset({(kind, "k")})) == ["k"]


def test_the_guard_stands_in_the_way_of_every_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    class Monitor:
        def RegisterResource(self, request: Any) -> str:  # noqa: N802 - name of the engine's protocol
            return f"registered {request.name}"

    monitor = Monitor()
    monkeypatch.setattr(pulumi.runtime.settings, "get_monitor", lambda: monitor)

    guard.install(PolicySettings(), None)

    kept = resource_pb2.RegisterResourceRequest(type="aws:athena/workgroup:Workgroup", name="w")
    assert monitor.RegisterResource(kept) == "registered w"
    wrong = resource_pb2.RegisterResourceRequest(type="aws:kms/key:Key", name="k")
    with pytest.raises(pulumi.RunError, match="key-rotates"):
        monitor.RegisterResource(wrong)


def test_a_program_ends_with_the_refusal_and_what_is_wrong_is_not_registered() -> None:
    reached: list[str] = []

    class Monitor(pulumi_mocks.MockMonitor):
        def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - name of the engine's protocol
            reached.append(request.name)
            return resource_pb2.RegisterResourceResponse(
                urn=self.make_urn(request.parent, request.type, request.name), object=request.object
            )

    def program() -> None:
        guard.install(PolicySettings(), None)
        pulumi.CustomResource("aws:athena/workgroup:Workgroup", "fine", {"name": "a"})
        pulumi.CustomResource("aws:kms/key:Key", "wrong", {"enable_key_rotation": False})

    class Nothing(pulumi_mocks.Mocks):
        def new_resource(self, args: Any) -> Any:
            raise NotImplementedError

        def call(self, args: Any) -> Any:
            raise NotImplementedError

    with pytest.raises(pulumi.RunError, match="key-rotates"):
        graph.run_recorded(Monitor(Nothing()), "dev", program)

    assert "fine" in reached
    assert "wrong" not in reached


def test_every_front_judges_under_the_same_settings(settings: Any) -> None:
    assert policy_settings(settings).accounts == (settings.aws.account_id,)
    assert policy_settings(settings).environment == "dev"
