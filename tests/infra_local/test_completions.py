"""What moto forgets is remembered."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.local.aws_api import completions
from infra.local.aws_api.completions import bucket_tags, replication_rule

pytestmark = pytest.mark.parts

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


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a maker of clients whose API is moto with the completions."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    completions.install()
    made: list[Any] = []

    def client(service: str) -> Any:
        session: Any = boto3.Session(region_name="eu-central-1")
        made.append(session.client(service))
        return made[-1]

    with mock_aws():
        yield client
        for one in made:
            one.close()


def test_a_symmetric_key_has_no_key_pair_and_one_for_signatures_has(completed: Any) -> None:
    kms = completed("kms")
    symmetric = kms.create_key()["KeyMetadata"]["KeyId"]
    with pytest.raises(ClientError, match="UnsupportedOperationException"):
        kms.get_public_key(KeyId=symmetric)
    sealed = kms.encrypt(KeyId=symmetric, Plaintext=b"a secret")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"a secret"
    for spec in ("RSA_2048", "ECC_NIST_P256"):
        signing = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        assert kms.get_public_key(KeyId=signing)["PublicKey"]


def test_the_lock_of_a_bucket_with_records_may_change(completed: Any) -> None:
    s3 = completed("s3")
    place = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket="records", CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
    for days in (7, 30):
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": days}}
        s3.put_object_lock_configuration(
            Bucket="records", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
        s3.put_object(Bucket="records", Key="record", Body=b"x")

    kept = s3.get_object_lock_configuration(Bucket="records")["ObjectLockConfiguration"]
    assert kept["Rule"]["DefaultRetention"].items() >= {"Mode": "COMPLIANCE", "Days": 30}.items()


@pytest.mark.parametrize("by", ["Name", "TrailARN"])
def test_a_trail_goes_by_its_name_and_by_its_arn(completed: Any, by: str) -> None:
    completed("s3").create_bucket(
        Bucket="trail", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    cloudtrail = completed("cloudtrail")
    made = cloudtrail.create_trail(Name="watch", S3BucketName="trail")

    cloudtrail.delete_trail(Name=made[by])

    assert cloudtrail.describe_trails()["trailList"] == []
    with pytest.raises(cloudtrail.exceptions.TrailNotFoundException):
        cloudtrail.delete_trail(Name=made[by])


def test_a_backup_plan_can_be_made_again_after_it_was_deleted(completed: Any) -> None:
    backup = completed("backup")
    rule = {"RuleName": "nightly", "TargetBackupVaultName": "vault"}
    wanted = {"BackupPlanName": "plan", "Rules": [rule]}
    first = backup.create_backup_plan(BackupPlan=wanted)["BackupPlanId"]
    with pytest.raises(backup.exceptions.AlreadyExistsException):
        backup.create_backup_plan(BackupPlan=wanted)
    backup.delete_backup_plan(BackupPlanId=first)

    second = backup.create_backup_plan(BackupPlan=wanted)["BackupPlanId"]

    assert [plan["BackupPlanId"] for plan in backup.list_backup_plans()["BackupPlansList"]] == [second]


def test_a_redrive_policy_comes_back_without_blanks(completed: Any) -> None:
    sqs = completed("sqs")
    failed = sqs.create_queue(QueueName="failed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=failed, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":10}}'
    url = sqs.create_queue(QueueName="requests", Attributes={"RedrivePolicy": policy})["QueueUrl"]

    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert told["RedrivePolicy"] == policy
