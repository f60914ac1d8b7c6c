"""The readers of stores and nodes against moto: each setting is seen as it is, and its lack too."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from infra.iam.queue_policies import private_queue_policy
from infra.local.paths import repo_root
from infra.ops.account import Account
from infra.ops.verify.readers import cluster, network, queues, storage
from infra.ops.verify.readers.asking import Look
from infra.settings import Settings

pytestmark = pytest.mark.parts

REGION, NUMBER = "eu-central-1", "123456789012"
PLAIN_DISK = {"Encrypted": False, "VolumeType": "gp3"}
TAGS = [{"Key": "plinth:environment", "Value": "dev"}, {"Key": "plinth:data-class", "Value": "data"}]


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Iterator[Look]:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", NUMBER)
    settings = Settings.from_file(repo_root() / "stacks" / "Pulumi.dev.yaml", environ={})
    with mock_aws():
        account = Account(account_id=NUMBER, region=REGION)
        yield Look(account=account, settings=settings)
        for client in account._clients.values():
            client.close()


def key(look: Look, data_class: str) -> str:
    tags = [
        {"TagKey": "plinth:environment", "TagValue": "dev"},
        {"TagKey": "plinth:data-class", "TagValue": data_class},
    ]
    return str(look.account.client("kms").create_key(Tags=tags)["KeyMetadata"]["Arn"])


def bucket(look: Look, name: str, **given: Any) -> Any:
    s3 = look.account.client("s3")
    place = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=place, **given)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": TAGS})
    return s3


def test_a_bare_bucket_has_nothing_to_show(look: Look) -> None:
    bucket(look, "bare")
    look.account.client("s3").create_bucket(
        Bucket="foreign", CreateBucketConfiguration={"LocationConstraint": REGION}
    )

    found = storage.KINDS["bucket"](look)

    assert set(found) == {"bare"}, "a bucket without the environment's tag is somebody else's"
    unset = ("tls_only", "versioning", "public_access", "lock", "copy", "log_class")
    assert {name: found["bare"][name] for name in unset} == dict.fromkeys(unset)
    encryption = found["bare"]["encryption"]
    assert encryption is None or encryption["key_class"] is None


def test_each_setting_of_a_bucket_is_seen(look: Look) -> None:
    arn, foreign = key(look, "data"), look.account.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = bucket(look, "full", ObjectLockEnabledForBucket=True)

    def encrypt(with_: str) -> None:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": with_}
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
        s3.put_bucket_encryption(Bucket="full", ServerSideEncryptionConfiguration=rules)

    encrypt(arn)
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::full", "arn:aws:s3:::full/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket="full", Policy=json.dumps(policy))
    s3.put_object_lock_configuration(
        Bucket="full",
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 1}},
        },
    )
    s3.put_public_access_block(
        Bucket="full", PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": False}
    )

    found = storage.KINDS["bucket"](look)["full"]

    assert found["encryption"] == {"algorithm": "aws:kms", "key_class": "data"}
    assert (found["tls_only"], found["versioning"], found["class"]) == (True, "Enabled", "data")
    assert found["lock"] == {"mode": "GOVERNANCE", "days": 365}
    assert found["public_access"] == {
        "BlockPublicAcls": True, "BlockPublicPolicy": False, "IgnorePublicAcls": False,
        "RestrictPublicBuckets": False,
    }  # fmt: skip
    encrypt(foreign)
    assert storage.KINDS["bucket"](look)["full"]["encryption"]["key_class"] is None


def test_a_table_is_seen_with_and_without_its_protections(look: Look) -> None:
    arn, dynamodb = key(look, "features"), look.account.client("dynamodb")
    plain: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "Tags": TAGS,
    }
    sealed = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn}
    dynamodb.create_table(TableName="bare", **plain)
    dynamodb.create_table(TableName="full", DeletionProtectionEnabled=True, SSESpecification=sealed, **plain)
    dynamodb.update_continuous_backups(
        TableName="full", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )

    found = storage.KINDS["table"](look)

    assert found["full"] == {
        "class": "data",
        "encryption": {"status": "ENABLED", "type": "KMS", "key_class": "features"},
        "protected": True,
        "point_in_time": "ENABLED",
    }
    assert found["bare"]["encryption"] == {"status": None, "type": None, "key_class": None}
    assert not found["bare"]["protected"]
    assert found["bare"]["point_in_time"] == "DISABLED"


def test_a_queue_says_whom_it_refuses_and_where_failures_go(look: Look) -> None:
    sqs = look.account.client("sqs")
    own = {"plinth:environment": "dev", "plinth:service": "s", "plinth:holds": "requests"}
    failed = sqs.create_queue(QueueName="failed", tags=own | {"plinth:holds": "failed"})["QueueUrl"]
    sqs.create_queue(QueueName="somebody-elses")
    arn = sqs.get_queue_attributes(QueueUrl=failed, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sealed = {
        "KmsMasterKeyId": key(look, "requests"),
        "Policy": private_queue_policy(queue_arn=arn.replace(":failed", ":requests")),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "10"}),
    }
    sqs.create_queue(QueueName="requests", Attributes=sealed, tags=own)

    found = queues.KINDS["queue"](look)

    assert found["requests"] == {
        "service": "s",
        "holds": "requests",
        "key_class": "requests",
        "tls_only": True,
        "keeps_failed": True,
    }
    assert found["failed"]["tls_only"] is False
    assert found["failed"]["key_class"] is None
    assert found["failed"]["keeps_failed"] is False
    assert set(found) == {"requests", "failed"}


def test_a_key_is_seen_with_its_rotation(look: Look) -> None:
    arn = key(look, "data")
    kms = look.account.client("kms")
    before = storage.KINDS["key"](look)[arn]
    kms.enable_key_rotation(KeyId=arn)
    after = Look(account=look.account, settings=look.settings).keys[arn]

    assert (before["rotation"], after["rotation"]) == (False, True)
    assert (after["class"], after["manager"], after["state"]) == ("data", "CUSTOMER", "Enabled")


@pytest.mark.parametrize("public", [True, False])
def test_a_subnet_with_a_way_to_the_internet_is_not_a_private_zone(look: Look, *, public: bool) -> None:
    ec2 = look.account.client("ec2")
    tags = [{"ResourceType": "vpc", "Tags": TAGS}]
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.0.0/24", AvailabilityZone=f"{REGION}a")
    if public:
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        ec2.create_route(
            RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
        )

    (found,) = network.KINDS["network"](look).values()

    assert found["private_zones"] == (0 if public else 1)
    assert (found["endpoints"], found["flow"]) == ([], None)
    assert found["default_group"]["egress"] != [], "AWS's own default lets everything out"


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        ({}, {"tokens": None, "hops": None, "disks": 0}),
        ({"MetadataOptions": {"HttpTokens": "optional"}}, {"tokens": "optional"}),
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 2}}, {"hops": 2}),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": PLAIN_DISK}]},
            {"disks": 1, "plain_disks": ["gp3"], "disk_key_classes": ["None"]},
        ),
        (
            {"NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": True}]},
            {"public_addresses": ["interface"]},
        ),
    ],
)  # fmt: skip
def test_each_weakness_of_a_launch_template_is_seen(look: Look, data: Any, seen: Any) -> None:
    made = look.account.client("ec2").create_launch_template(
        LaunchTemplateName="t", LaunchTemplateData=data or {"InstanceType": "m7i.large"}
    )["LaunchTemplate"]
    group = {"nodegroup": {"launchTemplate": {"id": made["LaunchTemplateId"], "version": "1"}}}

    found = cluster._template(look, group)

    assert found is not None
    assert {name: found[name] for name in seen} == seen
    assert cluster._template(look, {"nodegroup": {}}) is None
