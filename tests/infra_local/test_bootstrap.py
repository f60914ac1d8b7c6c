"""A stack's state bucket and key: made once, corrected, gone on with; each mistake said in one message."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.errors import Exit, PlinthError
from infra.local.isolation import SECRET_KEY
from infra.ops import aws_access, bootstrap, state_backend
from infra.settings import Settings

pytestmark = pytest.mark.parts

ACCOUNT, OTHER, REGION = "777788889999", "111122223333", "eu-central-1"
FILE = """# Production. Put your own account in.
config:
  plinth:owner: ml-platform # stays
"""
DONE = {"account": "was there", "key": "was there", "bucket": "was there", "bucket settings": "was there"}


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def counter() -> list[int]:
    return []


@pytest.fixture
def settings(counter: list[int]) -> Settings:
    """Return settings of a stack of its own for each test: prod's, in an account that no other test has."""
    counter.append(0)
    account = str(int(ACCOUNT) + len(counter))
    raw = {
        "owner": "ml-platform",
        "cost_centre": "ml",
        "aws": {"account_id": account, "region": REGION},
        "gateway": {"domain": "ml.example.com"},
        "recovery": {"region": "eu-west-1"},
        "cost": {"alert_addresses": ["a@example.com"]},
    }
    return Settings.parse(raw, stack="prod", environ={})


def access(shared: Any, account: str, region: str = REGION) -> aws_access.Client:
    """Return clients of an account, by a role of it that the default account may take over."""
    role = f"arn:aws:iam::{account}:role/administrator"
    taken = shared.client("sts").assume_role(RoleArn=role, RoleSessionName="bootstrap")
    environ = {
        "HTTPS_PROXY": shared.url,
        "AWS_ACCESS_KEY_ID": taken["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_CA_BUNDLE": str(shared.folder / "aws-ca.crt"),
    }
    return aws_access.clients(region, environ)


@pytest.fixture
def client(shared: Any, settings: Settings) -> aws_access.Client:
    return access(shared, settings.aws.account_id)


@pytest.fixture
def run(settings: Settings, stack: Path, client: aws_access.Client) -> Callable[[], Any]:
    return lambda: bootstrap.run(settings, stack, client, lambda _: None)


def mistake(run: Callable[[], Any]) -> PlinthError:
    with pytest.raises(PlinthError) as caught:
        run()
    assert caught.value.fix
    assert SECRET_KEY not in str(caught.value)
    return caught.value


def test_everything_is_made_and_a_second_run_changes_nothing(
    run: Callable[[], Any], stack: Path, client: aws_access.Client
) -> None:
    first = run()
    written = stack.read_text()
    second = run()

    assert [first.steps[name] for name in ("key", "bucket", "bucket settings", "stack file")] == ["made"] * 4
    assert second.steps == DONE | {
        "access log": "after the first up: run this command once more",
        "stack file": "was there",
    }
    assert stack.read_text() == written
    assert written.startswith(FILE.splitlines()[0])
    assert written.endswith(FILE.split("\n", 1)[1])

    name = {"Bucket": first.bucket}
    s3, kms = client("s3"), client("kms")
    rule = s3.get_bucket_encryption(**name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == first.key_arn
    assert s3.get_bucket_versioning(**name)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(**name)["PublicAccessBlockConfiguration"].values())
    statements = json.loads(s3.get_bucket_policy(**name)["Policy"])["Statement"]
    assert {"DenyPlainHttp", "DenyOldTls", "DenyOtherEncryption", "DenyRemovalOfTheBucket"} <= {
        one["Sid"] for one in statements
    }
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(**name)["TagSet"]}
    assert (tags["plinth:data-class"], tags["plinth:backup"]) == ("state", "daily")
    assert kms.get_key_rotation_status(KeyId=first.key_arn)["KeyRotationEnabled"]
    lock = yaml.safe_load(written)
    assert lock["secretsprovider"] == "awskms://alias/plinth-prod-state?region=eu-central-1&awssdk=v2"
    opened = kms.decrypt(CiphertextBlob=base64.b64decode(lock["encryptedkey"]))
    assert (opened["KeyId"], len(opened["Plaintext"])) == (first.key_arn, 32)


def test_a_run_that_was_cut_off_goes_on_with_the_key_that_it_had_made(
    run: Callable[[], Any], settings: Settings, client: aws_access.Client
) -> None:
    kms = client("kms")
    run()
    alias = state_backend.key_alias(settings)
    first = kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    kms.delete_alias(AliasName=alias)  # as if it had ended between the two

    assert run().key_arn == first
    assert len(kms.list_keys()["Keys"]) == 1


def test_what_was_changed_by_hand_is_corrected(run: Callable[[], Any], client: aws_access.Client) -> None:
    made = run()
    client("kms").disable_key_rotation(KeyId=made.key_arn)
    client("s3").delete_bucket_policy(Bucket=made.bucket)
    again = run()

    assert (again.steps["key"], again.steps["bucket settings"]) == ("corrected", "corrected")


