"""Which requests are recorded, whose key is logged, and which hosts count as AWS."""

import pytest

from infra.local.aws_api import actions

JSON = {"content-type": "application/x-amz-json-1.1"}
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    "host",
    [
        "s3.amazonaws.com",
        "my.bucket-1.s3.eu-central-1.amazonaws.com",
        "123456789012.s3-control.us-east-1.amazonaws.com",
        "S3.AmazonAWS.com.",
        "kms.cn-north-1.amazonaws.com.cn",
        "x.dsql.us-east-1.api.aws",
    ],
)
def test_aws_hosts(host: str) -> None:
    assert actions.is_aws_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "amazonaws.com",
        "example.com",
        "amazonaws.com.example.com",
        "s3.amazonaws.com.evil.net",
        "evilamazonaws.com",
        "motoapi.amazonaws.com",
        "MotoAPI.amazonaws.com.",
        "169.254.169.254",
        "localhost",
        "127.0.0.1",
        "example.com/.amazonaws.com",
        "example.com@s3.amazonaws.com",
        "example.com\r\n.amazonaws.com",
    ],
)
def test_other_hosts(host: str) -> None:
    assert not actions.is_aws_host(host)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "changes"),
    [
        ("GET", "/bucket/key", {}, b"", False),
        ("HEAD", "/bucket", {}, b"", False),
        ("PUT", "/bucket", {}, b"", True),
        ("POST", "/bucket?delete", {}, b"<Delete/>", True),
        ("DELETE", "/bucket/key", {}, b"", True),
        ("POST", "/", JSON | {"x-amz-target": "TrentService.CreateKey"}, b"{}", True),
        ("POST", "/", JSON | {"x-amz-target": "TrentService.DescribeKey"}, b"{}", False),
        ("POST", "/", JSON | {"x-amz-target": "TrentService.DescribeKey"}, b'{"KeyId":"alias/aws/s3"}', True),
        ("POST", "/", JSON | {"x-amz-target": "TrentService.Decrypt"}, b"{}", False),
        ("POST", "/", JSON | {"x-amz-target": "DynamoDB_20120810.PutItem"}, b"{}", True),
        ("POST", "/", JSON | {"x-amz-target": "DynamoDB_20120810.Query"}, b"{}", False),
        ("POST", "/", JSON | {"x-amz-target": "DynamoDB_20120810.BatchGetItem"}, b"{}", False),
        ("POST", "/", FORM, b"Action=DescribeVpcs&Version=2016-11-15", False),
        ("POST", "/", FORM, b"Action=CreateVpc&CidrBlock=10.0.0.0%2F16", True),
        ("POST", "/", FORM, b"Action=AssumeRole", True),
        ("GET", "/?Action=CreateTopic&Name=t", {}, b"", True),
        ("GET", "/?Action=ListTopics", {}, b"", False),
        ("POST", "/", FORM, b"Action=Listen", True),  # no known reading verb: recorded
        ("POST", "/", FORM, b"Action=GetawayCreate", True),
        ("POST", "/clusters", JSON, b"{}", True),
        ("PATCH", "/x", {}, b"", True),
        ("POST", "/", FORM, b"\xff\xfe not a form", True),
    ],
)
def test_what_is_recorded(
    method: str, path: str, headers: dict[str, str], body: bytes, *, changes: bool
) -> None:
    assert actions.may_change(method, path, headers, body) is changes


def test_the_key_is_named_but_no_proof_is_kept() -> None:
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=KEY0/20260101/eu-central-1/s3/aws4_request,"
        " SignedHeaders=host, Signature=abcdef0123",
        "X-Amz-Security-Token": "a session token",
        "Proxy-Connection": "keep-alive",
        "x-amz-meta-a": "b",
    }
    assert actions.access_key("/", {name.lower(): value for name, value in headers.items()}) == "KEY0"
    kept = actions.recordable_headers(headers)
    assert kept["Authorization"].endswith("Signature=0")
    assert "Credential=KEY0/20260101/eu-central-1/s3" in kept["Authorization"]  # moto finds the region in it
    assert set(kept) == {"Authorization", "x-amz-meta-a"}


def test_the_key_of_a_presigned_url_is_named() -> None:
    path = "/b/k?X-Amz-Credential=KEY1%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=1"
    assert actions.access_key(path, {}) == "KEY1"
    assert actions.access_key("/", {}) == "-"
