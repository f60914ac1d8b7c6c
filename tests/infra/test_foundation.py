"""Network, roles, cluster and pools of the whole program, as the engine is asked for them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.components.network import GATEWAYS, INTERFACES
from infra.settings import Settings


@pytest.fixture
def record(raw_settings: dict[str, Any], recorded: Callable[[Settings], Any]) -> Any:
    raw_settings["network"] = {"zones": 3, "nat": "each"}
    raw_settings["identity"] = {"repository": "own/repo"}
    raw_settings["gpu"] = {"pools": {"a10g": {"instance_types": ["g5.12xlarge"], "hours_per_month": 60}}}
    settings = Settings.parse(raw_settings, stack="local", environ={})
    return recorded(settings)


def test_nothing_has_a_public_address_and_the_default_group_is_closed(record: Any) -> None:
    subnets = record.of_type("aws:ec2/subnet:Subnet")
    (default,) = record.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")

    assert len(subnets) == 6
    assert {subnet.inputs["mapPublicIpOnLaunch"] for subnet in subnets} == {False}
    assert not {"ingress", "egress"} & set(default.inputs)


def test_each_zone_has_its_own_way_out(record: Any) -> None:
    ways = {
        route.inputs["routeTableId"]: route.inputs["natGatewayId"]
        for route in record.of_type("aws:ec2/route:Route")
        if "natGatewayId" in route.inputs
    }

    assert len(ways) == len(set(ways.values())) == 3


def test_every_service_that_nodes_and_pods_need_has_an_endpoint(record: Any) -> None:
    found = {
        entry.inputs["serviceName"].removeprefix("com.amazonaws.eu-central-1."): entry.inputs
        for entry in record.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    }

    assert set(found) == {*GATEWAYS, *INTERFACES}
    assert {"s3", "ecr.api", "ecr.dkr", "sts", "kms", "logs", "eks", "eks-auth"} <= set(found)
    for service in INTERFACES:
        assert found[service]["privateDnsEnabled"] is True
        assert len(found[service]["subnetIds"]) == 3
        assert found[service]["securityGroupIds"] == ["network-endpoints-id"]


def test_only_the_network_itself_reaches_the_endpoints(record: Any) -> None:
    rules = record.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")

    assert [(r.inputs["cidrIpv4"], r.inputs["fromPort"], r.inputs["toPort"]) for r in rules] == [
        ("10.0.0.0/16", 443, 443)
    ]
    assert record.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") == []


def test_every_connection_is_recorded_encrypted_and_kept_for_a_year(record: Any) -> None:
    (flow,) = record.of_type("aws:ec2/flowLog:FlowLog")
    groups = {
        group.inputs["name"]: group.inputs for group in record.of_type("aws:cloudwatch/logGroup:LogGroup")
    }
    group = groups["/plinth/local/network-flow"]

    assert flow.inputs["trafficType"] == "ALL"
    assert flow.inputs["logDestination"].endswith(":log-group:/plinth/local/network-flow")
    assert group["retentionInDays"] >= 365
    assert "logs-key" in group["kmsKeyId"]


def test_every_role_of_the_program_is_inside_the_boundary(record: Any) -> None:
    roles = record.of_type("aws:iam/role:Role")

    assert len(roles) > 10
    assert {role.inputs.get("permissionsBoundary") for role in roles} == {
        "arn:aws:iam::123456789012:policy/plinth-local-boundary"
    }


def test_the_cluster_is_private_encrypted_recorded_and_entered_by_entries(record: Any) -> None:
    (cluster,) = record.of_type("aws:eks/cluster:Cluster")
    asked = cluster.inputs

    assert asked["vpcConfig"]["endpointPublicAccess"] is False
    assert asked["vpcConfig"]["endpointPrivateAccess"] is True
    assert asked["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    assert asked["encryptionConfig"]["resources"] == ["secrets"]
    assert "cluster-key" in asked["encryptionConfig"]["provider"]["keyArn"]
    assert set(asked["enabledClusterLogTypes"]) == {
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    }


def test_who_enters_the_cluster_is_in_the_group_of_the_duty_and_nobody_is_its_administrator(
    record: Any,
) -> None:
    entries = {
        e.name: e.inputs["kubernetesGroups"] for e in record.of_type("aws:eks/accessEntry:AccessEntry")
    }

    assert entries == {
        "cluster-auditor": ["plinth-auditors"],
        "cluster-break-glass": ["plinth-break-glass"],
        "cluster-ci-deploy": ["plinth-deployers"],
        "cluster-ml-engineer": ["gpu-users"],
        "cluster-operator": ["plinth-operators"],
    }
    assert record.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation") == []


def test_gpu_nodes_grow_from_zero_and_keep_others_away(record: Any) -> None:
    pools = {
        pool.inputs["nodeGroupName"]: pool.inputs for pool in record.of_type("aws:eks/nodeGroup:NodeGroup")
    }
    gpu = pools["gpu-a10g"]

    assert set(pools) == {"serving", "system", "gpu-a10g"}
    assert gpu["scalingConfig"] == {"minSize": 0, "maxSize": 2, "desiredSize": 0}
    assert gpu["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    assert gpu["labels"]["plinth.dev/pool"] == "gpu-a10g"
    assert "taints" not in pools["system"] or pools["system"]["taints"] == []


def test_no_pod_reaches_a_node_s_identity_and_every_volume_is_encrypted(record: Any) -> None:
    templates = record.of_type("aws:ec2/launchTemplate:LaunchTemplate")

    assert len(templates) == 3
    for template in templates:
        assert template.inputs["metadataOptions"]["httpTokens"] == "required"
        assert template.inputs["metadataOptions"]["httpPutResponseHopLimit"] == 1
        (volume,) = template.inputs["blockDeviceMappings"]
        assert volume["ebs"]["encrypted"] == "true"
        assert "volumes-key" in volume["ebs"]["kmsKeyId"]
        assert not {"networkInterfaces", "keyName", "userData"} & set(template.inputs)


def test_each_workload_has_a_role_of_its_own(record: Any) -> None:
    associations = record.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    accounts = {(a.inputs["namespace"], a.inputs["serviceAccount"]) for a in associations}
    roles = {a.inputs["roleArn"] for a in associations}

    assert ("serving", "credit-risk") in accounts
    assert ("gpu", "gpu-workload") in accounts
    assert len(roles) == len(associations) == len(accounts)


def test_deployments_come_from_the_stack_s_environment_of_the_one_repository(record: Any) -> None:
    trusts = {
        role.name: json.loads(role.inputs["assumeRolePolicy"])["Statement"][0]
        for role in record.of_type("aws:iam/role:Role")
    }
    host = "token.actions.githubusercontent.com"

    assert trusts["ci-deploy"]["Condition"]["StringEquals"] == {
        f"{host}:aud": "sts.amazonaws.com",
        f"{host}:sub": "repo:own/repo:environment:local",
    }
    assert trusts["ci-preview"]["Condition"]["StringEquals"][f"{host}:sub"] == "repo:own/repo:pull_request"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("network", {"cidr": "10.0.0.0/24"}, "is not between the network's"),
        (
            "network",
            {"cidr": "10.0.0.0/17", "zones": 3, "private_prefix": 18},
            "addresses and their alignment",
        ),
        ("network", {"apart_from": ["10.0.0.0/8"]}, "overlaps with 10.0.0.0/8"),
        ("network", {"service_cidr": "10.0.0.0/16"}, "overlaps with 10.0.0.0/16"),
        ("network", {"service_cidr": "172.20.0.0/28"}, "EKS takes a prefix of /12 to /24"),
        ("network", {"zones": 6}, "has 3 zones"),
        ("cluster", {"public_cidrs": ["0.0.0.0/0"]}, "is wider than /16"),
        ("cluster", {"public_cidrs": ["office"]}, "must be a network"),
        ("cluster", {"system_instance_types": ["z9.large"]}, "not known"),
        ("gpu", {"pools": {"aa": {"instance_types": ["g99.xlarge"]}}}, "not a known GPU type"),
        ("gpu", {"pools": {"aa": {"instance_types": ["g5.xlarge", "g5.12xlarge"]}}}, "different numbers"),
        (
            "gpu",
            {"pools": {"aa": {"instance_types": ["g5.xlarge"], "min_nodes": 3, "max_nodes": 2}}, "quota": 1},
            "is more than max_nodes",
        ),
        ("gpu", {"pools": {"aa": {"instance_types": ["g5.xlarge"]}}, "quota": 9}, "is more than the 2 GPUs"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_with_key_and_reason(
    raw_settings: dict[str, Any], key: str, value: dict[str, Any], said: str
) -> None:
    from infra.errors import SettingsError  # noqa: PLC0415

    raw_settings[key] = value
    with pytest.raises(SettingsError) as caught:
        Settings.parse(raw_settings, stack="local", environ={})

    assert f"plinth:{key}" in str(caught.value)
    assert said in str(caught.value)


def test_mistakes_of_several_parts_are_told_at_once(raw_settings: dict[str, Any]) -> None:
    from infra.errors import SettingsError  # noqa: PLC0415

    raw_settings["network"] = {"cidr": "8.0.0.0/16", "zones": 5}
    raw_settings["cluster"] = {"public_cidrs": ["0.0.0.0/0"]}
    raw_settings["gpu"] = {"pools": {"aa": {"instance_types": ["g99.xlarge"]}}}
    with pytest.raises(SettingsError, match="5 mistakes"):
        Settings.parse(raw_settings, stack="local", environ={})
