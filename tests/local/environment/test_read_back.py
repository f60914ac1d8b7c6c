"""What protects data and cluster, asked of the two APIs and not of the program that set it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from clones import Clone

pytestmark = pytest.mark.local

ACCOUNT, REGION = "123456789012", "eu-central-1"
ARTIFACTS = f"plinth-local-artifacts-{ACCOUNT}-{REGION}"
ACCESS_LOGS = f"plinth-local-access-logs-{ACCOUNT}-{REGION}"
BOTH = pytest.mark.parametrize("bucket", [ARTIFACTS, ACCESS_LOGS])


@pytest.fixture
def s3(settled: Clone) -> Iterator[Any]:
    with settled.aws("s3") as client:
        yield client


@pytest.fixture
def api(settled: Clone) -> Iterator[httpx.Client]:
    with settled.kubernetes() as client:
        yield client


def _encryption(s3: Any, bucket: str) -> dict[str, Any]:
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return dict(rule)


def test_artifacts_are_encrypted_with_a_key_of_their_own_that_rotates(settled: Clone, s3: Any) -> None:
    rule = _encryption(s3, ARTIFACTS)
    default = rule["ApplyServerSideEncryptionByDefault"]
    with settled.aws("kms") as kms:
        key = kms.describe_key(KeyId=default["KMSMasterKeyID"])["KeyMetadata"]
        aliases = kms.list_aliases(KeyId=key["KeyId"])["Aliases"]
        rotation = kms.get_key_rotation_status(KeyId=key["KeyId"])

    assert default["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"] is True
    assert (key["KeyManager"], key["Enabled"], key["AWSAccountId"]) == ("CUSTOMER", True, ACCOUNT)
    assert [alias["AliasName"] for alias in aliases] == ["alias/plinth-local-artifacts"]
    assert rotation["KeyRotationEnabled"] is True


def test_an_object_is_encrypted_with_that_key_without_asking_for_it(s3: Any) -> None:
    key = _encryption(s3, ARTIFACTS)["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    s3.put_object(Bucket=ARTIFACTS, Key="probe", Body=b"model")
    stored = s3.head_object(Bucket=ARTIFACTS, Key="probe")
    s3.delete_object(Bucket=ARTIFACTS, Key="probe", VersionId=stored["VersionId"])

    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", key)


def test_an_object_with_another_encryption_is_refused_by_the_bucket(s3: Any) -> None:
    with pytest.raises(ClientError, match="statement DenyOtherEncryption"):
        s3.put_object(Bucket=ARTIFACTS, Key="probe", Body=b"model", ServerSideEncryption="AES256")


def test_access_logs_use_the_encryption_that_their_delivery_can_write(s3: Any) -> None:
    rule = _encryption(s3, ACCESS_LOGS)
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@BOTH
def test_a_bucket_refuses_plain_http_and_old_tls(s3: Any, bucket: str) -> None:
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    everything = {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}
    denied = [
        json.dumps(statement["Condition"], sort_keys=True)
        for statement in policy["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Principal"] in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and statement["Action"] in ("s3:*", ["s3:*"])
        and set(statement["Resource"]) == everything
    ]

    assert any("aws:SecureTransport" in condition and "false" in condition for condition in denied)
    assert any("s3:TlsVersion" in condition and "1.2" in condition for condition in denied)


@BOTH
def test_a_bucket_is_closed_to_the_public_in_all_four_ways(s3: Any, bucket: str) -> None:
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }


@BOTH
def test_a_bucket_keeps_versions_has_no_acls_and_carries_the_tags(s3: Any, bucket: str) -> None:
    (owned,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}

    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert owned == {"ObjectOwnership": "BucketOwnerEnforced"}
    assert tags["plinth:environment"] == "local"
    assert {"plinth:owner", "plinth:cost-centre", "plinth:data-class"} <= set(tags)


def test_access_to_artifacts_is_logged_and_the_log_does_not_log_itself(s3: Any) -> None:
    logging = s3.get_bucket_logging(Bucket=ARTIFACTS)["LoggingEnabled"]

    assert (logging["TargetBucket"], logging["TargetPrefix"]) == (ACCESS_LOGS, f"{ARTIFACTS}/")
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=ACCESS_LOGS)


def test_what_nobody_needs_any_more_expires(s3: Any) -> None:
    def rules(bucket: str) -> dict[str, Any]:
        found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert {rule["Status"] for rule in found} == {"Enabled"}
        return {rule["ID"]: rule for rule in found}

    artifacts, logs = rules(ARTIFACTS), rules(ACCESS_LOGS)

    for found in (artifacts, logs):
        assert found["abort-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert artifacts["expire-noncurrent"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert logs["expire-logs"]["Expiration"]["Days"] == 400


@pytest.mark.parametrize("namespace", ["serving", "gateway"])
def test_a_namespace_is_restricted_closed_and_bounded(api: httpx.Client, namespace: str) -> None:
    labels = api.get(f"/api/v1/namespaces/{namespace}").json()["metadata"]["labels"]
    policies = api.get(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies").json()["items"]
    quotas = api.get(f"/api/v1/namespaces/{namespace}/resourcequotas").json()["items"]
    limits = api.get(f"/api/v1/namespaces/{namespace}/limitranges").json()["items"]
    closed = [p["spec"] for p in policies if p["metadata"]["name"] == "default-deny"]

    assert {
        mode: labels.get(f"pod-security.kubernetes.io/{mode}") for mode in ("enforce", "audit", "warn")
    } == dict.fromkeys(("enforce", "audit", "warn"), "restricted")
    assert closed == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]
    assert {"pods", "requests.cpu", "requests.memory"} <= set(quotas[0]["spec"]["hard"])
    assert quotas[0]["status"]["hard"] == quotas[0]["spec"]["hard"], "a controller enforces it"
    assert limits[0]["spec"]["limits"][0]["type"] == "Container"


def test_the_api_server_itself_refuses_a_privileged_pod(api: httpx.Client) -> None:
    container = {"name": "c", "image": "registry.invalid/c:1", "securityContext": {"privileged": True}}
    pod = {"metadata": {"name": "intruder"}, "spec": {"containers": [container]}}
    answer = api.post("/api/v1/namespaces/serving/pods", json=pod)

    assert answer.status_code == httpx.codes.FORBIDDEN
    assert 'violates PodSecurity "restricted' in answer.json()["message"]
    assert "privileged" in answer.json()["message"]
    assert api.get("/api/v1/namespaces/serving/pods/intruder").status_code == httpx.codes.NOT_FOUND
