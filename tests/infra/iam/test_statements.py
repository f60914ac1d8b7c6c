"""Policy documents say what was meant, in the same bytes each time."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.iam.bucket_policies import access_log_bucket_policy, private_bucket_policy
from infra.iam.key_policies import data_key_policy
from infra.iam.statements import Statement, document

words = st.lists(st.from_regex(r"[a-z0-9]{1,8}:[A-Za-z]{1,12}", fullmatch=True), min_size=1, max_size=6)


@given(words, words)
def test_order_of_actions_and_resources_does_not_matter(actions: list[str], resources: list[str]) -> None:
    forward = Statement(sid="A", actions=actions, resources=resources)
    backward = Statement(sid="A", actions=actions[::-1], resources=resources[::-1])

    assert document(forward) == document(backward)


def test_an_allow_for_everyone_is_refused() -> None:
    with pytest.raises(ValueError, match="allows everyone"):
        Statement(sid="A", actions=["s3:GetObject"], resources=["*"], principals={"AWS": ["*"]})


def test_a_sid_that_is_used_twice_is_refused() -> None:
    statement = Statement(sid="A", actions=["s3:GetObject"], resources=["*"])

    with pytest.raises(ValueError, match="sid used twice: A"):
        document(statement, statement)


@pytest.mark.parametrize(("sid", "actions"), [("with space", ["s3:*"]), ("A", [])])
def test_an_unusable_statement_is_refused(sid: str, actions: list[str]) -> None:
    with pytest.raises(ValueError, match=r"letters and digits|needs actions"):
        Statement(sid=sid, actions=actions, resources=["*"])


def test_a_private_bucket_denies_plain_http_old_tls_and_foreign_keys() -> None:
    policy = json.loads(private_bucket_policy(bucket_arn="arn:aws:s3:::b", account_id="1", region="r"))
    by_sid = {statement["Sid"]: statement for statement in policy["Statement"]}

    assert {s["Effect"] for s in policy["Statement"]} == {"Deny"}
    assert by_sid["DenyPlainHttp"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert by_sid["DenyPlainHttp"]["Resource"] == ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]
    assert by_sid["DenyOldTls"]["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
    assert "arn:aws:kms:r:1:key/*" in json.dumps(by_sid["DenyForeignKey"]["Condition"])


def test_access_logs_are_written_by_the_delivery_service_for_this_account_only() -> None:
    policy = json.loads(access_log_bucket_policy(bucket_arn="arn:aws:s3:::b", account_id="123456789012"))
    allowed = [s for s in policy["Statement"] if s["Effect"] == "Allow"]

    assert [s["Principal"] for s in allowed] == [{"Service": "logging.s3.amazonaws.com"}]
    assert allowed[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_a_data_key_knows_no_principal_outside_its_account() -> None:
    policy = json.loads(data_key_policy(account_id="123456789012"))
    principals = {s["Principal"]["AWS"] for s in policy["Statement"]}

    assert principals == {"arn:aws:iam::123456789012:root"}
    assert all("kms:*" not in s["Action"] for s in policy["Statement"])
