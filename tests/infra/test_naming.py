"""Names fit, and two different ones never meet."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import naming

names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,120}", fullmatch=True)


@given(names, st.integers(min_value=9, max_value=250))
def test_a_name_fits_its_limit_and_stays_a_name(name: str, limit: int) -> None:
    fitted = naming.fit(name, limit)

    assert len(fitted) <= limit
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", fitted)


@given(names, names, st.integers(min_value=9, max_value=80))
def test_different_names_stay_different(one: str, other: str, limit: int) -> None:
    if one != other:
        assert naming.fit(one, limit) != naming.fit(other, limit)


@given(names)
def test_a_short_name_is_kept(name: str) -> None:
    assert naming.fit(name, len(name)) == name


@pytest.mark.parametrize("name", ["", "Upper", "under_score", "-dash", "dot.ted"])
def test_other_characters_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case letters"):
        naming.fit(name, 63)


def test_a_limit_without_room_for_a_digest_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        naming.fit("abcdefghijkl", 8)


def test_a_bucket_differs_by_environment_account_and_region() -> None:
    seen = {
        naming.bucket(environment, "artifacts", account_id=account, region=region)
        for environment in ("prod", "prod-dr")
        for account in ("111111111111", "222222222222")
        for region in ("eu-central-1", "eu-west-1")
    }

    assert len(seen) == 8
    assert all(len(name) <= naming.BUCKET_LIMIT for name in seen)