def test_access_is_logged_once_the_bucket_of_logs_is_there(
    run: Callable[[], Any], settings: Settings, client: aws_access.Client
) -> None:
    made = run()
    logs = state_backend.access_log_bucket(settings)
    s3 = client("s3")
    s3.create_bucket(Bucket=logs, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_policy(Bucket=logs, Policy=_takes_logs(logs))

    assert [run().steps["access log"], run().steps["access log"]] == ["made", "was there"]
    assert s3.get_bucket_logging(Bucket=made.bucket)["LoggingEnabled"]["TargetBucket"] == logs


def _takes_logs(bucket: str) -> str:
    delivery = {"Service": "logging.s3.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": delivery, "Action": "s3:PutObject"}
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [statement | {"Resource": f"arn:aws:s3:::{bucket}/*"}]}
    )


def test_credentials_of_another_account_make_nothing(shared: Any, settings: Settings, stack: Path) -> None:
    client = access(shared, OTHER)
    found = mistake(lambda: bootstrap.run(settings, stack, client, lambda _: None))

    assert f"of account {OTHER}" in found.what
    assert settings.aws.account_id in found.what
    assert found.code == Exit.REFUSED
    assert client("s3").list_buckets()["Buckets"] == []
    assert stack.read_text() == FILE


def test_a_bucket_name_that_somebody_else_has_is_said(
    run: Callable[[], Any], settings: Settings, shared: Any
) -> None:
    name = state_backend.bucket_name(settings)
    access(shared, OTHER)("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    assert f"The bucket name {name} belongs to another account" in mistake(run).what


def test_a_bucket_in_another_region_is_said(run: Callable[[], Any], settings: Settings, shared: Any) -> None:
    name = state_backend.bucket_name(settings)
    elsewhere = access(shared, settings.aws.account_id, "eu-west-1")("s3")
    elsewhere.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    found = mistake(run)

    assert "is in region eu-west-1" in found.what
    assert REGION in found.what


@pytest.mark.parametrize(
    ("break_it", "state", "remedy"),
    [
        (lambda kms, key: kms.disable_key(KeyId=key), "Disabled", "enable-key"),
        (lambda kms, key: kms.schedule_key_deletion(KeyId=key), "PendingDeletion", "cancel-key-deletion"),
    ],
)
def test_a_key_that_is_not_usable_is_said_with_the_remedy(
    run: Callable[[], Any],
    client: aws_access.Client,
    break_it: Callable[[Any, str], Any],
    state: str,
    remedy: str,
) -> None:
    break_it(client("kms"), run().key_arn.rsplit("/", 1)[-1])
    found = mistake(run)

    assert state in found.what
    assert found.fix is not None
    assert f"aws kms {remedy}" in found.fix


def test_a_missing_permission_is_said_and_what_was_done_is_kept(
    run: Callable[[], Any], client: aws_access.Client
) -> None:
    made = run()
    statement = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:PutEncryptionConfiguration"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": f"arn:aws:s3:::{made.bucket}"}]}
    client("s3").put_bucket_policy(Bucket=made.bucket, Policy=json.dumps(policy))
    found = mistake(run)

    assert "may not protect the bucket: PutBucketEncryption was refused" in found.what
    assert found.code == Exit.REFUSED


def test_a_data_key_of_another_key_is_said(
    run: Callable[[], Any], stack: Path, client: aws_access.Client
) -> None:
    run()
    other = client("kms").create_key()["KeyMetadata"]["Arn"]
    blob = client("kms").encrypt(KeyId=other, Plaintext=b"x" * 32)["CiphertextBlob"]
    lines = [
        f"encryptedkey: {base64.b64encode(blob).decode()}" if line.startswith("encryptedkey:") else line
        for line in stack.read_text().splitlines()
    ]
    stack.write_text("\n".join(lines) + "\n")

    assert "not one that arn:aws:kms" in mistake(run).what


def test_no_connection_and_no_credentials_are_said(
    settings: Settings, stack: Path, shared: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    nobody = mistake(lambda: bootstrap.run(settings, stack, aws_access.clients(REGION), lambda _: None))
    assert "There are no AWS credentials" in nobody.what

    monkeypatch.setattr(aws_access, "ATTEMPTS", 1)
    deaf = {"HTTPS_PROXY": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    client = aws_access.clients(REGION, deaf | {"AWS_CA_BUNDLE": str(shared.folder / "aws-ca.crt")})
    assert (
        "AWS could not be reached"
        in mistake(lambda: bootstrap.run(settings, stack, client, lambda _: None)).what
    )


def test_a_stack_file_that_is_locked_in_another_way_is_left_alone() -> None:
    for other in ("secretsprovider: awskms://alias/x\n", "encryptionsalt: v1:x\n"):
        with pytest.raises(PlinthError, match="locks its secrets with"):
            state_backend.with_lock(other + FILE, provider="awskms://alias/y", data_key="eA==")
