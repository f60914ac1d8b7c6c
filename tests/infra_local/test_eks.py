"""The emulated EKS gives back what it was given, so that a second run finds nothing to change."""

import json
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from infra.local.aws_api import eks
from infra.local.aws_api.small_services import SmallServices

pytestmark = pytest.mark.parts

HEADERS = {"authorization": "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-central-1/eks/aws4_request"}
ROLE = "arn:aws:iam::123456789012:role/plinth-local-operator"
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    eks.install()
    with mock_aws():
        yield boto3.client("eks", region_name="eu-central-1")


def make_cluster(client: Any, **more: Any) -> dict[str, Any]:
    made = client.create_cluster(
        name="c",
        version="1.36",
        roleArn="arn:aws:iam::123456789012:role/r",
        resourcesVpcConfig={"subnetIds": ["subnet-1"], "endpointPublicAccess": False},
        **more,
    )
    return dict(made["cluster"])


def test_a_cluster_keeps_who_may_enter_and_what_protects_it(client: Any) -> None:
    make_cluster(
        client,
        accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        upgradePolicy={"supportType": "STANDARD"},
        deletionProtection=True,
    )
    found = client.describe_cluster(name="c")["cluster"]

    assert found["accessConfig"]["authenticationMode"] == "API"
    assert found["upgradePolicy"] == {"supportType": "STANDARD"}
    assert found["deletionProtection"] is True
    assert found["resourcesVpcConfig"]["endpointPublicAccess"] is False
    assert found["resourcesVpcConfig"]["publicAccessCidrs"] == []
    assert found["resourcesVpcConfig"]["clusterSecurityGroupId"].startswith("sg-")


def test_an_update_changes_what_it_names_and_answers_with_an_update(client: Any) -> None:
    make_cluster(client, deletionProtection=True)

    answer = client.update_cluster_config(name="c", deletionProtection=False)
    client.update_cluster_config(
        name="c", resourcesVpcConfig={"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}
    )
    found = client.describe_cluster(name="c")["cluster"]

    assert answer["update"]["status"] == "Successful"
    assert found["deletionProtection"] is False
    assert found["resourcesVpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert found["resourcesVpcConfig"]["subnetIds"] == ["subnet-1"]


def test_a_node_group_has_no_remote_access_that_nobody_asked_for(client: Any) -> None:
    make_cluster(client)
    client.create_nodegroup(
        clusterName="c",
        nodegroupName="n",
        nodeRole="arn:aws:iam::123456789012:role/n",
        subnets=["subnet-1"],
        launchTemplate={"id": "lt-1", "version": "1"},
        updateConfig={"maxUnavailable": 2},
    )
    found = client.describe_nodegroup(clusterName="c", nodegroupName="n")["nodegroup"]

    assert "remoteAccess" not in found
    assert "diskSize" not in found
    assert found["version"] == "1.36"
    assert found["updateConfig"] == {"maxUnavailable": 2}


def test_a_node_group_takes_another_launch_template_version(client: Any) -> None:
    make_cluster(client)
    client.create_nodegroup(
        clusterName="c",
        nodegroupName="n",
        nodeRole="arn:aws:iam::123456789012:role/n",
        subnets=["subnet-1"],
        launchTemplate={"id": "lt-1", "version": "1"},
    )
    place = "/clusters/c/node-groups/n/update-version"
    status, _ = ask(SmallServices(), "POST", place, {"launchTemplate": {"id": "lt-1", "version": "2"}})
    found = client.describe_nodegroup(clusterName="c", nodegroupName="n")["nodegroup"]

    assert status == 200
    assert found["launchTemplate"]["version"] == "2"
    assert ask(SmallServices(), "POST", place.replace("/n/", "/other/"), {})[0] == 404


def test_a_changed_tag_of_a_launch_template_is_read_back(client: Any) -> None:
    del client  # it completes moto
    ec2 = boto3.client("ec2", region_name="eu-central-1")
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "owner", "Value": "me"}]}]
    made = ec2.create_launch_template(
        LaunchTemplateName="t", LaunchTemplateData={"EbsOptimized": True}, TagSpecifications=tags
    )["LaunchTemplate"]

    ec2.create_tags(Resources=[made["LaunchTemplateId"]], Tags=[{"Key": "owner", "Value": "you"}])

    (found,) = ec2.describe_launch_templates()["LaunchTemplates"]
    assert found["Tags"] == [{"Key": "owner", "Value": "you"}]


def test_a_launch_template_s_data_is_without_the_template_s_own_tags() -> None:
    tags = [{"ResourceType": kind, "Tags": []} for kind in ("instance", "launch-template", "volume")]

    assert eks.own_data({"EbsOptimized": True, "TagSpecifications": tags}) == {
        "EbsOptimized": True,
        "TagSpecifications": [tags[0], tags[2]],
    }
    assert eks.own_data({"TagSpecifications": tags[1:2]}) == {}


