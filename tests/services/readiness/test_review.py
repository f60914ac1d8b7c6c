"""The review queue against DynamoDB's own rules (moto, in this process)."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from aws import make_review_table
from moto import mock_aws

from services.readiness.review import Case, ReviewError, ReviewQueue
from services.readiness.review_feed import missing

pytestmark = pytest.mark.parts

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def reviews(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        make_review_table(client, "reviews")
        yield ReviewQueue("reviews", "credit-risk", client, claim_minutes=30, escalate_after_hours=24)


def case(name, hours_ago=1.0):
    return Case(
        decision=name,
        service="credit-risk",
        state="open",
        asked_at=(NOW - timedelta(hours=hours_ago)).isoformat(timespec="milliseconds"),
        reason="between_thresholds",
        model_digest="sha256:0",
        input={"housing": "own"},
        output={"decision": "refer_to_human"},
    )


def test_a_case_is_asked_once(reviews):
    assert reviews.ask(case("a"))
    assert not reviews.ask(case("a"))
    assert [one.decision for one in reviews.cases("open")] == ["a"]


def test_the_oldest_case_is_claimed_first_and_by_one_reviewer_only(reviews):
    for name, age in (("new", 1), ("old", 5)):
        reviews.ask(case(name, age))
    assert reviews.claim("ann", now=NOW).decision == "old"
    assert reviews.claim("bob", now=NOW).decision == "new"
    assert reviews.claim("cy", now=NOW) is None
    with pytest.raises(ReviewError, match="claimed by ann"):
        reviews.claim("bob", "old", now=NOW)


def test_a_claim_runs_out(reviews):
    reviews.ask(case("a"))
    reviews.claim("ann", now=NOW)
    assert reviews.claim("bob", now=NOW + timedelta(minutes=29)) is None
    assert reviews.claim("bob", now=NOW + timedelta(minutes=31)).reviewer == "bob"
    with pytest.raises(ReviewError, match="claimed by bob"):
        reviews.label("ann", "a", "good")


def test_only_who_holds_a_case_labels_it_and_once(reviews):
    reviews.ask(case("a"))
    with pytest.raises(ReviewError, match="is open"):
        reviews.label("ann", "a", "good", now=NOW)
    reviews.claim("ann", now=NOW)
    done = reviews.label("ann", "a", "good", now=NOW)
    assert (done.state, done.label, done.reviewer) == ("labelled", "good", "ann")
    assert done.input == {"housing": "own"}
    with pytest.raises(ReviewError, match="is labelled"):
        reviews.label("ann", "a", "bad", now=NOW)


def test_a_case_escalates_by_age_unless_somebody_works_on_it(reviews):
    for name, age in (("fresh", 1), ("late", 25), ("held", 25), ("forgotten", 25)):
        reviews.ask(case(name, age))
    reviews.claim("ann", "held", now=NOW)
    reviews.claim("bob", "forgotten", now=NOW - timedelta(hours=1))
    assert {one.decision for one in reviews.escalate(now=NOW)} == {"late", "forgotten"}
    assert reviews.escalate(now=NOW) == []
    assert reviews.claim("cy", now=NOW).state == "claimed"
    assert {one.decision for one in reviews.cases("escalated")} | {"late", "forgotten"} == {
        "late",
        "forgotten",
    }


def test_what_the_feed_lost_is_found_in_the_log(reviews):
    record = {"kind": "decision", "id": "a", "at": NOW.isoformat(), "review": "low_confidence"}
    sure = {"kind": "decision", "id": "b", "at": NOW.isoformat(), "review": None}
    assert [one.decision for one in missing(reviews, [record, sure, {"kind": "opened"}])] == ["a"]
    assert list(missing(reviews, [record, sure])) == []


def test_a_case_that_does_not_exist_is_said(reviews):
    with pytest.raises(ReviewError, match="no case"):
        reviews.get("nobody")
