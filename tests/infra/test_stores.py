"""Stores of an environment: what each data class gets, and what nobody can undo."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.data_classes import BUCKETS, KEYS, LOCKED
from infra.settings import Settings


@pytest.fixture
def record(settings: Settings, recorded: Callable[[Settings], Any]) -> Any:
    return recorded(settings)


def test_each_data_class_has_a_key_of_its_own_and_each_bucket_uses_its_own(record: Any) -> None:
    keys = {key.inputs["tags"]["plinth:data-class"] for key in record.of_type("aws:kms/key:Key")}
    used = {
        entry.name.removesuffix("-encryption"): entry.inputs["rules"][0][
            "applyServerSideEncryptionByDefault"
        ].get("kmsMasterKeyId")
        for entry in record.of_type(
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
        )
    }

    assert keys >= set(KEYS)
    assert {name: arn for name, arn in used.items() if arn} == {
        name: f"arn:aws:mock:eu-central-1:123456789012:{name}-key" for name in BUCKETS
    }


def test_audit_and_decision_records_are_locked_in_compliance_mode_and_nothing_else_is(record: Any) -> None:
    locks = record.of_type("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    retention = {lock.name: lock.inputs["rule"]["defaultRetention"] for lock in locks}
    enabled = {
        bucket.name
        for bucket in record.of_type("aws:s3/bucket:Bucket")
        if bucket.inputs.get("objectLockEnabled")
    }

    assert retention == {f"{name}-object-lock": {"mode": "COMPLIANCE", "days": 400} for name in LOCKED}
    assert enabled == set(LOCKED)


def test_tables_are_encrypted_recoverable_and_kept(record: Any) -> None:
    tables = record.of_type("aws:dynamodb/table:Table")

    assert {table.name for table in tables} == {"online-features", "model-registry", "review-index"}
    for table in tables:
        assert table.inputs["serverSideEncryption"]["kmsKeyArn"]
        assert table.inputs["pointInTimeRecovery"]["enabled"]
        assert table.inputs["deletionProtectionEnabled"]
        keyed = {table.inputs["hashKey"], table.inputs["rangeKey"]} | {
            key["attributeName"]
            for index in table.inputs.get("globalSecondaryIndexes", [])
            for key in index["keySchemas"]
        }
        # DynamoDB refuses attributes that no key uses.
        assert keyed == {attribute["name"] for attribute in table.inputs["attributes"]}


def test_the_log_service_may_use_the_key_of_logs_for_groups_of_this_account_only(record: Any) -> None:
    key = next(k for k in record.of_type("aws:kms/key:Key") if k.name == "logs-key")
    granted = [
        s for s in json.loads(key.inputs["policy"])["Statement"] if "Service" in s.get("Principal", {})
    ]

    assert [s["Principal"]["Service"] for s in granted] == ["logs.eu-central-1.amazonaws.com"]
    assert "123456789012:log-group:*" in json.dumps(granted[0]["Condition"])


@pytest.mark.parametrize("owns", [True, False])
def test_what_an_account_has_once_is_set_by_the_stack_that_owns_it(
    raw_settings: dict[str, Any], recorded: Callable[[Settings], Any], owns: Any
) -> None:
    raw_settings["aws"]["owns_account"] = owns
    settings = Settings.parse(raw_settings, stack="local", environ={})

    record = recorded(settings)

    block = record.of_type("aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock")
    assert len(block) == int(owns)
