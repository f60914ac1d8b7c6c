"""The pack in its own process says over the real protocol what the core says in this one."""

import re
from pathlib import Path

import pytest
from analyzer import PACK, analyze, analyze_stack, configured, levels, running
from fixture_stacks import edited, fixtures, load, resources, stack_names, with_stack
from pulumi.runtime.proto import analyzer_pb2

from policies.core import PolicySettings
from policies.families import FAMILIES
from policies.judge import evaluate
from policies.packs import pack_config

pytestmark = pytest.mark.parts

REFERENCE = load()
FIXTURES = fixtures()
_CONTROL = re.compile(r"\[(?P<id>[a-z-]+), \w+\]|^  which: (?P<several>.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def stub():
    with running() as running_stub:
        yield running_stub


def _controls(*responses: analyzer_pb2.AnalyzeResponse) -> set[str]:
    return {
        control
        for response in responses
        for diagnostic in response.diagnostics
        for match in _CONTROL.finditer(diagnostic.message)
        for control in (match["id"] or match["several"]).split(", ")
    }


def _judged_over_the_wire(stub, stack, clean):
    """Ask about what differs from the clean stack, and about the stack as a whole."""
    changed = [entry for entry in stack if entry not in clean]
    return [*(analyze(stub, entry) for entry in changed), analyze_stack(stub, stack)]


@pytest.mark.parametrize("name", stack_names())
def test_the_clean_stacks_pass(stub, name):
    configured(stub, pack_config(PolicySettings(today="2026-06-01")), levels(stub))
    stack = load(name)
    responses = [*(analyze(stub, entry) for entry in stack), analyze_stack(stub, stack)]

    assert [diagnostic.message for response in responses for diagnostic in response.diagnostics] == []


@pytest.mark.parametrize("control", sorted(FIXTURES))
def test_the_pack_and_the_core_agree_on_every_violating_fixture(stub, control):
    level = levels(stub)
    table = FIXTURES[control]
    clean = load(table["stack"])
    for case in table["violating"]:
        settings = PolicySettings.parse({"today": "2026-06-01", **case.get("settings", {})})
        configured(stub, pack_config(settings), level)
        stack = with_stack(case, table)

        responses = _judged_over_the_wire(stub, stack, clean)

        core = {f.control for f in evaluate(resources(stack), settings) if f.verdict.blocks}
        assert _controls(*responses) == core, case["name"]
        assert {d.enforcementLevel for r in responses for d in r.diagnostics} == {analyzer_pb2.MANDATORY}


def test_relations_are_judged_by_inputs_even_if_the_outputs_hide_them(stub):
    configured(stub, pack_config(PolicySettings()), levels(stub))
    for entry in REFERENCE:
        analyze(stub, entry)
    hidden = edited(REFERENCE, {"set": {"decisions-encryption": {"rules": "<unknown>"}}})

    assert _controls(analyze_stack(stub, hidden)) == set()
    # A second look without the inputs has nothing but what is hidden.
    assert _controls(analyze_stack(stub, hidden)) == {"storage-bucket-uses-kms"}


def test_an_advisory_control_is_shown_and_does_not_block(stub):
    configured(stub, pack_config(PolicySettings(environment="dev")), levels(stub))
    key = edited(REFERENCE, {"set": {"artifacts-key": {"$protect": False}}})[0]

    response = analyze(stub, key)

    assert _controls(response) == {"key-is-protected"}
    assert [(d.policyName, d.enforcementLevel) for d in response.diagnostics] == [
        ("advice", analyzer_pb2.ADVISORY)
    ]


def test_a_mistake_in_the_configuration_blocks(stub):
    config = pack_config(PolicySettings()) | {"keys": {"environment": "production"}}
    configured(stub, config, levels(stub))

    response = analyze(stub, REFERENCE[0])

    assert [d.enforcementLevel for d in response.diagnostics] == [analyzer_pb2.MANDATORY]
    assert "Use one of: local, local-dr, dev, staging, prod, prod-dr." in response.diagnostics[0].message


def test_policies_say_where_they_do_not_apply(stub):
    configured(stub, pack_config(PolicySettings()), levels(stub))

    response = analyze(stub, REFERENCE[0])

    assert {item.policy_name for item in response.not_applicable} == {
        family.name for family in FAMILIES if not REFERENCE[0]["type"].startswith(family.prefixes)
    }


def test_one_mandatory_policy_for_each_family_and_one_for_relations(stub):
    assert levels(stub) == {
        **{family.name: analyzer_pb2.MANDATORY for family in FAMILIES},
        "relations": analyzer_pb2.MANDATORY,
        "advice": analyzer_pb2.ADVISORY,
        "relations-advice": analyzer_pb2.ADVISORY,
    }


def test_a_check_that_breaks_is_a_mandatory_violation_that_names_it(tmp_path: Path):
    main = tmp_path / "__main__.py"
    main.write_text(
        "from pulumi_policy import PolicyPack\n"
        "from policies.families import keys\n"
        "from policies import pulumi_pack\n"
        "from policies.core import Check\n"
        "import dataclasses\n"
        "def boom(view, settings):\n"
        "    raise ValueError('the-secret-value')\n"
        "broken = Check('key-rotates', frozenset(), boom)\n"
        "family = dataclasses.replace(keys.KEYS, checks=(broken, *keys.KEYS.checks[1:]))\n"
        "pulumi_pack.FAMILIES = (family,)\n"
        "PolicyPack(name='plinth', policies=pulumi_pack.policies())\n"
    )
    with running(main) as stub:
        configured(stub, {"keys": {"environment": "dev"}}, levels(stub))
        response = analyze(stub, REFERENCE[0])

    (diagnostic,) = response.diagnostics
    assert diagnostic.enforcementLevel == analyzer_pb2.MANDATORY
    assert "[key-rotates, medium]" in diagnostic.message
    assert "ValueError at __main__.py:7" in diagnostic.message
    assert "the-secret-value" not in diagnostic.message


def test_the_pack_states_its_version_and_environment():
    text = (PACK / "PulumiPolicy.yaml").read_text(encoding="utf-8")

    assert "version: 0.1.0" in text
    assert "virtualenv: ../.venv" in text