@given(st.text(st.characters(codec="ascii", categories=["L", "Nd"]), min_size=1, max_size=100))
def test_a_cluster_s_group_is_always_the_same_and_looks_like_one(name: str) -> None:
    assert eks.group_id(name) == eks.group_id(name)
    assert len(eks.group_id(name)) == len("sg-") + 17


def ask(services: SmallServices, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = json.dumps(body).encode() if body is not None else b""
    reply = services.answer(method, "https://eks.eu-central-1.amazonaws.com", path, HEADERS, data)
    assert reply is not None
    return reply[0], json.loads(reply[2])


def test_access_entries_and_their_policies() -> None:
    services = SmallServices()
    entry = f"/clusters/c/access-entries/{ROLE.replace('/', '%2F').replace(':', '%3A')}"
    _, made = ask(
        services, "POST", "/clusters/c/access-entries", {"principalArn": ROLE, "kubernetesGroups": ["ops"]}
    )
    ask(
        services,
        "POST",
        f"{entry}/access-policies",
        {"policyArn": POLICY, "accessScope": {"type": "cluster"}},
    )
    ask(services, "POST", entry, {"kubernetesGroups": ["ops", "more"]})

    assert made["accessEntry"]["type"] == "STANDARD"
    assert ask(services, "GET", entry)[1]["accessEntry"]["kubernetesGroups"] == ["ops", "more"]
    assert ask(services, "GET", "/clusters/c/access-entries")[1]["accessEntries"] == [ROLE]
    policies = ask(services, "GET", f"{entry}/access-policies")[1]["associatedAccessPolicies"]
    assert [policy["policyArn"] for policy in policies] == [POLICY]
    assert ask(services, "DELETE", entry)[0] == 200
    assert ask(services, "GET", entry)[0] == 404
    assert ask(services, "GET", f"{entry}/access-policies")[0] == 404


def test_addons_and_pod_identities_are_kept_and_forgotten() -> None:
    services = SmallServices()
    ask(services, "POST", "/clusters/c/addons", {"addonName": "vpc-cni", "addonVersion": "v1"})
    ask(services, "POST", "/clusters/c/addons/vpc-cni/update", {"addonVersion": "v2"})
    _, made = ask(
        services,
        "POST",
        "/clusters/c/pod-identity-associations",
        {"namespace": "serving", "serviceAccount": "s", "roleArn": ROLE},
    )
    place = f"/clusters/c/pod-identity-associations/{made['association']['associationId']}"

    assert ask(services, "GET", "/clusters/c/addons/vpc-cni")[1]["addon"]["addonVersion"] == "v2"
    assert ask(services, "GET", "/clusters/c/addons")[1]["addons"] == ["vpc-cni"]
    assert ask(services, "GET", place)[1]["association"]["roleArn"] == ROLE
    assert ask(services, "DELETE", place)[0] == 200
    assert ask(services, "GET", place)[0] == 404
    assert ask(services, "DELETE", "/clusters/c/addons/vpc-cni")[0] == 200
    assert ask(services, "GET", "/clusters/c/addons/vpc-cni")[0] == 404


def test_what_stands_in_a_cluster_can_be_tagged_and_the_cluster_s_tags_stay_with_moto(client: Any) -> None:
    services = SmallServices()
    cluster = make_cluster(client)
    group = client.create_nodegroup(
        clusterName="c", nodegroupName="n", nodeRole="arn:aws:iam::123456789012:role/n", subnets=["subnet-1"]
    )["nodegroup"]
    addon = ask(services, "POST", "/clusters/c/addons", {"addonName": "vpc-cni"})[1]["addon"]
    entry = ask(services, "POST", "/clusters/c/access-entries", {"principalArn": ROLE})[1]["accessEntry"]

    for arn in (group["nodegroupArn"], addon["addonArn"], entry["accessEntryArn"]):
        path = f"/tags/{arn.replace('/', '%2F')}"
        assert ask(services, "POST", path, {"tags": {"owner": "me", "x": "1"}})[0] == 200
        assert ask(services, "DELETE", f"{path}?tagKeys=x")[0] == 200
        assert ask(services, "GET", path) == (200, {"tags": {"owner": "me"}})
    found = client.describe_nodegroup(clusterName="c", nodegroupName="n")["nodegroup"]
    assert found["tags"] == {"owner": "me"}
    host = "https://eks.eu-central-1.amazonaws.com"
    assert services.answer("POST", host, f"/tags/{cluster['arn']}", HEADERS, b'{"tags": {}}') is None


def test_clusters_and_node_groups_stay_with_moto() -> None:
    services = SmallServices()

    for method, path in (
        ("POST", "/clusters"),
        ("GET", "/clusters/c"),
        ("POST", "/clusters/c/node-groups"),
        ("DELETE", "/clusters/c/node-groups/n"),
    ):
        assert services.answer(method, "https://eks.eu-central-1.amazonaws.com", path, HEADERS, b"") is None
