"""Every type that the program can make is enumerated, and what is enumerated is told apart by environment."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.paths import repo_root
from infra.ops.inventory import KINDS, Thing
from infra.ops.inventory.aws import IS, PART_OF, SETTINGS_ONLY
from infra.settings import ENVIRONMENTS

TYPES = repo_root() / "infra" / "local" / "toolchain" / "go" / "pulumi" / "aws" / "resources.toml"

# A role "dr" of prod would be called as prod-dr itself is.
ROLES = st.from_regex(r"[a-z]{1,9}", fullmatch=True).filter(lambda role: role != "dr")


def test_each_type_that_the_provider_can_make_is_enumerated_or_a_part_of_what_is() -> None:
    types = set(tomllib.loads(TYPES.read_text(encoding="utf-8"))["resources"].values())

    assert types - {*IS, *PART_OF, *SETTINGS_ONLY} == set(), "add a lister in infra/ops/inventory"
    assert {*IS, *PART_OF, *SETTINGS_ONLY} - types == set()
    assert (set(IS.values()) | set(PART_OF.values())) - set(KINDS) == set()


@given(
    st.sampled_from(ENVIRONMENTS), st.sampled_from(ENVIRONMENTS), st.from_regex(r"[a-z]{1,9}", fullmatch=True)
)
def test_a_name_tells_the_environment(environment: str, other: str, role: str) -> None:
    names = [
        f"plinth-{environment}-{role}",
        f"plinth-{environment}/{role}",
        f"alias/plinth-{environment}-{role}",
        f"plinth-{environment}",
        f"/plinth/{environment}/{role}",
        f"/aws/eks/plinth-{environment}/cluster",
    ]
    for name in names:
        thing = Thing(kind="x/y", id=name, name=name)

        assert thing.belongs_to(other) == (environment == other), name


@pytest.mark.parametrize(("said", "expected"), [("dev", True), ("prod", False)])
def test_a_tag_is_believed_before_a_name(said: str, expected: bool) -> None:  # noqa: FBT001
    tagged = Thing(kind="x/y", id="1", name="plinth-prod-data", tags={"plinth:environment": said})

    assert tagged.belongs_to("dev") is expected


def test_what_carries_neither_is_nobodys() -> None:
    assert not Thing(kind="x/y", id="1", name="vpc-1", tags={}).belongs_to("local")
    assert not Thing(kind="x/y", id="1", name="plinthlocal").belongs_to("local")
