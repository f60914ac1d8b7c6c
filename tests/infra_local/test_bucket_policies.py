"""The local AWS API applies a bucket policy as S3 does: by action, principal, resource and condition."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from infra.iam.bucket_policies import private_bucket_policy
from infra.local.aws_api import s3_requests

pytestmark = pytest.mark.parts

ACCOUNT, REGION, BUCKET = "123456789012", "eu-central-1", "guarded"
ARN = f"arn:aws:s3:::{BUCKET}"
FOREIGN_KEY = f"arn:aws:kms:{REGION}:999999999999:key/00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def s3(shared: Any) -> Any:
    """Return a client; the bucket is the program's: encrypted with a key by default, its policy around it."""
    client = shared.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    key = shared.client("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    client.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
        },
    )
    return client


@pytest.fixture(autouse=True)
def private(s3: Any) -> Iterator[None]:
    use(s3, json.loads(private_bucket_policy(bucket_arn=ARN, account_id=ACCOUNT, region=REGION)))
    yield
    s3.delete_bucket_policy(Bucket=BUCKET)


def use(s3: Any, policy: Mapping[str, Any]) -> None:
    s3.delete_bucket_policy(Bucket=BUCKET)  # the one before may refuse
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def deny(**changes: Any) -> dict[str, Any]:
    everything = [ARN, f"{ARN}/*"]
    statement = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything}
    return {"Version": "2012-10-17", "Statement": [statement | changes]}


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(Bucket=BUCKET, **arguments)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    return str(caught.value.response["Error"]["Message"])


def test_an_object_goes_in_and_comes_out_and_is_encrypted_without_asking(s3: Any) -> None:
    default = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
    key = default["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"model")
    found = s3.get_object(Bucket=BUCKET, Key="k")

    assert (found["Body"].read(), found["ServerSideEncryption"], found["SSEKMSKeyId"]) == (
        b"model",
        "aws:kms",
        key,
    )
    assert s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "k"}]})["Deleted"]


@pytest.mark.parametrize(
    ("headers", "statement"),
    [
        ({"ServerSideEncryption": "AES256"}, "DenyOtherEncryption"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": FOREIGN_KEY}, "DenyForeignKey"),
    ],
)
def test_another_encryption_is_refused(s3: Any, headers: dict[str, str], statement: str) -> None:
    said = refusal(s3.put_object, Key="refused", Body=b"x", **headers)

    assert f"explicit deny in a resource-based policy (statement {statement})" in said
    assert "s3:PutObject" in said
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_plain_http_is_refused_whatever_is_asked(s3: Any, shared: Any) -> None:
    url = f"http://{BUCKET}.s3.{REGION}.amazonaws.com"
    with httpx.Client(proxy=shared.url, trust_env=False) as plain:
        answers = [plain.put(f"{url}/k", content=b"x"), plain.get(f"{url}/k"), plain.get(f"{url}/?acl")]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert all("statement DenyPlainHttp" in answer.text for answer in answers)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:PrincipalOrgPaths": "o-1/r-1"}},  # a key that nobody here knows
        {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},  # an operator
        {"StringNotEquals": {"aws:PrincipalArn": "${aws:username}"}},  # a variable
    ],
)
def test_a_denial_that_cannot_be_decided_applies_and_says_so(s3: Any, condition: Any) -> None:
    use(s3, deny(Action="s3:GetObject", Condition=condition))
    s3.put_object(Bucket=BUCKET, Key="undecided", Body=b"x")

    assert "cannot be decided" in refusal(s3.get_object, Key="undecided")
    s3.delete_object(Bucket=BUCKET, Key="undecided")


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, True),  # this account is in no organisation
        ({"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}}, False),
        ({"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:root"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
        ({"Null": {"aws:SourceVpce": "true"}}, True),
        ({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, True),  # the proxy speaks 1.2 too
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, False),
        ({"StringEquals": {"s3:prefix": "secret/"}}, False),
    ],
)
def test_a_condition_decides(s3: Any, condition: Any, *, applies: bool) -> None:
    use(s3, deny(Action="s3:ListBucket", Condition=condition))
    if applies:
        refusal(s3.list_objects_v2)
    else:
        s3.list_objects_v2(Bucket=BUCKET)


def test_a_denial_for_others_leaves_this_account_alone(s3: Any) -> None:
    use(s3, deny(Principal={"AWS": "arn:aws:iam::999999999999:root"}, Action="s3:ListBucket"))
    s3.list_objects_v2(Bucket=BUCKET)
    use(s3, deny(Principal={"AWS": [ACCOUNT]}, Action="s3:ListBucket"))
    refusal(s3.list_objects_v2)


def test_of_several_objects_the_protected_ones_stay(s3: Any) -> None:
    for key in ("kept/1", "free/1"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    use(s3, deny(Action="s3:DeleteObject", Resource=f"{ARN}/kept/*"))
    done = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "kept/1"}, {"Key": "free/1"}]})

    assert [one["Key"] for one in done["Deleted"]] == ["free/1"]
    assert [(one["Key"], one["Code"]) for one in done["Errors"]] == [("kept/1", "AccessDenied")]
    assert "s3:DeleteObject" in refusal(s3.delete_object, Key="kept/1")
    s3.put_object_tagging(Bucket=BUCKET, Key="kept/1", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    s3.delete_object_tagging(Bucket=BUCKET, Key="kept/1")  # an action of its own


@pytest.mark.parametrize(
    ("method", "host", "path", "expected"),
    [
        ("PUT", "b.s3.eu-central-1.amazonaws.com", "/k/l?tagging", ("b", "k/l", "PutObjectTagging")),
        ("PUT", "b.s3.amazonaws.com", "/k%20l", ("b", "k l", "PutObject")),
        ("PUT", "s3.eu-central-1.amazonaws.com", "/b/k?partNumber=1&uploadId=u", ("b", "k", "PutObject")),
        ("GET", "my.dotted.b.s3.dualstack.eu-west-1.amazonaws.com", "/", ("my.dotted.b", "", "ListBucket")),
        ("HEAD", "b.s3-eu-west-1.amazonaws.com", "/k", ("b", "k", "GetObject")),
        ("DELETE", "b.s3.amazonaws.com", "/k?versionId=1", ("b", "k", "DeleteObjectVersion")),
        ("DELETE", "b.s3.amazonaws.com", "/?encryption", ("b", "", "PutEncryptionConfiguration")),
        ("DELETE", "b.s3.amazonaws.com", "/?policy", ("b", "", "DeleteBucketPolicy")),
        ("PUT", "b.s3.amazonaws.com", "/", ("b", "", "CreateBucket")),
        ("POST", "b.s3.amazonaws.com", "/?delete", ("b", "", "DeleteObject")),
        ("PATCH", "b.s3.amazonaws.com", "/k", ("b", "k", "")),
    ],
)
def test_a_request_is_named_as_policies_name_it(
    method: str, host: str, path: str, expected: tuple[str, str, str]
) -> None:
    found = s3_requests.parse(method, f"https://{host}", path, {})

    assert found is not None
    assert (found.bucket, found.key, found.action) == (*expected[:2], f"s3:{expected[2]}")


@pytest.mark.parametrize(
    "host",
    [
        "kms.eu-central-1.amazonaws.com",
        "123456789012.s3-control.eu-central-1.amazonaws.com",
        "s3.eu-central-1.amazonaws.com",  # a list of buckets names none
    ],
)
def test_other_requests_ask_nothing_of_a_bucket(host: str) -> None:
    assert s3_requests.parse("GET", f"https://{host}", "/", {}) is None
