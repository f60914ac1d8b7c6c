"""Generated tables say what a reader can use: no Python in them, and none of them stale."""

import re

import pytest

from infra.local.paths import repo_root
from infra.ops import docs


@pytest.mark.parametrize("table", [docs.settings_table, docs.outputs_table, docs.commands_table])
def test_tables_hold_no_python(table: object) -> None:
    text = table()  # type: ignore[operator]

    assert not re.search(r"<class|typing\.|FieldInfo|Annotated|PydanticUndefined", text)


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("cost.alert_addresses", "a list of: `^[^@"),
        ("audit.recorder", "`true`, `false`"),
        ("network.cidr", "text"),
        ("storage.record_lock_days", "at least 1, at most 3650"),
    ],
)
def test_a_row_says_what_is_allowed(key: str, allowed: str) -> None:
    row = next(line for line in docs.settings_table().splitlines() if f":{key}`" in line)

    assert allowed in row


def test_the_tables_of_stacks_are_current() -> None:
    path = repo_root() / "stacks" / "README.md"
    text = path.read_text(encoding="utf-8")
    renewed = docs.render(text, "settings", docs.settings_table())

    assert docs.render(renewed, "outputs", docs.outputs_table()) == text, "renew it: ./plinth docs"
