"""What retention holds is never touched; everything else that the program keeps goes. Against moto."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from infra.local.paths import repo_root
from infra.ops.account import Account
from infra.ops.inventory import things_in
from infra.ops.teardown import protections, retained
from infra.settings import Settings

pytestmark = pytest.mark.parts

REGION, NUMBER = "eu-central-1", "123456789012"
SETTINGS = Settings.from_file(repo_root() / "stacks" / "Pulumi.dev.yaml", environ={})
KEEPERS = retained.KINDS
OURS = {"plinth:environment": "dev", "plinth:owner": "x"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Return an empty account of AWS, which belongs to nobody else but is not the local platform's."""
    for name, value in (("ACCESS_KEY_ID", "testing"), ("SECRET_ACCESS_KEY", "testing")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("MOTO_ACCOUNT_ID", NUMBER)
    with mock_aws():
        made = Account(account_id=NUMBER, region=REGION)
        yield made
        for client in made._clients.values():
            client.close()


def bucket(account: Account, name: str, data_class: str, *, locked: bool = False, ours: bool = True) -> None:
    s3 = account.client("s3")
    place = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=locked)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    tags = {**(OURS if ours else {}), "plinth:data-class": data_class}
    rows = [{"Key": key, "Value": value} for key, value in tags.items()]
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": rows})


def key(account: Account, data_class: str, encrypts: str = "") -> str:
    rows = [{"TagKey": k, "TagValue": v} for k, v in {**OURS, "plinth:data-class": data_class}.items()]
    made = account.client("kms").create_key(Tags=rows)["KeyMetadata"]
    if encrypts:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": made["Arn"]}
        account.client("s3").put_bucket_encryption(
            Bucket=encrypts,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
        )
    return str(made["KeyId"])


def put(account: Account, name: str, object_: str, *, days: float = 0, hold: bool = False) -> str:
    s3: Any = account.client("s3")
    version = s3.put_object(Bucket=name, Key=object_, Body=b"x")["VersionId"]
    given: dict[str, Any] = {"Bucket": name, "Key": object_, "VersionId": version}
    if days:
        until = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        s3.put_object_retention(**given, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until})
    if hold:
        s3.put_object_legal_hold(**given, LegalHold={"Status": "ON"})
    return str(version)


def sweep(account: Account) -> list[str]:
    return retained.sweep(account, SETTINGS, things_in(account, [REGION], kinds=KEEPERS).things)


def names(account: Account) -> set[str]:
    return {row["Name"] for row in account.client("s3").list_buckets()["Buckets"]}


def test_a_bucket_without_a_lock_goes_with_all_its_versions_and_its_key_waits(account: Account) -> None:
    bucket(account, "plain", "data")
    number = key(account, "data")
    for _ in range(2):
        put(account, "plain", "a")
    account.client("s3").delete_object(Bucket="plain", Key="a")

    told = sweep(account)

    assert told[:2] == ["3 object versions of plain", "bucket plain"]
    assert names(account) == set()
    assert account.client("kms").describe_key(KeyId=number)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert retained.records(account, things_in(account, [REGION], kinds=KEEPERS).things) == {}


@pytest.mark.parametrize("hold", [True, False])
def test_locked_versions_stay_with_their_bucket_and_their_key(account: Account, *, hold: bool) -> None:
    bucket(account, "records", "audit", locked=True)
    number, idle = key(account, "audit", encrypts="records"), key(account, "audit")
    kept = put(account, "records", "kept", days=0 if hold else 30, hold=hold)
    put(account, "records", "free")

    assert sweep(account) == ["1 object versions of records", f"key {idle}, in 30 days"]
    assert sweep(account) == [], "a second teardown finds nothing more to remove"

    versions = account.client("s3").list_object_versions(Bucket="records")["Versions"]
    assert [version["VersionId"] for version in versions] == [kept]
    assert account.client("kms").describe_key(KeyId=number)["KeyMetadata"]["KeyState"] == "Enabled"
    (record,) = retained.records(account, things_in(account, [REGION], kinds=KEEPERS).things).values()
    assert (record.what, record.keys) == ("Object Lock holds 1 object versions", {number})
    ends = [record.until - dt.timedelta(days=29)] if record.until else []
    assert [end > dt.datetime.now(dt.UTC) for end in ends] == ([] if hold else [True])


