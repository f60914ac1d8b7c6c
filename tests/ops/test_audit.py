"""Properties read live are those that the controls know: what is well kept passes, what is not fails."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from infra.ops import audit
from infra.ops.account import Account
from infra.ops.audit import READERS, inside
from infra.ops.audit.asking import Asked, camel
from policies.core import PolicySettings, Resource, normalise
from policies.families import FAMILIES
from policies.judgement import judge

pytestmark = pytest.mark.parts

REGION, ACCOUNT = "eu-central-1", "123456789012"
NAME = "plinth-test"
ARN = f"arn:aws:s3:::{NAME}"
TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [ARN, f"{ARN}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
S3_TYPES = [kind for kind in READERS if kind.startswith("aws:s3/bucket")]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield Account(account_id=ACCOUNT, region=REGION)


def _read(account: Account, kind: str, known: str, **declared: Any) -> dict[str, Any] | None:
    return READERS[kind](Asked(account=account, id=known, region=REGION, declared=declared, outputs={}))


def _bucket(account: Account, *, sealed: bool) -> None:
    s3: Any = account.client("s3")
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket=NAME, Tagging={"TagSet": [{"Key": "plinth:data-class", "Value": "data"}]})
    if not sealed:
        return
    s3.put_public_access_block(
        Bucket=NAME,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=NAME, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket=NAME, Policy=json.dumps({"Version": "2012-10-17", "Statement": [TLS]}))
    s3.put_bucket_ownership_controls(
        Bucket=NAME, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=NAME,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "tidy",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                }
            ]
        },
    )


def _document(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


def _violated(account: Account) -> set[str]:
    read = {kind: _read(account, kind, NAME) for kind in S3_TYPES}
    resources = [
        Resource(urn=f"urn:live::{kind}::x", type=kind, props=normalise(props))
        for kind, props in read.items()
        if props is not None
    ]
    found = judge(resources, PolicySettings(accounts=(ACCOUNT,))).blocking
    return {finding.control for finding in found if finding.control.startswith("storage-")}


def test_a_bucket_that_is_well_kept_passes_live_but_for_its_access_log(account: Account) -> None:
    _bucket(account, sealed=True)

    assert _violated(account) == {"storage-bucket-logs-access"}


def test_a_naked_bucket_is_found_live(account: Account) -> None:
    _bucket(account, sealed=False)

    assert _violated(account) >= {
        "storage-bucket-blocks-public-access",
        "storage-bucket-uses-kms",
        "storage-bucket-requires-tls",
        "storage-bucket-keeps-versions",
        "storage-bucket-logs-access",
        "storage-bucket-aborts-stale-uploads",
    }


def test_a_key_without_rotation_is_found_live(account: Account) -> None:
    known = account.client("kms").create_key(Description="a")["KeyMetadata"]["KeyId"]

    assert _read(account, "aws:kms/key:Key", known)["enableKeyRotation"] is False  # type: ignore[index]
    account.client("kms").enable_key_rotation(KeyId=known)
    assert _read(account, "aws:kms/key:Key", known)["enableKeyRotation"] is True  # type: ignore[index]


def test_a_role_is_read_with_its_trust_and_its_policies(account: Account) -> None:
    iam: Any = account.client("iam")
    trust = _document(Action="sts:AssumeRole", Principal={"Service": "ec2.amazonaws.com"})
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))
    rights = _document(Action="s3:Get*", Resource=ARN)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(rights))

    role = _read(account, "aws:iam/role:Role", "r")
    policy = _read(account, "aws:iam/rolePolicy:RolePolicy", "r:p")

    assert role is not None
    assert policy is not None
    assert json.loads(role["assumeRolePolicy"]) == trust
    assert json.loads(policy["policy"]) == rights
    attached = _read(
        account, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "x", role="r", policyArn="a"
    )
    assert attached is None


def _blocking(kind: str, props: dict[str, Any] | None) -> set[str]:
    assert props is not None
    resource = Resource(urn=f"urn::{kind}::x", type=kind, props=normalise(props))
    return {finding.control for finding in judge([resource], PolicySettings()).blocking}


def test_a_machine_without_tokens_and_encryption_is_found_live(account: Account) -> None:
    kind = "aws:ec2/launchTemplate:LaunchTemplate"
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": False}}
    made = account.client("ec2").create_launch_template(
        LaunchTemplateName="weak",
        LaunchTemplateData={"BlockDeviceMappings": [disk], "MetadataOptions": {"HttpTokens": "optional"}},
    )

    found = _blocking(kind, _read(account, kind, made["LaunchTemplate"]["LaunchTemplateId"]))

    assert found >= {"node-metadata-needs-token", "node-disks-are-encrypted"}


def test_a_door_to_the_world_is_found_live(account: Account) -> None:
    kind = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    ec2 = account.client("ec2")
    group = ec2.create_security_group(GroupName="a", Description="a")["GroupId"]
    wide = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[wide])

    found = _blocking(kind, _read(account, kind, made["SecurityGroupRules"][0]["SecurityGroupRuleId"]))

    assert found == {"network-doors-are-closed", "network-rules-say-what-for"}


def test_an_alarm_that_tells_nobody_is_found_live(account: Account) -> None:
    kind = "aws:cloudwatch/metricAlarm:MetricAlarm"
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="mute",
        Namespace="a",
        MetricName="b",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        ActionsEnabled=False,
    )

    assert _blocking(kind, _read(account, kind, "mute")) == {"alarm-tells-somebody"}
    assert _read(account, kind, "nobody") is None


def test_an_issuer_and_the_recorder_are_read_in_the_words_of_their_inputs(account: Account) -> None:
    iam, config = account.client("iam"), account.client("config")
    arn = iam.create_open_id_connect_provider(
        Url="https://tokens.example.test", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )["OpenIDConnectProviderArn"]
    config.put_configuration_recorder(
        ConfigurationRecorder={
            "name": "own",
            "roleARN": f"arn:aws:iam::{ACCOUNT}:role/r",
            "recordingGroup": {"allSupported": True, "includeGlobalResourceTypes": False},
        }
    )

    assert _read(account, "aws:iam/openIdConnectProvider:OpenIdConnectProvider", arn) == {
        "url": "https://tokens.example.test",
        "clientIdLists": ["sts.amazonaws.com"],
    }
    kind = "aws:cfg/recorder:Recorder"
    assert "configuration-is-recorded" in _blocking(kind, _read(account, kind, "own"))
    status = _read(account, "aws:cfg/recorderStatus:RecorderStatus", "own")
    assert status == {"name": "own", "isEnabled": False}


def test_what_is_gone_is_told_apart_from_what_was_refused(account: Account) -> None:
    with pytest.raises(account.client("iam").exceptions.NoSuchEntityException) as caught:
        _read(account, "aws:iam/role:Role", "nobody")

    assert audit._is_gone(caught.value)


def test_every_reader_is_of_a_type_that_controls_speak_of() -> None:
    kinds = {kind for family in FAMILIES for check in family.checks for kind in check.kinds}
    kinds = kinds.union(*(family.related_kinds for family in FAMILIES))

    assert set(READERS) - kinds == set()


def test_the_clusters_own_objects_are_not_ours_to_judge() -> None:
    def row(name: str, space: str = "", **more: Any) -> dict[str, Any]:
        return {"metadata": {"name": name, "namespace": space, **more}}

    assert not inside._somebodys(row("coredns", "kube-system"), "apps/v1:Deployment")
    assert not inside._somebodys(row("default", "serving"), "core/v1:ServiceAccount")
    assert not inside._somebodys(row("default"), "core/v1:Namespace")
    assert not inside._somebodys(row("scorer-1", "serving", ownerReferences=[{}]), "core/v1:Pod")
    assert not inside._somebodys(row("system:node"), "rbac.authorization.k8s.io/v1:ClusterRole")
    role = "rbac.authorization.k8s.io/v1:ClusterRole"
    assert not inside._somebodys(row("plinth:runner"), role, emulated=True)
    assert inside._somebodys(row("plinth:runner"), role), "the local platform's parts are nowhere else"
    assert inside._somebodys(row("plinth:other"), role, emulated=True)
    assert inside._somebodys(row("miner", "gpu-system"), "apps/v1:DaemonSet")
    assert inside._somebodys(row("scorer", "serving"), "apps/v1:Deployment")
    assert inside._somebodys(row("open"), "core/v1:Namespace")


def test_answers_become_properties() -> None:
    assert camel({"Rules": [{"Status": "Enabled", "Days": 7}]}) == {
        "rules": [{"status": "Enabled", "days": 7}]
    }
