"""What moto forgets is remembered."""

import pytest

from infra.local.aws_api.completions import bucket_tags, replication_rule

CONFIGURATION = (
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<LocationConstraint>eu-central-1</LocationConstraint>{}</CreateBucketConfiguration>"
)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", {}),
        ("<Tags><Tag><Key>a</Key><Value>1</Value></Tag></Tags>", {"a": "1"}),
        (
            "<Tags><Tag><Key>a</Key><Value/></Tag><Tag><Key>b</Key><Value>2</Value></Tag></Tags>",
            {"a": "", "b": "2"},
        ),
    ],
)
def test_tags_are_read_from_a_create_bucket_request(inside: str, expected: dict[str, str]) -> None:
    assert bucket_tags(CONFIGURATION.format(inside)) == expected


@pytest.mark.parametrize("body", [b"", "", b"<CreateBucketConfiguration/>"])
def test_a_request_without_tags_has_none(body: bytes | str) -> None:
    assert bucket_tags(body) == {}


def test_a_replication_rule_is_given_back_whole() -> None:
    kept = {
        "ID": "everything",
        "Filter": None,
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
    }

    assert replication_rule(kept) == {**kept, "Filter": {"Prefix": ""}}


def test_a_rule_by_tag_gets_no_prefix() -> None:
    assert replication_rule({"Filter": {"Tag": {"Key": "k"}}}) == {"Filter": {"Tag": {"Key": "k"}}}
