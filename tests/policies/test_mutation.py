"""Change each field of the clean stacks in every way: exactly the control in charge must fire.

Run with ``-s`` to see the kill rate.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import yaml
from fixture_stacks import HERE, edited, load, put, resource, stack_names, urn

from policies.core import PolicySettings, Resource, Stack, judge_relations, judge_resource
from policies.families import FAMILIES

LOWEST_KILL_RATE = 0.95  # the bar of controls.md, item 3
SETTINGS = PolicySettings(today="2026-06-01")
OPTIONS = {"of", "path", "control", "safe", "also", "several", "nothing", "safe_if_fed"}
_DOCUMENTS = ("policy", "assumeRolePolicy")


@cache
def _clean(name: str) -> tuple[dict[str, Any], ...]:
    """Return a clean stack with its policy documents taken apart, so that their fields are fields."""
    stack = load(name)
    for entry in stack:
        for key in _DOCUMENTS:
            if isinstance(entry["props"].get(key), str):
                entry["props"][key] = json.loads(entry["props"][key])
    return tuple(stack)


@cache
def _rules(name: str) -> list[dict[str, Any]]:
    return yaml.safe_load((HERE / "mutations" / f"{name}.yaml").read_text(encoding="utf-8"))


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


class _Judge:
    """A clean stack that is judged again with one resource changed: all others are as clean as before."""

    def __init__(self, name: str) -> None:
        entries = _clean(name)
        self._urns = {entry["name"]: urn(entry) for entry in entries}
        self._entries = {entry["name"]: entry for entry in entries}
        self._resources = {entry["name"]: resource(entry, self._urns) for entry in entries}
        self._related = frozenset().union(*(family.related_kinds for family in FAMILIES))

    def fired(self, mutant: Mutant | None = None) -> set[str]:
        """Return the controls that stop the stack with a mutant in it; of the clean stack without one."""
        changed = self._changed(mutant) if mutant else None
        whole = {**self._resources, **({mutant.resource: changed} if mutant and changed else {})}
        judged = [changed] if changed else list(whole.values())
        found = [f for family in FAMILIES for r in judged for f in judge_resource(family, r, SETTINGS)]
        stack = Stack(whole.values())
        if changed is None or changed.kind in self._related:
            found += [f for family in FAMILIES for f in judge_relations(family, stack, SETTINGS)]
        return {finding.control for finding in found if finding.verdict.blocks}

    def _changed(self, mutant: Mutant) -> Resource:
        (entry,) = edited([self._entries[mutant.resource]], {})
        put(entry["props"], mutant.path, mutant.value)
        return resource(entry, self._urns)


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
        wrong = {"Allow": "Deny", "Deny": "Allow", "true": "false"}.get(value, "wrong")
    elif isinstance(value, list):
        wrong = []
    return {"unset": "<absent>", "null": None, "unknown": "<unknown>", "wrong": wrong, "type": "a string"}


def _mutants(name: str) -> list[Mutant]:
    mutants = []
    for entry in _clean(name):
        for path, value in _nodes(entry["props"]):
            rule = next(
                (
                    rule
                    for rule in _rules(name)
                    if re.fullmatch(str(rule["of"]), entry["name"]) and re.fullmatch(rule["path"], path)
                ),
                None,
            )
            assert rule, f"no rule in mutations/{name}.yaml says what guards {entry['name']}: {path}"
            for operator, new in _mutations(value).items():
                if new != value:
                    fed = path in ("bucket", "metadata.namespace") and bool(entry.get("feeds"))
                    mutants.append(Mutant(entry["name"], path, operator, new, rule, fed))
    return mutants


@pytest.mark.parametrize("name", stack_names())
def test_every_rule_is_used_and_well_formed(name):
    used = [mutant.rule for mutant in _mutants(name)]

    assert [rule for rule in _rules(name) if set(rule) - OPTIONS] == []
    assert [rule for rule in _rules(name) if rule not in used] == []


def test_the_controls_find_what_is_changed_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    count: Counter[str] = Counter()
    survived, alarms = [], []
    for name in stack_names():
        judge = _Judge(name)
        assert judge.fired() == set()

        for mutant in _mutants(name):
            wrong = mutant.judge(judge.fired(mutant))
            count["all"] += 1
            count["harmful"] += not mutant.harmless
            if wrong:
                (alarms if mutant.harmless else survived).append(f"{name}: {wrong}")
    killed = count["harmful"] - len(survived)
    rate = killed / count["harmful"]
    with capsys.disabled():
        print(  # noqa: T201 - the figure is what the reader wants
            f"\n{count['all']} mutants: {killed} of {count['harmful']} harmful ones found by the right "
            f"control ({rate:.1%}), {count['all'] - count['harmful']} harmless ones with {len(alarms)} false "
            "alarms"
        )

    assert "\n".join(alarms) == ""
    assert "\n".join(survived) == ""
    assert rate >= LOWEST_KILL_RATE
