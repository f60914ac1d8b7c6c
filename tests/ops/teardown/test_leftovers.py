"""Why something is left, who may say that it goes, and what of a cluster was there before."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import Exit, PlinthError, RefusedError
from infra.local.paths import repo_root
from infra.ops import baseline, inventory, teardown
from infra.ops.account import Account
from infra.ops.inventory import Found, Thing
from infra.ops.teardown import Teardown, as_json, consent, protections
from infra.ops.teardown.leftovers import Record, explained
from infra.settings import ENVIRONMENTS, Settings

ANYBODY = cast("Account", SimpleNamespace(emulated=True))
"""Nobody is asked in these tests: the answers are given."""
END = dt.datetime(2030, 1, 2, 3, 4, tzinfo=dt.UTC)


def thing(kind: str, name: str = "n", **given_: Any) -> Thing:
    return Thing(kind=kind, id=given_.pop("id", name), name=name, **given_)


def key(data_class: str, state: str = "Enabled", until: dt.datetime | None = None) -> Thing:
    tags = {"plinth:data-class": data_class}
    return thing("kms/key", f"k-{data_class}", tags=tags, detail={"state": state, "until": until})


def test_what_a_lock_holds_is_explained_with_its_end_and_so_is_its_key_and_no_other() -> None:
    record = Record(what="Object Lock holds 2 object versions", until=END, keys=frozenset({"k-audit"}))
    left = explained(
        [thing("s3/bucket", "audit"), thing("s3/bucket", "data"), key("audit"), key("data")],
        {"audit": record},
    )

    assert [(row.kind, row.name, row.by_retention, row.until) for row in left] == [
        ("kms/key", "data (k-data)", False, ""),
        ("s3/bucket", "data", False, ""),
        ("kms/key", "audit (k-audit)", True, "2030-01-02 03:04 UTC"),
        ("s3/bucket", "audit", True, "2030-01-02 03:04 UTC"),
    ]


def test_a_key_that_waits_for_its_end_is_explained_until_then() -> None:
    (left,) = explained([key("data", "PendingDeletion", END)], {})

    assert (left.by_retention, left.until, left.why) == (
        True,
        "2030-01-02 03:04 UTC",
        "waits for its deletion",
    )


def test_a_key_whose_data_has_no_known_end_has_none_either() -> None:
    records = {
        "a": Record(what="x", until=END, keys=frozenset({"k-audit"})),
        "b": Record(what="x", until=None, keys=frozenset({"k-audit"})),
    }

    assert [row.until for row in explained([key("audit")], records)] == [""]


@given(st.lists(st.sampled_from(["ec2/vpc", "iam/role", "kubernetes/pod", "s3/bucket", "kms/alias"])))
def test_nothing_is_explained_that_no_retention_holds(kinds: list[str]) -> None:
    left = explained([thing(kind, f"n{i}") for i, kind in enumerate(kinds)], {})

    assert len(left) == len(kinds)
    assert not any(row.by_retention for row in left)


def test_a_teardown_is_clean_only_when_everything_was_seen_and_explained() -> None:
    held = explained([thing("s3/bucket", "a")], {"a": Record(what="x", until=END)})
    lost = explained([thing("s3/bucket", "b")], {})

    assert Teardown(left=held).clean
    assert not Teardown(left=held + lost).clean
    assert not Teardown(left=held, errors=["a vault"]).clean
    assert not Teardown(left=held, unseen={"iam/role": "AccessDenied"}).clean
    assert as_json(Teardown(left=held))["left"][0]["until"] == "2030-01-02 03:04 UTC"


def test_protections_are_found_by_name() -> None:
    rows = [
        thing("dynamodb/table", "t", detail={"protected": True}),
        thing("dynamodb/table", "u", detail={"protected": False}),
        thing("eks/cluster", "c", detail={"protected": True}),
        thing("ec2/vpc", "v"),
    ]

    assert protections.found(rows) == ["dynamodb/table t", "eks/cluster c"]


def _never(question: str) -> str:
    raise AssertionError(f"asked: {question}")


@pytest.mark.parametrize("stack", ["prod", "prod-dr"])
@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.parametrize("answer", ["", "yes", "y", "PROD", "dev"])
def test_production_goes_only_by_its_typed_name(stack: str, answer: str, *, yes: bool) -> None:
    with pytest.raises(RefusedError, match="nothing was touched"):
        consent.require(stack, yes=yes, name=None, ask=lambda _: answer)
    with pytest.raises(RefusedError):
        consent.require(stack, yes=yes, name=answer, ask=_never)

    consent.require(stack, yes=yes, name=None, ask=lambda _: stack)
    consent.require(stack, yes=yes, name=stack, ask=_never)


@given(st.sampled_from(ENVIRONMENTS), st.sampled_from(ENVIRONMENTS), st.booleans())
def test_the_name_of_another_stack_is_never_a_yes(stack: str, other: str, yes: bool) -> None:  # noqa: FBT001
    if stack != other:
        with pytest.raises(RefusedError) as refused:
            consent.require(stack, yes=yes, name=other, ask=lambda _: "")
        assert refused.value.code == Exit.REFUSED


@pytest.mark.parametrize("stack", ["local", "dev", "staging"])
def test_other_stacks_ask_unless_told_yes(stack: str) -> None:
    consent.require(stack, yes=True, name=None, ask=_never)
    consent.require(stack, yes=False, name=None, ask=lambda _: "yes")
    for answer in ("", "no", stack, "Yes?"):
        with pytest.raises(RefusedError):
            consent.require(stack, yes=False, name=None, ask=lambda _, answer=answer: answer)  # type: ignore[misc]


def row(kind: str, name: str, space: str = "", *, marked: bool = False, **labels: str) -> Thing:
    annotations = ["pulumi.com/patchFieldManager"] if marked else []
    return Thing(
        kind=f"kubernetes/{kind}",
        id=f"{space}/{name}" if space else name,
        name=name,
        tied_to=space,
        detail={"labels": {k.replace("__", "/"): v for k, v in labels.items()}, "annotations": annotations},
    )


OWN = [row("namespace", "serving", marked=True), row("deployment", "d", "serving", marked=True)]
MADE_THERE = row("pod", "d-1", "serving")
KUBERNETES = [
    row("configmap", "kube-root-ca.crt", "serving"),
    row("serviceaccount", "default", "default"),
    row("namespace", "kube-system"),
    row("configmap", "anything", "kube-system"),
    Thing(
        kind="kubernetes/clusterrole", id="view", name="view",
        detail={"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
    ),
]  # fmt: skip
BEFORE = [row("namespace", "default"), row("clusterrole", "plinth-runner")]


def test_what_came_beside_the_baseline_is_found_whoever_made_it() -> None:
    foreign = row("secret", "planted", "default")
    before = frozenset(baseline.key(thing_) for thing_ in BEFORE)
    found = Found(things=[*BEFORE, *KUBERNETES, *OWN, MADE_THERE, foreign])

    assert baseline.added(found, before) == [*OWN, MADE_THERE, foreign]
    assert baseline.added(Found(things=[*BEFORE, *KUBERNETES]), before) == []


def test_without_a_baseline_the_programs_own_counts_and_what_lies_in_its_namespaces() -> None:
    found = Found(things=[*BEFORE, *KUBERNETES, *OWN, MADE_THERE, row("secret", "x", "default")])

    assert baseline.added(found, None) == [*OWN, MADE_THERE]


def _answers(monkeypatch: pytest.MonkeyPatch, home: Path, *answers: Found) -> None:
    told = iter(answers)
    monkeypatch.setenv("PLINTH_HOME", str(home))
    monkeypatch.setattr(inventory, "objects_in", lambda _account: next(told))


def test_a_baseline_waits_until_all_of_the_cluster_can_be_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waited: list[float] = []
    partly = Found(things=BEFORE[:1], unseen={"clusterrole": "503 at clusterroles"})
    _answers(monkeypatch, tmp_path, partly, Found(things=BEFORE))

    baseline.record("local", ANYBODY, pause=waited.append)

    assert baseline.read("local") == {baseline.key(thing_) for thing_ in BEFORE}
    assert waited == [baseline.PAUSE_SECONDS]


def test_a_baseline_that_cannot_be_had_ends_the_run_and_names_what_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    partly = Found(unseen={"clusterrole": "503 at clusterroles"})
    _answers(monkeypatch, tmp_path, *[partly] * baseline.ATTEMPTS)

    with pytest.raises(PlinthError, match="clusterrole: 503 at clusterroles"):
        baseline.record("local", ANYBODY, pause=lambda _seconds: None)
    assert baseline.read("local") is None


def test_a_teardown_without_a_baseline_says_so_and_is_not_clean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _answers(monkeypatch, tmp_path, Found(things=BEFORE))
    monkeypatch.setattr(inventory, "things_in", lambda *_args, **_kwargs: Found())
    done = Teardown()

    teardown.look(Settings.from_file(repo_root() / "stacks" / "Pulumi.local.yaml"), ANYBODY, done)

    assert list(done.unseen) == ["what others put into the cluster"]
    assert not done.clean
