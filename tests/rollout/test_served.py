"""Whose pods answer users, and what the status says of a release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ops.verify.readers import inside
from infra.rollout import served


def deployment(name: str, space: str = "serving", replicas: int = 2) -> dict[str, object]:
    pod = {"containers": [], "automountServiceAccountToken": False}
    return {
        "metadata": {"name": name, "namespace": space},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {}}, "spec": pod}},
    }


NAMES = st.lists(st.sampled_from(["a", "b", "a-primary", "b-primary", "c"]), unique=True)


@given(NAMES)
def test_each_service_has_one_deployment_and_the_stable_copy_wins(names: list[str]):
    found = served.in_service([deployment(name, replicas=name.endswith("-primary")) for name in names])
    assert set(found) == {name.removesuffix("-primary") for name in names}
    for service, one in found.items():
        assert one["spec"]["replicas"] == (f"{service}-primary" in names)


def test_a_stable_copy_of_another_namespace_stands_for_nobody_here():
    rows = [deployment("a"), deployment("a-primary", space="elsewhere")]
    found = [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in served.stable_copies(rows)]
    assert found == [("serving", "a"), ("elsewhere", "a")]


def test_verify_looks_at_the_copy_that_answers_users_not_at_the_candidate_without_pods():
    rows = {
        inside.DEPLOYMENTS: [deployment("a", replicas=0), deployment("a-primary"), deployment("b")],
        inside.BUDGETS: [],
    }
    found = inside.deployments(rows)
    assert {name: one["replicas"] for name, one in found.items()} == {"serving/a": 2, "serving/b": 2}


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("Succeeded", ""),
        ("Initialized", ""),
        ("", "first stable version"),
        ("Initializing", "first stable version"),
        ("Failed", "until a person releases another"),
        ("WaitingPromotion", "a person's approval"),
        ("Progressing", "goes on (Progressing)"),
    ],
)
def test_a_release_is_told_in_words(phase: str, words: str):
    (found,) = served.phases([{"metadata": {"name": "a"}, "status": {"phase": phase}}]).values()
    said = served.told(found)
    assert (words in said) if words else said == ""


def test_a_canary_that_flagger_has_not_seen_is_beginning():
    assert served.phases([{"metadata": {"name": "a"}}]) == {"a": ""}
