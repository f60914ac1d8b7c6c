"""The audit trail records what matters, cannot be changed, and can be asked."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.iam.audit_queries import COLUMNS, named_queries
from infra.settings import Settings


@pytest.fixture
def record(settings: Settings, recorded: Callable[[Settings], Any]) -> Any:
    return recorded(settings)


def test_the_trail_covers_all_regions_and_is_validated_and_encrypted(record: Any) -> None:
    trail = record.of_type("aws:cloudtrail/trail:Trail")[0].inputs

    assert trail["isMultiRegionTrail"]
    assert trail["enableLogFileValidation"]
    assert trail["includeGlobalServiceEvents"]
    assert trail["kmsKeyId"].endswith("audit-key")


def test_each_read_and_write_of_models_data_and_decisions_is_recorded(record: Any) -> None:
    trail = record.of_type("aws:cloudtrail/trail:Trail")[0].inputs
    fields = trail["advancedEventSelectors"][1]["fieldSelectors"]
    watched = next(f["startsWiths"] for f in fields if f["field"] == "resources.ARN")

    roles = [arn.removeprefix("arn:aws:s3:::plinth-local-").split("-")[0] for arn in watched]
    assert roles == ["artifacts", "data", "decisions", "features"]


def test_only_this_trail_and_this_accounts_recorder_deliver_to_the_audit_bucket(record: Any) -> None:
    policies = {p.name: p for p in record.of_type("aws:s3/bucketPolicy:BucketPolicy")}
    statements = json.loads(policies["audit-policy"].inputs["policy"])["Statement"]
    allowed = [s for s in statements if s["Effect"] == "Allow"]
    trail = record.of_type("aws:cloudtrail/trail:Trail")[0].inputs["name"]

    assert {s["Principal"]["Service"] for s in allowed} == {
        "cloudtrail.amazonaws.com", "config.amazonaws.com",
    }  # fmt: skip
    for statement in allowed:
        condition = statement["Condition"]["StringEquals"]
        if statement["Principal"]["Service"].startswith("cloudtrail"):
            expected = f"arn:aws:cloudtrail:eu-central-1:123456789012:trail/{trail}"
            assert condition["aws:SourceArn"] == expected
        else:
            assert condition["aws:SourceAccount"] == "123456789012"
    others = [p for name, p in policies.items() if name not in {"audit-policy", "access-logs-policy"}]
    assert all('"Allow"' not in policy.inputs["policy"] for policy in others)


def test_log_groups_are_encrypted_and_kept_for_a_year_at_least(record: Any) -> None:
    groups = record.of_type("aws:cloudwatch/logGroup:LogGroup")

    assert groups
    assert all(group.inputs["retentionInDays"] >= 365 and group.inputs["kmsKeyId"] for group in groups)


def test_another_stack_of_the_account_keeps_no_second_trail(
    raw_settings: dict[str, Any], recorded: Callable[[Settings], Any]
) -> None:
    raw_settings["aws"]["owns_account"] = False
    raw_settings["audit"] = {"recorder": False, "posture": False, "threat_detection": False}
    settings = Settings.parse(raw_settings, stack="local", environ={})

    record = recorded(settings)

    kinds = {resource.type.split("/")[0] for resource in record.resources}
    assert not kinds & {"aws:cloudtrail", "aws:cfg", "aws:guardduty", "aws:securityhub", "aws:athena"}
    assert "aws:accessanalyzer" in kinds


def test_questions_name_columns_of_the_table_and_the_buckets_that_were_given() -> None:
    queries = {q.name: q for q in named_queries(table="trail", data_buckets=["b", "a"], gpu_patterns=["gpu"])}

    assert set(queries) == {
        "who-used-the-gpu-pool", "who-read-the-training-data", "what-changed-in-iam", "who-was-refused",
    }  # fmt: skip
    assert "IN ('a', 'b')" in queries["who-read-the-training-data"].sql
    for query in queries.values():
        used = {column for column in COLUMNS if column in query.sql.lower()}
        assert {"eventtime", "useridentity", "eventname"} <= used
        assert "day >=" in query.sql  # without it, a question reads the whole trail


@pytest.mark.parametrize("bucket", ["a'b", "a b", "a;b", ""])
def test_a_name_that_would_end_the_sql_is_refused(bucket: str) -> None:
    with pytest.raises(ValueError, match="does not belong"):
        named_queries(table="trail", data_buckets=[bucket], gpu_patterns=["gpu"])


def test_a_use_of_the_emergency_role_raises_an_alarm_in_the_account_and_in_the_cluster(record: Any) -> None:
    filters = record.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    found = record.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    alarms = [
        alarm for alarm in found if alarm.inputs["namespace"] != "AWS/SNS"
    ]  # that one is the Watchdog's
    role = "plinth-local-break-glass"

    assert {entry.inputs["logGroupName"] for entry in filters} == {
        "/aws/eks/plinth-local/cluster",
        "/plinth/local/audit-trail",
    }
    assert all(role in entry.inputs["pattern"] for entry in filters)
    counted = {(f["namespace"], f["name"]) for f in (e.inputs["metricTransformation"] for e in filters)}
    assert {(alarm.inputs["namespace"], alarm.inputs["metricName"]) for alarm in alarms} == counted
    assert all(alarm.inputs["threshold"] == 1 and alarm.inputs["alarmActions"] for alarm in alarms)
