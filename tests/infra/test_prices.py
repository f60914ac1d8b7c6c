"""Prices have one home, a date and a source, and are told as what they are."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import prices


def document(*rows: list[Any], **factors: float) -> dict[str, Any]:
    return {
        "sources": {"list": {"date": dt.date(2026, 1, 2), "what": "a\n  list"}},
        "factors": {"source": "list", "ec2": factors},
        "rows": list(rows),
    }


def test_every_row_is_positive_dated_and_has_a_source() -> None:
    rows = prices.sheet().rows()

    assert len(rows) > 60
    assert all(row.usd > 0 and row.source and row.date <= dt.date(2026, 11, 21) for row in rows)
    assert {row.type for row in rows} == {row.type for row in rows if row.region == prices.REFERENCE_REGION}


def test_a_region_s_own_row_goes_before_the_estimate() -> None:
    row = prices.sheet().price("ec2", "eu-central-1", "g5.12xlarge", unit="hour")
    estimate = prices.sheet().price("ec2", "eu-central-1", "g5.xlarge", unit="hour")

    assert row is not None
    assert estimate is not None
    assert (row.usd, row.estimated) == (Decimal("7.09282"), False)
    assert estimate.estimated
    assert estimate.told() == "about 1.258003 USD per hour in eu-central-1, 2026-01-19"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["ec2", "us-east-1", "x", "hour", 1, "rumour"]], "unknown source 'rumour'"),
        ([["ec2", "us-east-1", "x", "hour", 1, "list"]] * 2, "stands there twice"),
        ([["ec2", "us-east-1", "x", "hour", 1]], "not enough values"),
    ],
)
def test_a_broken_sheet_is_refused(rows: list[list[Any]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        prices.Sheet(document(*rows))


def test_what_has_no_row_has_no_price() -> None:
    assert prices.sheet().price("ec2", "us-east-1", "z9.xlarge", unit="hour") is None


@given(
    usd=st.decimals(min_value="0.0001", max_value=1000, places=4),
    factor=st.decimals(min_value="0.5", max_value=3, places=3),
)
def test_an_estimate_is_the_reference_times_the_region_s_factor(usd: Decimal, factor: Decimal) -> None:
    rows = [["ec2", "us-east-1", "x", "hour", float(usd), "list"]]
    sheet = prices.Sheet(document(*rows, **{"eu-west-1": float(factor)}))
    near = sheet.price("ec2", "eu-west-1", "x", unit="hour")
    far = sheet.price("ec2", "sa-east-1", "x", unit="hour")

    assert near is not None
    assert far is not None
    assert abs(near.usd - usd * factor) < Decimal("0.00001")
    assert (far.usd, far.estimated) == (usd, True)
