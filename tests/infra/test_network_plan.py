"""Subnets lie inside their network, apart from each other, or are refused with every reason."""

from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.network_plan import PRIVATE_RANGES, ZONES, plan, problems

GOOD: dict[str, Any] = {
    "cidr": "10.0.0.0/16",
    "region": "eu-central-1",
    "zones": 3,
    "private_prefix": 19,
    "public_prefix": 28,
    "public_subnets": 3,
}


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Any network at all: those that fit and those that do not."""
    parent = draw(st.sampled_from(PRIVATE_RANGES))
    prefix = draw(st.integers(max(parent.prefixlen, 12), 30))
    number = draw(st.integers(0, 2 ** (prefix - parent.prefixlen) - 1))
    base = int(parent.network_address) + number * 2 ** (32 - prefix)
    return {
        "cidr": str(IPv4Network((base, prefix))),
        "region": draw(st.sampled_from(sorted(ZONES))),
        "zones": draw(st.integers(1, 7)),
        "private_prefix": draw(st.integers(12, 30)),
        "public_prefix": draw(st.integers(12, 30)),
        "public_subnets": draw(st.integers(0, 7)),
    }


@given(networks())
def test_a_plan_is_inside_its_network_without_overlap_or_is_refused(network: dict[str, Any]) -> None:
    wrong = problems(**network, apart_from=())
    if wrong:
        with pytest.raises(ValueError, match=r".+"):
            plan(**network)
        return
    zones = plan(**network)
    whole = IPv4Network(network["cidr"])
    private = [IPv4Network(zone.private_cidr) for zone in zones]
    public = [IPv4Network(zone.public_cidr) for zone in zones if zone.public_cidr]

    assert len({zone.name for zone in zones}) == network["zones"]
    assert {subnet.prefixlen for subnet in private} == {network["private_prefix"]}
    assert len(public) == network["public_subnets"]
    assert all(subnet.subnet_of(whole) for subnet in private + public)
    assert not any(one.overlaps(other) for one, other in combinations(private + public, 2))


@given(st.integers(1, 3), st.integers(16, 28), st.integers(16, 28))
def test_what_would_fit_is_not_refused(zones: int, prefix: int, private_prefix: int) -> None:
    """Without public subnets only the number of addresses counts."""
    fits = private_prefix >= prefix and zones * 2 ** (32 - private_prefix) <= 2 ** (32 - prefix)
    wrong = problems(
        cidr=f"10.0.0.0/{prefix}",
        region="eu-central-1",
        zones=zones,
        private_prefix=private_prefix,
        public_prefix=28,
        public_subnets=0,
        apart_from=(),
    )

    assert (wrong == []) == fits


def test_a_plan_in_numbers() -> None:
    assert [(z.name, z.private_cidr, z.public_cidr) for z in plan(**GOOD)] == [
        ("eu-central-1a", "10.0.0.0/19", "10.0.96.0/28"),
        ("eu-central-1b", "10.0.32.0/19", "10.0.96.16/28"),
        ("eu-central-1c", "10.0.64.0/19", "10.0.96.32/28"),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cidr": "10.0.0.1/16"}, "is not a network"),
        ({"cidr": "10.0.0.0"}, "is not a network"),
        ({"cidr": "8.8.0.0/16"}, "not a private range"),
        ({"cidr": "10.0.0.0/12"}, "has a prefix of /16 to /28"),
        ({"zones": 4}, "has 3 zones"),
        ({"region": "eu-central-9"}, "zones of region eu-central-9 are not known"),
        ({"private_prefix": 17}, "addresses and their alignment"),
        ({"private_prefix": 29}, "private subnet of /29"),
        ({"public_prefix": 15}, "public subnet of /15"),
        ({"public_subnets": 5}, "5 public subnets do not fit"),
        ({"apart_from": ["10.0.128.0/17"]}, "overlaps with 10.0.128.0/17"),
        ({"apart_from": ["ten"]}, "'ten' is not a network"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], said: str) -> None:
    (only,) = problems(**{"apart_from": [], **GOOD, **change})

    assert said in only


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = problems(**{**GOOD, "cidr": "8.0.0.0/8", "zones": 9, "apart_from": ["8.1.0.0/16", "x"]})

    assert len(wrong) == 5
