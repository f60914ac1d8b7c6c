"""Conditions hold as the IAM user guide says, and nothing is guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.iam.conditions import Context, UndecidableError, arn_matches, context, holds, matches

TEXT = st.text(alphabet="ab:/.-1", max_size=6)
KEY = "aws:x"


def asked(operator: str, wanted: object, given_values: list[str] | None) -> bool:
    values = {} if given_values is None else {KEY: tuple(given_values)}
    return holds({operator: {KEY: wanted}}, Context(values=values))  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("operator", "wanted", "given_values", "expected"),
    [
        ("StringEquals", ["a", "b"], ["b"], True),
        ("StringEquals", ["a", "b"], ["c"], False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", ["b"], False),
        ("StringNotEquals", ["a", "b"], ["a"], False),
        ("StringNotEquals", ["a", "b"], ["c"], True),
        ("StringNotEquals", "a", None, True),
        ("StringNotEqualsIfExists", "a", None, True),
        ("StringNotEqualsIfExists", "aws:kms", ["AES256"], True),
        ("StringNotEqualsIfExists", "aws:kms", ["aws:kms"], False),
        ("StringEqualsIgnoreCase", "A", ["a"], True),
        ("StringLike", "a*c", ["abc"], True),
        ("StringLike", "a?c", ["abbc"], False),
        ("StringNotLike", "a*", ["b"], True),
        ("Bool", "false", ["false"], True),
        ("Bool", False, ["false"], True),
        ("Bool", "false", ["true"], False),
        ("Bool", "true", None, False),
        ("NumericLessThan", "1.2", ["1.1"], True),
        ("NumericLessThan", "1.2", ["1.2"], False),
        ("NumericLessThan", "1.2", None, False),
        ("NumericLessThanIfExists", "1.2", None, True),
        ("NumericGreaterThanEquals", "10", ["9"], False),
        ("ArnLike", "arn:aws:iam::*:role/x", ["arn:aws:iam::1:role/x"], True),
        ("ArnNotLikeIfExists", "arn:aws:kms:r:1:key/*", ["arn:aws:kms:r:2:key/1"], True),
        ("ArnNotLikeIfExists", "arn:aws:kms:r:1:key/*", None, True),
        ("ArnEquals", "arn:aws:kms:r:1:key/*", ["alias/x"], False),
        ("IpAddress", "10.0.0.0/8", ["10.1.2.3"], True),
        ("NotIpAddress", "10.0.0.0/8", ["127.0.0.1"], True),
        ("Null", "true", None, True),
        ("Null", "true", ["x"], False),
        ("Null", "false", ["x"], True),
        ("ForAnyValue:StringEquals", "a", ["b", "a"], True),
        ("ForAnyValue:StringEquals", "a", None, False),
        ("ForAnyValue:StringNotEquals", "a", None, False),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", "a", None, True),
    ],
)
def test_an_operator(
    operator: str, wanted: object, given_values: list[str] | None, *, expected: bool
) -> None:
    assert asked(operator, wanted, given_values) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "value"),
    [
        ("DateLessThan", "2030-01-01T00:00:00Z", "2029-01-01T00:00:00Z"),
        ("StringSomehow", "a", "a"),
        ("StringEquals", "${aws:username}", "a"),
        ("NumericLessThan", "1.2", "new"),
        ("IpAddress", "everywhere", "127.0.0.1"),
    ],
)
def test_what_is_not_known_is_not_guessed(operator: str, wanted: str, value: str) -> None:
    with pytest.raises(UndecidableError):
        asked(operator, wanted, [value])


def test_a_key_that_nobody_knows_is_undecidable_unless_another_condition_fails() -> None:
    known = Context(values={"aws:a": ("1",)}, complete=False)
    assert holds({"StringEquals": {"aws:A": "1"}}, known)
    with pytest.raises(UndecidableError, match="aws:b"):
        holds({"StringEquals": {"aws:b": "1", "aws:a": "1"}}, known)
    assert not holds({"StringEquals": {"aws:b": "1", "aws:a": "2"}}, known)


@given(TEXT, TEXT)
def test_a_negated_operator_is_the_opposite_for_a_key_that_is_there(value: str, wanted: str) -> None:
    there = context({KEY: value})
    for plain, negated in (("StringEquals", "StringNotEquals"), ("StringLike", "StringNotLike")):
        assert holds({plain: {KEY: wanted}}, there) is not holds({negated: {KEY: wanted}}, there)


@given(TEXT)
def test_a_pattern_without_stars_matches_itself_alone(text: str) -> None:
    assert matches(text, text)
    assert matches("*", text)
    assert matches(text + "*", text + "b")
    assert not matches(text, text + "b")


@pytest.mark.parametrize(
    ("pattern", "arn", "expected"),
    [
        ("*", "anything", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:*:role/x", "arn:aws:iam::1:role/x", False),  # a star does not reach over parts
        ("arn:aws:logs:r:1:log-group:*", "arn:aws:logs:r:1:log-group:a:b", True),
    ],
)
def test_an_arn_is_matched_part_by_part(pattern: str, arn: str, *, expected: bool) -> None:
    assert arn_matches(pattern, arn) is expected
