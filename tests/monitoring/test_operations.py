"""The operations exporter: what it reads, and what it says when it cannot."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from infra.operations import cluster, stores
from infra.operations.exporter import Exporter
from infra.operations.samples import Sample, exposition

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Pages:
    def __init__(self, pages):
        self.pages = pages

    def paginate(self, **asked):
        return self.pages(asked)


class Client:
    """Answers as boto3's clients do."""

    def __init__(self, pages=None, **answers):
        self._pages, self._answers = pages, answers

    def get_paginator(self, _):
        return Pages(self._pages)

    def __getattr__(self, name):
        return lambda **_: self._answers[name]


def values(samples):
    return {(s.name, *s.labels.values()): s.value for s in samples}


@given(st.text(max_size=40), st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_a_label_holds_is_read_back(text, value) -> None:
    page = exposition([Sample(name="plinth_backup_age_seconds", value=value, labels={"vault": text})])
    (family,) = text_string_to_metric_families(page)
    (sample,) = family.samples

    assert (sample.labels["vault"], sample.value) == (text, value)


def test_a_metric_that_nobody_described_is_refused() -> None:
    with pytest.raises(KeyError, match="plinth_guess"):
        exposition([Sample(name="plinth_guess", value=1)])


def test_a_reading_that_fails_is_told_and_hides_no_other() -> None:
    def broken():
        raise OSError("away")

    exporter = Exporter(
        {
            "good": lambda: [Sample(name="plinth_contract_valid", value=1, labels={"service": "s"})],
            "bad": broken,
        }
    )
    exporter.look()

    assert 'plinth_operations_read_ok{reading="good"} 1' in exporter.text
    assert 'plinth_operations_read_ok{reading="bad"} 0' in exporter.text
    assert 'plinth_contract_valid{service="s"} 1' in exporter.text


def test_the_oldest_case_counts_in_whatever_state_it_waits() -> None:
    asked = {"open": NOW - timedelta(hours=2), "claimed": NOW - timedelta(hours=30)}

    def pages(query):
        state = query["ExpressionAttributeValues"][":state"]["S"]
        items = (
            [{"service": {"S": "a"}, "asked_at": {"S": asked[state].isoformat()}}] if state in asked else []
        )
        return [{"Items": items}]

    found = values(stores.reviews(Client(pages), "t", {"a": 1, "b": 1}, NOW))

    assert found["plinth_review_oldest_seconds", "a"] == 30 * 3600
    assert found["plinth_review_waiting_cases", "a"] == 2
    assert found["plinth_review_waiting_cases", "b"] == 0
    assert found["plinth_review_oldest_seconds", "b"] == 0


def test_an_empty_vault_is_as_old_as_itself_and_a_broken_backup_does_not_count() -> None:
    broken = {"CreationDate": NOW, "Status": "PARTIAL"}
    empty = Client(
        lambda _: [{"RecoveryPoints": [broken]}],
        describe_backup_vault={"CreationDate": NOW - timedelta(days=3)},
    )
    filled = Client(lambda _: [{"RecoveryPoints": [{"CreationDate": NOW - timedelta(hours=5)}, broken]}])

    assert values(stores.backups(empty, "v", NOW))["plinth_backup_age_seconds", "v"] == 3 * 86400
    assert values(stores.backups(filled, "v", NOW))["plinth_backup_age_seconds", "v"] == 5 * 3600


@pytest.mark.parametrize(("delivers", "told"), [(True, 600.0), (False, None)])
def test_the_trail_s_silence_is_told_where_anything_is_delivered(delivers, told) -> None:
    client = Client(get_trail_status={"IsLogging": True, "LatestDeliveryTime": NOW - timedelta(seconds=600)})
    found = values(stores.trail(client, "t", NOW, delivers=delivers))

    assert found["plinth_audit_recording", "trail"] == 1
    assert found.get(("plinth_audit_silence_seconds", "trail")) == told


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_month_is_never_over_before_it_is(now) -> None:
    assert 0 <= stores.month_share(now) < 1


def test_a_rollout_that_nobody_has_seen_has_no_new_pods() -> None:
    def deployment(observed):
        return {
            "metadata": {"name": "s", "generation": 2, "annotations": {cluster.EXPIRES: "2027-05-31"}},
            "spec": {"replicas": 2},
            "status": {"observedGeneration": observed, "updatedReplicas": 2, "readyReplicas": 2},
        }

    seen, unseen = (values(cluster.pods([deployment(number)])) for number in (2, 1))

    assert (seen["plinth_service_pods_updated", "s"], unseen["plinth_service_pods_updated", "s"]) == (2, 0)
    ends = datetime(2027, 5, 31, tzinfo=UTC).timestamp()
    assert seen["plinth_contract_expires_timestamp_seconds", "s"] == ends
