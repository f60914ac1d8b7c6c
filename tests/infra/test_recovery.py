"""What an environment is rebuilt from."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.iam.replication import replication_policy
from infra.settings import Settings


@pytest.fixture
def build(recorded: Callable[[Settings], Any]) -> Callable[[dict[str, Any]], Any]:
    def built(raw: dict[str, Any]) -> Any:
        settings = Settings.parse(raw, stack="local", environ={})
        return recorded(settings)

    return built


def test_backups_are_locked_for_as_long_as_they_are_kept(build: Any, raw_settings: dict[str, Any]) -> None:
    record = build({**raw_settings, "recovery": {"backup_days": 40, "lock_days": 5}})
    lock = record.of_type("aws:backup/vaultLockConfiguration:VaultLockConfiguration")[0].inputs
    rule = record.of_type("aws:backup/plan:Plan")[0].inputs["rules"][0]

    assert lock["minRetentionDays"] == rule["lifecycle"]["deleteAfter"] == 40
    assert lock["changeableForDays"] == 5


def test_everything_with_the_tag_is_backed_up_and_every_table_has_it(
    build: Any, raw_settings: dict[str, Any]
) -> None:
    record = build(raw_settings)
    tag = record.of_type("aws:backup/selection:Selection")[0].inputs["selectionTags"][0]
    stores = record.of_type("aws:dynamodb/table:Table") + [
        bucket for bucket in record.of_type("aws:s3/bucket:Bucket") if "access-logs" not in bucket.name
    ]

    assert [s.name for s in stores if s.inputs["tags"].get(tag["key"]) != tag["value"]] == []


def test_what_is_backed_up_is_restored_every_week_by_the_role_that_may(
    build: Any, raw_settings: dict[str, Any]
) -> None:
    record = build(raw_settings)
    plan = record.of_type("aws:backup/restoreTestingPlan:RestoreTestingPlan")[0].inputs
    tests = record.of_type("aws:backup/restoreTestingSelection:RestoreTestingSelection")
    backed_up = record.of_type("aws:backup/selection:Selection")[0].inputs

    assert plan["recoveryPointSelection"]["algorithm"] == "LATEST_WITHIN_WINDOW"
    assert plan["recoveryPointSelection"]["includeVaults"][0].endswith("backups")
    assert {test.inputs["protectedResourceType"] for test in tests} == {"DynamoDB", "S3"}
    assert {test.inputs["iamRoleArn"] for test in tests} == {backed_up["iamRoleArn"]}
    assert {test.inputs["restoreTestingPlanName"] for test in tests} == {plan["name"]}


def test_nothing_is_restored_where_nothing_is_backed_up(build: Any, raw_settings: dict[str, Any]) -> None:
    record = build({**raw_settings, "recovery": {"selection": False}})

    assert record.of_type("aws:backup/restoreTestingPlan:RestoreTestingPlan") == []


def test_without_a_recovery_region_nothing_leaves_the_region(
    build: Any, raw_settings: dict[str, Any]
) -> None:
    record = build(raw_settings)

    assert record.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig") == []
    assert [p.name for p in record.of_type("pulumi:providers:aws")] == ["aws"]
    assert not record.of_type("aws:backup/plan:Plan")[0].inputs["rules"][0].get("copyActions")


def test_with_one_backups_and_what_cannot_be_made_again_are_copied_there(
    build: Any, raw_settings: dict[str, Any]
) -> None:
    record = build({**raw_settings, "recovery": {"region": "eu-west-1"}})
    rules = record.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    buckets = {b.name: b.inputs for b in record.of_type("aws:s3/bucket:Bucket")}

    assert {r.name for r in rules} == {
        f"{name}-replication-rule" for name in ("artifacts", "data", "decisions")
    }
    for rule in rules:
        entry = rule.inputs["rules"][0]
        assert entry["deleteMarkerReplication"]["status"] == "Disabled"
        target = entry["destination"]["bucket"].removeprefix("arn:aws:s3:::")
        assert target in {b["bucket"] for b in buckets.values()}
        assert target.endswith("eu-west-1")
    assert buckets["decisions-replica"]["objectLockEnabled"]
    copy = record.of_type("aws:backup/plan:Plan")[0].inputs["rules"][0]["copyActions"][0]
    assert copy["destinationVaultArn"].endswith("copies")


def test_the_role_that_copies_reads_one_bucket_writes_one_and_uses_two_keys() -> None:
    policy = json.loads(
        replication_policy(
            account_id="123456789012",
            source=("from", "eu-central-1", "alias/a"),
            target=("to", "eu-west-1", "alias/b"),
        )
    )

    for statement in policy["Statement"]:
        assert "*" not in statement["Action"]
        assert statement["Resource"] != "*"
        if ":key/" in str(statement["Resource"]):
            aliases = statement["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"]
            assert aliases in {"alias/a", "alias/b"}
        writes = any(action.startswith("s3:Replicate") for action in _all(statement["Action"]))
        assert writes == (statement["Resource"] == "arn:aws:s3:::to/*")


def _all(actions: Any) -> list[str]:
    return [actions] if isinstance(actions, str) else actions