def table(account: Account, name: str, *, protected: bool, ours: bool = True) -> None:
    account.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=protected,
        Tags=[{"Key": key, "Value": value} for key, value in (OURS if ours else {}).items()],
    )


def test_tables_and_vaults_without_backups_go_and_nobody_else_s(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, dynamodb = account.client("backup"), account.client("dynamodb")
    for name, tags in (("empty", OURS), ("full", OURS), ("theirs", {})):
        backup.create_backup_vault(BackupVaultName=name, BackupVaultTags=tags)
    table(account, "cases", protected=False)
    table(account, "others", protected=False, ours=False)
    asked = Account.rows

    def rows(self: Account, service: str, operation: str, key: str, **given: Any) -> Any:
        if operation == "list_recovery_points_by_backup_vault":  # which moto lacks
            return [{}] if given["BackupVaultName"] == "full" else []
        return asked(self, service, operation, key, **given)

    monkeypatch.setattr(Account, "rows", rows)

    assert sweep(account) == ["table cases", "vault empty"]
    assert dynamodb.list_tables()["TableNames"] == ["others"]
    left = [row["BackupVaultName"] for row in backup.list_backup_vaults()["BackupVaultList"]]
    assert sorted(left) == ["full", "theirs"]


def test_what_belongs_to_another_environment_is_not_touched(account: Account) -> None:
    bucket(account, "theirs", "data", ours=False)
    put(account, "theirs", "a")
    account.client("s3control").put_public_access_block(
        AccountId=NUMBER, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    foreign = account.client("kms").create_key()["KeyMetadata"]["KeyId"]

    assert sweep(account) == []
    assert names(account) == {"theirs"}
    assert account.client("kms").describe_key(KeyId=foreign)["KeyMetadata"]["KeyState"] == "Enabled"
    account.client("s3control").get_public_access_block(AccountId=NUMBER)


def test_the_account_is_opened_only_when_it_has_no_bucket_any_more(account: Account) -> None:
    bucket(account, "plain", "data")
    account.client("s3control").put_public_access_block(
        AccountId=NUMBER, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )

    assert sweep(account) == ["bucket plain", "account's public access block"]


def test_the_account_stays_closed_while_a_bucket_of_records_is_kept(account: Account) -> None:
    bucket(account, "records", "audit", locked=True)
    put(account, "records", "kept", days=30)
    account.client("s3control").put_public_access_block(
        AccountId=NUMBER, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )

    assert sweep(account) == []

    account.client("s3control").get_public_access_block(AccountId=NUMBER)
    found = retained.records(account, things_in(account, [REGION], kinds=KEEPERS).things)
    assert "closes the account's buckets to the public, 1 that are kept" in [r.what for r in found.values()]


def test_what_holds_the_state_stays_and_says_so(account: Account) -> None:
    bucket(account, "state", "state")
    put(account, "state", "checkpoint")
    number = key(account, "state")

    assert sweep(account) == []

    found = retained.records(account, things_in(account, [REGION], kinds=KEEPERS).things)
    assert {name: record.what for name, record in found.items()} == dict.fromkeys(
        ["state", number], "holds the state; ./plinth bootstrap made it"
    )


def test_protection_is_lifted_where_it_is_and_named(account: Account) -> None:
    dynamodb = account.client("dynamodb")
    for name, protected in (("one", True), ("two", False)):
        table(account, name, protected=protected)

    tables = things_in(account, [REGION], kinds=["dynamodb/table"]).things

    assert protections.lift(account, tables) == ["dynamodb/table one"]
    dynamodb.delete_table(TableName="one")
