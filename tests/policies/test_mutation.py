"""Change each field of the reference stack in every way: exactly the control in charge must fire.

Run with ``-s`` to see the kill rate.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from fixture_stacks import HERE, edited, load, resources

from policies.core.checks import merge
from policies.judge import evaluate

LOWEST_KILL_RATE = 0.95  # the bar of controls.md, item 3
OPERATORS = ("unset", "null", "unknown", "wrong", "type")
OPTIONS = {"of", "path", "control", "safe", "also", "several", "nothing", "safe_if_fed"}


def _reference() -> list[dict[str, Any]]:
    """Return the reference stack with its policy documents taken apart, so that their fields are fields."""
    stack = load()
    for entry in stack:
        if isinstance(entry["props"].get("policy"), str):
            entry["props"]["policy"] = json.loads(entry["props"]["policy"])
    return stack


REFERENCE = _reference()
RULES = yaml.safe_load((HERE / "mutations.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Mutant:
    resource: str
    path: str
    operator: str
    value: Any
    rule: dict[str, Any]
    fed: bool

    @property
    def harmless(self) -> bool:
        """Whether no control may fire."""
        if self.rule.get("nothing") or self.operator in self.rule.get("safe", ()):
            return True
        return self.fed and self.operator in self.rule.get("safe_if_fed", ())

    def judge(self, fired: set[str]) -> str | None:
        """Return what is wrong with what fired; None when it is right."""
        expected = {self.rule["control"], *self.rule.get("also", ())} if "control" in self.rule else set()
        right = not fired if self.harmless else bool(fired) if self.rule.get("several") else fired == expected
        if right:
            return None
        wanted = "nothing" if self.harmless else sorted(expected) or "anything"
        return f"{self.resource}: {self.path} {self.operator}: fired {sorted(fired)}, wanted {wanted}"


def _nodes(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return path and value of every field, inner ones and leaves."""
    found = [(path, tree)] if path else []
    if isinstance(tree, dict):
        for key, item in tree.items():
            step = f"['{key}']" if set(key) & set("./:") else f".{key}" if path else key
            found += _nodes(item, path + step)
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            found += _nodes(item, f"{path}[{index}]")
    return found


def _mutations(value: Any) -> dict[str, Any]:
    wrong: Any = {}
    if isinstance(value, bool):
        wrong = not value
    elif isinstance(value, float | int):
        wrong = 0.0
    elif isinstance(value, str):
        wrong = {"Allow": "Deny", "Deny": "Allow"}.get(value, "wrong")
    elif isinstance(value, list):
        wrong = []
    return {"unset": "<absent>", "null": None, "unknown": "<unknown>", "wrong": wrong, "type": "a string"}


def _mutants() -> list[Mutant]:
    mutants = []
    for entry in REFERENCE:
        for path, value in _nodes(entry["props"]):
            rule = next(
                r for r in RULES if re.fullmatch(r["of"], entry["name"]) and re.fullmatch(r["path"], path)
            )
            for operator, new in _mutations(value).items():
                if new != value:
                    fed = path in ("bucket", "metadata.namespace") and bool(entry.get("feeds"))
                    mutants.append(Mutant(entry["name"], path, operator, new, rule, fed))
    return mutants


def test_every_rule_is_used_and_well_formed():
    used = [mutant.rule for mutant in _mutants()]

    assert [rule for rule in RULES if set(rule) - OPTIONS] == []
    assert [rule for rule in RULES if rule not in used] == []


def test_the_controls_find_what_is_changed_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    before = {(f.control, f.urn) for f in evaluate(resources(REFERENCE)) if f.verdict.blocks}
    assert before == set()
    killed, survived, alarms = 0, [], []

    for mutant in (mutants := _mutants()):
        case = {"set": {mutant.resource: {mutant.path: mutant.value}}}
        findings = merge(evaluate(resources(edited(REFERENCE, case))))
        wrong = mutant.judge({finding.control for finding in findings if finding.verdict.blocks})
        if wrong and mutant.harmless:
            alarms.append(wrong)
        elif wrong:
            survived.append(wrong)
        else:
            killed += not mutant.harmless
    total = killed + len(survived)
    with capsys.disabled():
        print(  # noqa: T201 - the figure is what the reader wants
            f"\n{len(mutants)} mutants: {killed} of {total} harmful ones found by the right control "
            f"({killed / total:.1%}), {len(mutants) - total} harmless ones with {len(alarms)} false alarms"
        )

    assert "\n".join(alarms) == ""
    assert "\n".join(survived) == ""
    assert killed / total >= LOWEST_KILL_RATE
