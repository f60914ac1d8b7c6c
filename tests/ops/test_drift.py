"""What a refresh found, as the engine tells it, becomes resources, properties and values."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ops.drift import MASKED, Difference, as_json, found_in, shown, steps_of, value_at
from infra.ops.events import Run, read

URN = "urn:pulumi:local::plinth::plinth:storage:EncryptedBucket$aws:s3/bucket:Bucket::artifacts"


def outcome(op: str = "update", *, urn: str = URN, planning: bool = True, **metadata: Any) -> str:
    told = {"op": op, "urn": urn, "type": "aws:s3/bucket:Bucket", **metadata}
    return json.dumps({"resOutputsEvent": {"metadata": told, "planning": planning}})


def side(**outputs: Any) -> dict[str, Any]:
    return {"id": "the-bucket", "inputs": {"never": "shown"}, "outputs": outputs}


def test_a_changed_tag_is_named_once_with_both_values() -> None:
    path = 'tagsAll["plinth:owner"]'
    run = read(
        [
            outcome(
                detailedDiff={path: {}, 'tags["plinth:owner"]': {}},
                old=side(tags={}, tagsAll={"plinth:owner": "you"}),
                new=side(tags={"plinth:owner": "me"}, tagsAll={"plinth:owner": "me"}),
            )
        ]
    )

    (drift,) = found_in(run)

    assert (drift.name, drift.id, drift.gone) == ("artifacts", "the-bucket", False)
    assert drift.differences == (Difference(path='tags["plinth:owner"]', was="you", now="me"),)


def test_what_is_gone_is_said_to_be_and_what_is_the_same_is_not_mentioned() -> None:
    run = read(
        [
            outcome("delete", old=side(name="x"), new=None, detailedDiff=None),
            outcome("same", urn=f"{URN}-2", old=side(), new=side()),
            outcome("refresh", urn=f"{URN}-3", old=side(), new=side()),
        ]
    )

    (drift,) = found_in(run)

    assert drift.gone
    assert drift.differences == ()
    assert as_json([drift])["drifted"] == 1


def test_a_run_that_changes_something_has_no_outcomes_and_one_that_does_not_does_nothing() -> None:
    run = read([outcome(planning=False), outcome("create", planning=True)])

    assert run.done == 1
    assert [told["op"] for told in run.outcomes] == ["create"]


def test_resources_come_in_the_order_of_their_names() -> None:
    lines = [outcome("delete", urn=f"{URN}-{n}", old=side(), new=None) for n in (3, 1, 2)]

    assert [drift.urn[-1] for drift in found_in(read(lines))] == ["1", "2", "3"]


def test_secrets_stay_masked_whoever_marked_them() -> None:
    run = Run()
    told = {
        "op": "update",
        "urn": URN,
        "type": "kubernetes:core/v1:Secret",
        "detailedDiff": {"data.token": {}},
        "old": side(data={"token": "b2xk"}),
        "new": side(data={"token": "bmV3"}),
    }
    run.take(json.dumps({"resOutputsEvent": {"metadata": told, "planning": True}}))

    (drift,) = found_in(run)

    assert drift.differences == (Difference(path="data.token", was=MASKED, now=MASKED),)
    assert "bmV3" not in json.dumps(as_json([drift]))


NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\\'), min_size=1, max_size=8)


@given(st.lists(st.one_of(NAMES, st.integers(0, 3)), min_size=1, max_size=5), st.integers())
def test_any_path_of_the_engine_leads_to_its_value(path: list[str | int], value: int) -> None:
    document: Any = value
    for step in reversed(path):
        document = {step: document} if isinstance(step, str) else [None] * step + [document]
    text = "".join(f"[{step}]" if isinstance(step, int) else f'["{step}"]' for step in path)

    assert steps_of(text) == path
    assert value_at(document, text) == value
    assert value_at(document, f"{text}.further") is None


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("spec.replicas", ["spec", "replicas"]),
        ('metadata.labels["a.b/c"]', ["metadata", "labels", "a.b/c"]),
        ("rules[0].days", ["rules", 0, "days"]),
        (r'a["say \"b\""]', ["a", 'say "b"']),
    ],
)
def test_paths_as_the_engine_writes_them(path: str, steps: list[str | int]) -> None:
    assert steps_of(path) == steps


def test_values_are_shown_whole_unless_they_are_long() -> None:
    assert [shown(value) for value in (True, 3, None, "x", {"b": 1, "a": [2]})] == [
        True, 3, None, "x", '{"a": [2], "b": 1}',
    ]  # fmt: skip
    assert len(shown("x" * 1000)) == 160
    assert shown(None, secret=True) is None
