"""Objects arrive in the other region a while later, as they are; deletions do not; a restart is not felt."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws_api import replication

pytestmark = pytest.mark.parts

HERE, THERE = "here-123456789012", "there-123456789012"
ROLE = "arn:aws:iam::123456789012:role/copies"


def _copied_buckets(api: Any) -> Any:
    """Make a bucket whose objects are copied to another one; return a client."""
    client = api.client("s3")
    for name in (HERE, THERE):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rule = {
        "ID": "everything",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{THERE}"},
    }
    client.put_bucket_replication(Bucket=HERE, ReplicationConfiguration={"Role": ROLE, "Rules": [rule]})
    return client


@pytest.fixture(scope="module")
def s3(shared: Any) -> Any:
    """Return a client of an API with such buckets, for all tests that need no restart."""
    return _copied_buckets(shared)


def _versions(client: Any, bucket: str) -> dict[str, str]:
    rows = client.list_object_versions(Bucket=bucket).get("Versions", [])
    return {row["VersionId"]: row["ETag"] for row in rows}


def _arrived(client: Any) -> None:
    deadline = time.monotonic() + 30
    while _versions(client, HERE) != _versions(client, THERE):
        assert time.monotonic() < deadline, "copies do not arrive"
        time.sleep(0.1)


def test_a_copy_has_the_object_s_content_version_and_metadata(s3: Any) -> None:
    version = s3.put_object(Bucket=HERE, Key="model", Body=b"weights", Metadata={"made": "by"})["VersionId"]
    _arrived(s3)

    copy = s3.get_object(Bucket=THERE, Key="model", VersionId=version)
    assert (copy["Body"].read(), copy["Metadata"]) == (b"weights", {"made": "by"})
    assert copy["ServerSideEncryption"] == "aws:kms"


def test_every_version_is_copied_and_no_deletion(s3: Any) -> None:
    for content in (b"first", b"second"):
        s3.put_object(Bucket=HERE, Key="data", Body=content)
    _arrived(s3)
    s3.delete_object(Bucket=HERE, Key="data")
    time.sleep(replication.LAG_SECONDS + 0.2)

    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=HERE, Key="data")
    assert s3.get_object(Bucket=THERE, Key="data")["Body"].read() == b"second"
    rows = s3.list_object_versions(Bucket=THERE, Prefix="data")["Versions"]
    assert len(rows) == 2


def test_what_was_written_just_before_the_loss_is_lost(s3: Any) -> None:
    s3.put_object(Bucket=HERE, Key="old", Body=b"1")
    _arrived(s3)
    version = s3.put_object(Bucket=HERE, Key="new", Body=b"2")["VersionId"]
    s3.delete_object(Bucket=HERE, Key="new", VersionId=version)  # before its copy was due
    time.sleep(replication.LAG_SECONDS + 0.2)

    found = {row["Key"] for row in s3.list_objects_v2(Bucket=THERE)["Contents"]}
    assert "old" in found
    assert "new" not in found


def test_copies_are_the_same_after_a_restart(aws: Any) -> None:
    aws.start()
    s3 = _copied_buckets(aws)
    for number in range(3):
        s3.put_object(Bucket=HERE, Key=f"object-{number}", Body=json.dumps(number).encode())
    _arrived(s3)
    before = _versions(s3, THERE)
    s3.put_object(Bucket=HERE, Key="object-3", Body=b"3")  # its copy falls into the next life
    health = aws.restart()
    _arrived(s3)

    assert before.items() <= _versions(s3, THERE).items()
    assert len(_versions(s3, THERE)) == 4
    assert health["journal"]["status_mismatches"] == health["journal"]["body_mismatches"] == 0
