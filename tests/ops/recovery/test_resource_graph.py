"""Graphs of two builds are equal when the program asked for the same, whatever AWS called it."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.ops.recovery import resource_graph
from infra.ops.recovery.resource_graph import Place


def _urn(kind: str, name: str) -> str:
    return f"urn:pulumi:local::plinth::{kind}::{name}"


def _build(
    *, key: str, region: str = "eu-central-1", environment: str = "local", days: int = 30
) -> list[dict[str, Any]]:
    arn, stack = f"arn:aws:kms:{region}:123456789012:key/{key}", f"plinth-{environment}"
    top = _urn("pulumi:pulumi:Stack", stack)
    return [
        {"urn": top, "type": "pulumi:pulumi:Stack", "outputs": {}},
        {
            "urn": _urn("aws:kms/key:Key", "data-key"),
            "type": "aws:kms/key:Key",
            "id": key,
            "parent": top,
            "inputs": {"deletionWindowInDays": days, "__defaults": ["policy"]},
            "outputs": {"arn": arn, "keyId": key, "deletionWindowInDays": days},
        },
        {
            "urn": _urn("aws:s3/bucket:Bucket", "data"),
            "type": "aws:s3/bucket:Bucket",
            "id": f"{stack}-data",
            "inputs": {"bucket": f"{stack}-data", "rules": [{"key": arn}], "region": region},
            "outputs": {"bucket": f"{stack}-data"},
        },
    ]


FIRST, SECOND = "0f2c6f1e-aaaa-bbbb-cccc-1234567890ab", "9d8c7b6a-dddd-eeee-ffff-ba0987654321"


def test_what_aws_drew_makes_no_difference() -> None:
    first, second = resource_graph.graph(_build(key=FIRST)), resource_graph.graph(_build(key=SECOND))

    assert first == second
    assert FIRST not in json.dumps(first)
    assert first["aws:s3/bucket:Bucket data"]["rules"] == [{"key": "<aws:kms/key:Key data-key.arn>"}]


def test_what_the_program_asked_for_makes_one_and_it_is_named() -> None:
    was = resource_graph.graph(_build(key=FIRST))
    now = resource_graph.graph(_build(key=FIRST, days=7))

    assert resource_graph.differences(resource_graph.digests(was), resource_graph.digests(now)) == [
        "aws:kms/key:Key data-key: not as it was"
    ]
    assert resource_graph.unequal(was, now) == {"aws:kms/key:Key data-key": ["deletionWindowInDays"]}
    assert resource_graph.digest(was) != resource_graph.digest(now)


def test_a_resource_that_is_new_or_gone_is_named() -> None:
    whole = resource_graph.digests(resource_graph.graph(_build(key=FIRST)))
    part = {name: one for name, one in whole.items() if "Bucket" not in name}

    assert resource_graph.differences(whole, part) == ["aws:s3/bucket:Bucket data: gone"]
    assert resource_graph.differences(part, whole) == ["aws:s3/bucket:Bucket data: new"]


def test_elsewhere_only_name_and_region_may_differ() -> None:
    here = resource_graph.graph(_build(key=FIRST), Place(environment="local", region="eu-central-1"))
    there = _build(key=SECOND, region="eu-west-1", environment="local-dr")
    elsewhere = resource_graph.graph(there, Place(environment="local-dr", region="eu-west-1"))

    assert here == elsewhere
    assert resource_graph.graph(there) != resource_graph.graph(_build(key=SECOND))


def test_a_name_inside_another_word_is_left_alone() -> None:
    place = Place(environment="local", region="eu-central-1")

    assert place.without("plinth.localhost at plinth-local") == "plinth.localhost at plinth-{environment}"
    assert place.without("eu-central-1a") == "{region}a"


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_a_state_holds_them_makes_no_difference(random: Any) -> None:
    rows = copy.deepcopy(_build(key=FIRST))
    random.shuffle(rows)

    assert resource_graph.graph(rows) == resource_graph.graph(_build(key=FIRST))


def test_what_a_provider_was_told_or_a_component_gives_was_not_drawn() -> None:
    told = {"region": "eu-central-1", "defaultTags": json.dumps({"tags": {"team": "the-owners"}})}
    rows = [
        {"urn": _urn("pulumi:providers:aws", "aws"), "type": "pulumi:providers:aws", "inputs": told},
        {
            "urn": _urn("plinth:cost:Tags", "tags"),
            "type": "plinth:cost:Tags",
            "custom": False,
            "outputs": {"keys": ["plinth:environment"]},
        },
        {
            "urn": _urn("aws:kms/key:Key", "key"),
            "type": "aws:kms/key:Key",
            "id": FIRST,
            "outputs": {"region": "eu-central-1", "tagsAll": {"team": "the-owners"}},
        },
        {
            "urn": _urn("aws:iam/role:Role", "role"),
            "type": "aws:iam/role:Role",
            "inputs": {"key": FIRST, "of": "plinth:environment, the-owners in eu-central-1"},
        },
    ]

    found = resource_graph.graph(rows)

    assert found["aws:iam/role:Role role"] == {
        "key": "<aws:kms/key:Key key.id>",
        "of": "plinth:environment, the-owners in eu-central-1",
    }


def test_what_the_other_environment_lacks_is_called_by_its_own_name() -> None:
    trail = {"urn": _urn("aws:cloudtrail/trail:Trail", "audit-trail"), "type": "t", "id": "arn:trail/audit"}
    reader = {"urn": _urn("aws:kms/key:Key", "key"), "type": "k", "inputs": {"for": "arn:trail/audit"}}

    assert resource_graph.graph([trail, reader])["k key"] == {"for": "<t audit-trail.id>"}
    assert resource_graph.graph([trail, reader], once=("audit",))["k key"] == {"for": "arn:trail/audit"}


def test_what_is_the_same_word_for_word_is_equal_whatever_it_looks_like() -> None:
    here, there = Place(environment="local", region="a-1"), Place(environment="local-dr", region="b-1")
    was = {"p": {"path": here.without("plinth/local/kubeconfig"), "zone": here.without("a-1c")}}
    now = {"p": {"path": there.without("plinth/local/kubeconfig"), "zone": there.without("c-1c")}}

    assert resource_graph.unequal(was, now) == {"p": ["path", "zone"]}
    assert resource_graph.unequal(was, now, here, there) == {"p": ["zone"]}


def test_what_the_other_environment_was_asked_to_be_was_not_drawn_though_a_resource_tells_it() -> None:
    here, there = Place(environment="local", region="a-1"), Place(environment="local-dr", region="b-1")

    def rows(environment: str, drawn: str, *, refreshed: bool) -> list[dict[str, Any]]:
        rule = f"plinth-{environment}-abort-uploads"
        told = {"lifecycleRules": [{"id": rule}]} if refreshed else {}
        return [
            {"urn": _urn("b", "data"), "type": "b", "id": f"{drawn}-bucket", "outputs": told},
            {"urn": _urn("l", "rules"), "type": "l", "inputs": {"bucket": f"{drawn}-bucket", "rule": rule}},
        ]

    lost, rebuilt = rows("local", FIRST, refreshed=True), rows("local-dr", SECOND, refreshed=False)
    was = resource_graph.graph(lost, here, elsewhere=resource_graph.asked(rebuilt, there))
    now = resource_graph.graph(rebuilt, there, elsewhere=resource_graph.asked(lost, here))

    assert was == now
    assert was["l rules"] == {"bucket": "<b data.id>", "rule": "plinth-{environment}-abort-uploads"}
