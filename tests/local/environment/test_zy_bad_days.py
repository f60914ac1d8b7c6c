"""A bad day of AWS and a killed engine, on the small stack: three of the runs that drills do by hundreds."""

import pytest
from clones import Clone

from infra.errors import Exit
from infra.local.paths import repo_root

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("drill", ["aws-faults", "engine-kills"])
def test_the_next_up_mends_what_a_bad_day_left(drill: str, tmp_path) -> None:
    clone = Clone(repo_root(), tmp_path / "home")

    told = clone.plinth("drill", drill, "--runs", "3", "--json").ended(Exit.OK).json

    assert told["runs"] == told["mended_by_the_next_up"] == 3
    assert (told["created_twice_or_orphaned"], told["lost"], told["not_mended"]) == (0, 0, [])
    assert drill == "engine-kills" or sum(told["hits"].values()) > 0
