"""Decisions can be cited by their number."""

import re

from infra.local.paths import repo_root

FOLDER = repo_root() / "infra" / "decisions"


def test_each_decision_has_a_number_of_its_own_which_its_heading_repeats() -> None:
    found = {path.name: path.read_text(encoding="utf-8").partition("\n")[0] for path in FOLDER.glob("*.md")}

    assert len(found) > 10
    assert len({name[:4] for name in found}) == len(found)
    assert {
        name: head for name, head in found.items() if not re.match(rf"# {int(name[:4])}\. \S", head)
    } == {}
