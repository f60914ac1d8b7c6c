"""What holds on every front: a check that breaks blocks and names itself; no secret is ever told."""

import dataclasses
import json
from typing import Any

import pytest
from fixture_stacks import edited, fixtures, leaves, load, put, resources, stack_names
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import resource_pb2
from pulumi_policy import ResourceValidationPolicy
from pulumi_policy.policy import _NotApplicableError
from test_pack_policies import _args as args_of

from infra import guard
from infra.errors import RefusedError
from policies import families, judge, judgement, pulumi_pack, sarif
from policies.core import PolicySettings
from policies.judgement import judge as judged

SECRET = "hunter2-and-more"
BROKEN = "the check itself broke (ZeroDivisionError at test_fronts.py:"


@pytest.fixture
def key_check_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the check of one control divide by zero, with a secret in the error's text."""

    def breaks(*_: Any) -> list[Any]:
        raise ZeroDivisionError(SECRET)

    changed = tuple(
        dataclasses.replace(
            family,
            checks=tuple(
                dataclasses.replace(check, rule=breaks) if check.control == "key-rotates" else check
                for check in family.checks
            ),
        )
        for family in families.FAMILIES
    )
    for module in (families, judge, pulumi_pack, guard):
        monkeypatch.setattr(module, "FAMILIES", changed)
    monkeypatch.setattr(judge.evaluate, "__defaults__", (None, changed))


@pytest.mark.usefixtures("key_check_breaks")
def test_a_check_that_breaks_blocks_in_files_and_names_itself() -> None:
    found = judged(resources(load()), PolicySettings(environment="local"))
    document = sarif.render(found, {})

    assert found.answer == "refused"
    assert BROKEN in found.as_text()
    assert "[key-rotates, " in found.as_text()
    assert document["runs"][0]["invocations"] == [{"executionSuccessful": False}]
    assert {row["level"] for row in document["runs"][0]["results"]} == {"error"}
    assert SECRET not in found.as_text() + json.dumps([document, found.as_json()])


@pytest.mark.usefixtures("key_check_breaks")
def test_a_check_that_breaks_blocks_in_the_pack_and_names_itself() -> None:
    key = next(entry for entry in load() if entry["type"] == "aws:kms/key:Key")
    said: list[str] = []
    for policy in pulumi_pack.policies([]):
        if isinstance(policy, ResourceValidationPolicy):
            try:
                policy.validate(args_of(key), lambda text, _=None: said.append(text))
            except _NotApplicableError:
                continue

    assert [text for text in said if BROKEN in text and "[key-rotates, " in text]
    assert SECRET not in "".join(said)


@pytest.mark.usefixtures("key_check_breaks")
def test_a_check_that_breaks_blocks_in_the_program_and_names_itself() -> None:
    request = resource_pb2.RegisterResourceRequest(type="aws:kms/key:Key", name="k", protect=True)
    request.object.update({"enableKeyRotation": True, "policy": SECRET})

    with pytest.raises(RefusedError) as caught:
        guard.require_allowed(request, PolicySettings(environment="local"), None, ())

    assert BROKEN in str(caught.value)
    assert SECRET not in str(caught.value)


_VALUES = st.one_of(
    st.just(SECRET),
    st.text(max_size=8).map(lambda text: f"{text}{SECRET}{text}"),
    st.lists(st.just(SECRET), max_size=2),
    st.dictionaries(st.just("key"), st.just(SECRET), max_size=1),
    st.just(json.dumps({"Statement": [{"Effect": "Allow", "Action": SECRET, "Resource": SECRET}]})),
)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_secret_reaches_any_output_whatever_is_wrong(data: st.DataObject) -> None:
    stack = load(data.draw(st.sampled_from(stack_names())))
    entry = stack[data.draw(st.integers(0, len(stack) - 1))]
    for path, _ in leaves(entry["props"]):
        if path and "name" not in path and data.draw(st.booleans()):
            put(entry["props"], path, data.draw(_VALUES))

    found = judged(resources(stack), PolicySettings(accounts=("123456789012",)))

    assert SECRET not in found.as_text()
    assert SECRET not in json.dumps([found.as_json(), sarif.render(found, {})])


def test_every_violating_fixture_reads_as_refused_in_every_output() -> None:
    for table in fixtures().values():
        case = table["violating"][0]
        found = judged(
            resources(edited(load(table["stack"]), case)), PolicySettings.parse(case.get("settings", {}))
        )

        assert found.answer == "refused"
        assert (
            found.as_text().endswith("block in environment 'prod'.")
            or "No control speaks of" in found.as_text()
        )
        assert judgement.Judgement.summary(found).startswith("refused: ")
