"""The local AWS API as a process: its memory survives a kill."""

import io
import resource
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.isolation import ACCESS_KEY

pytestmark = pytest.mark.parts

LOCATION = {"LocationConstraint": "eu-central-1"}


def without_metadata(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_metadata(v) for k, v in value.items() if k != "ResponseMetadata"}
    return [without_metadata(v) for v in value] if isinstance(value, list) else value


def seen(api: Any) -> dict[str, Any]:
    """Return what a client can read back, with identifiers and times."""
    s3, kms, ec2 = api.client("s3"), api.client("kms"), api.client("ec2")
    found = {
        "keys": [
            kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            for key in sorted(kms.list_keys()["Keys"], key=lambda k: k["KeyId"])
        ],
        "versions": s3.list_object_versions(Bucket="my.bucket")["Versions"],
        "encryption": s3.get_bucket_encryption(Bucket="my.bucket")["ServerSideEncryptionConfiguration"],
        "buckets": s3.list_buckets()["Buckets"],
        "networks": ec2.describe_vpcs()["Vpcs"],  # among them the default one, which moto makes by itself
        "subnets": ec2.describe_subnets()["Subnets"],
        "table": api.client("dynamodb").describe_table(TableName="t")["Table"],
        "role": api.client("iam").get_role(RoleName="r")["Role"],
        "cluster": api.client("eks").describe_cluster(name="c")["cluster"],
        "pods": api.client("eks").list_pod_identity_associations(clusterName="c")["associations"],
        "secret": api.client("secretsmanager").get_secret_value(SecretId="s"),
        "repository": api.client("ecr").describe_repositories()["repositories"],
        "block": api.client("s3control").get_public_access_block(AccountId="123456789012"),
    }
    return {name: without_metadata(value) for name, value in found.items()}


def fill(api: Any) -> dict[str, Any]:
    """Make things of many kinds; return what is needed to prove that the keys are the same later."""
    s3, kms = api.client("s3"), api.client("kms")
    api.client("ec2").describe_vpcs()  # a read that makes the region's default network
    key = kms.create_key(Description="data")["KeyMetadata"]["KeyId"]
    signing = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket="my.bucket", CreateBucketConfiguration=LOCATION)
    s3.put_bucket_versioning(Bucket="my.bucket", VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket="my.bucket", ServerSideEncryptionConfiguration={"Rules": [rule]})
    for number in range(3):
        s3.put_object(Bucket="my.bucket", Key="a/b c%20ü", Body=b"%d" % number)
    s3.upload_fileobj(io.BytesIO(b"z" * 9_000_000), "my.bucket", "in-parts")
    s3.delete_object(Bucket="my.bucket", Key="in-parts")
    network = api.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    api.client("ec2").create_subnet(VpcId=network, CidrBlock="10.0.1.0/24")
    role = api.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    api.client("eks").create_cluster(name="c", roleArn=role, resourcesVpcConfig={"subnetIds": []})
    api.client("eks").create_pod_identity_association(
        clusterName="c", namespace="n", serviceAccount="s", roleArn=role
    )
    api.client("secretsmanager").create_secret(Name="s", SecretString="hello")
    api.client("ecr").create_repository(repositoryName="images")
    api.client("s3control").put_public_access_block(
        AccountId="123456789012", PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    api.client("dynamodb").create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}],
    )
    algorithm = "RSASSA_PSS_SHA_256"
    return {
        "sealed": kms.encrypt(KeyId=key, Plaintext=b"a secret")["CiphertextBlob"],
        "signing": signing,
        "signature": kms.sign(KeyId=signing, Message=b"m", SigningAlgorithm=algorithm)["Signature"],
    }


def test_everything_is_the_same_after_a_kill(aws: Any) -> None:
    first = aws.start()
    proofs = fill(aws)
    before = seen(aws)
    again = aws.restart()
    assert again["instance"] == first["instance"]
    journal = again["journal"]
    assert journal["records"] > 15
    assert (journal["status_mismatches"], journal["body_mismatches"], journal["cut_bytes"]) == (0, 0, 0)
    assert seen(aws) == before
    kms = aws.client("kms")
    assert kms.decrypt(CiphertextBlob=proofs["sealed"])["Plaintext"] == b"a secret"
    assert kms.verify(
        KeyId=proofs["signing"],
        Message=b"m",
        Signature=proofs["signature"],
        SigningAlgorithm="RSASSA_PSS_SHA_256",
    )["SignatureValid"]
    # And a third life, with something written in the second.
    aws.client("s3").put_object(Bucket="my.bucket", Key="later", Body=b"x")
    after = seen(aws)
    aws.restart()
    assert seen(aws) == after


def test_a_torn_tail_costs_the_torn_request_only(aws: Any) -> None:
    aws.start()
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="first", CreateBucketConfiguration=LOCATION)
    whole = aws.journal.stat().st_size
    s3.create_bucket(Bucket="second", CreateBucketConfiguration=LOCATION)
    aws.kill()
    with aws.journal.open("r+b") as file:
        file.truncate(whole + 25)
    journal = aws.start()["journal"]
    assert (journal["records"], journal["cut_bytes"]) == (1, 25)
    assert [b["Name"] for b in aws.client("s3").list_buckets()["Buckets"]] == ["first"]
    assert "25 bytes after record 1 do not add up" in aws.log.read_text()


def test_requests_at_the_same_time_are_replayed_in_their_order(aws: Any) -> None:
    aws.start()
    kms = aws.client("kms")

    def make(number: int) -> str:
        return str(kms.create_key(Description=str(number))["KeyMetadata"]["KeyId"])

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(make, range(16)))
    assert len(made) == 16
    assert aws.restart()["journal"]["body_mismatches"] == 0
    assert {key["KeyId"] for key in kms.list_keys()["Keys"]} == made


def test_a_change_that_cannot_be_written_down_does_not_survive_in_memory(aws: Any) -> None:
    limit = 64 << 10
    aws.start(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration=LOCATION)
    with pytest.raises(ClientError, match="507"):
        s3.put_object(Bucket="bucket", Key="too-much", Body=b"x" * limit)
    assert aws.process.wait(10) == 1
    assert "cannot write the journal" in aws.log.read_text()
    journal = aws.start()["journal"]
    assert (journal["records"], journal["cut_bytes"]) == (1, 0)
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket="bucket")


def test_no_proof_of_identity_reaches_the_files(aws: Any) -> None:
    aws.start()
    aws.client("kms").create_key()
    aws.kill()
    text = aws.journal.read_bytes() + aws.log.read_bytes()
    assert b"Signature=0" in text
    assert text.count(b"Signature=") == text.count(b"Signature=0\\") + text.count(b'Signature=0"')
    line = f"key={ACCESS_KEY} agent=other POST https://kms.eu-central-1.amazonaws.com CreateKey 200"
    assert line in text.decode("utf-8", "replace")
