"""Reads the network, and the cluster with its node groups."""

from collections.abc import Mapping
from typing import Any

from infra.ops.audit.asking import Asked, Props, Reader, tags


def _vpc(asked: Asked) -> Props | None:
    (known,) = asked.client("ec2").describe_vpcs(VpcIds=[asked.id])["Vpcs"]
    return {"cidrBlock": known["CidrBlock"], "tags": tags(known.get("Tags") or [])}


def _subnet(asked: Asked) -> Props | None:
    (known,) = asked.client("ec2").describe_subnets(SubnetIds=[asked.id])["Subnets"]
    return {
        "vpcId": known["VpcId"],
        "cidrBlock": known["CidrBlock"],
        "mapPublicIpOnLaunch": known["MapPublicIpOnLaunch"],
        "assignIpv6AddressOnCreation": known.get("AssignIpv6AddressOnCreation", False),
        "tags": tags(known.get("Tags") or []),
    }


def _group(asked: Asked) -> Props | None:
    (known,) = asked.client("ec2").describe_security_groups(GroupIds=[asked.id])["SecurityGroups"]
    # Rules that are resources of their own are judged there; the state says which they are.
    inline = {key: [_rule(row) for row in known[told]] for key, told in _DIRECTIONS if key in asked.declared}
    return {
        "description": known["Description"],
        "vpcId": known["VpcId"],
        **inline,
        "tags": tags(known.get("Tags") or []),
    }


def _default_group(asked: Asked) -> Props | None:
    (known,) = asked.client("ec2").describe_security_groups(GroupIds=[asked.id])["SecurityGroups"]
    rules = {key: [_rule(row) for row in known[told]] for key, told in _DIRECTIONS}
    return {
        "vpcId": known["VpcId"],
        **{key: value for key, value in rules.items() if value},
        **asked.untold("tags"),
    }


_DIRECTIONS = (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress"))


def _rule(row: Mapping[str, Any]) -> Props:
    ranges, wide = row.get("IpRanges") or [], row.get("Ipv6Ranges") or []
    told = next((item["Description"] for item in (*ranges, *wide) if item.get("Description")), None)
    return {
        "protocol": row["IpProtocol"],
        "fromPort": row.get("FromPort", 0),
        "toPort": row.get("ToPort", 0),
        **({"cidrBlocks": [item["CidrIp"] for item in ranges]} if ranges else {}),
        **({"ipv6CidrBlocks": [item["CidrIpv6"] for item in wide]} if wide else {}),
        **({"description": told} if told else {}),
    }


def _flow_log(asked: Asked) -> Props | None:
    found = asked.client("ec2").describe_flow_logs(FlowLogIds=[asked.id])["FlowLogs"]
    if not found:
        return None
    known = found[0]
    return {
        "vpcId": known["ResourceId"],
        "trafficType": known["TrafficType"],
        "logDestinationType": known["LogDestinationType"],
        **({"logDestination": known["LogDestination"]} if "LogDestination" in known else {}),
        **asked.untold("iamRoleArn", "tags"),
    }


def _endpoint(asked: Asked) -> Props | None:
    (known,) = asked.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[asked.id])["VpcEndpoints"]
    return {
        "vpcId": known["VpcId"],
        "serviceName": known["ServiceName"],
        "vpcEndpointType": known["VpcEndpointType"],
        **({"policy": known["PolicyDocument"]} if known.get("PolicyDocument") else {}),
        **asked.untold("privateDnsEnabled", "tags"),
    }


def _cluster(asked: Asked) -> Props | None:
    known = asked.client("eks").describe_cluster(name=asked.id)["cluster"]
    network, sealed = known["resourcesVpcConfig"], known.get("encryptionConfig") or []
    logs = [kind for row in known["logging"]["clusterLogging"] if row["enabled"] for kind in row["types"]]
    return {
        "name": known["name"],
        "version": known["version"],
        "roleArn": known["roleArn"],
        "enabledClusterLogTypes": logs,
        "vpcConfig": {
            "endpointPrivateAccess": network.get("endpointPrivateAccess", False),
            "endpointPublicAccess": network.get("endpointPublicAccess", False),
            "publicAccessCidrs": network.get("publicAccessCidrs") or [],
            "subnetIds": network.get("subnetIds") or [],
        },
        "accessConfig": known.get("accessConfig") or {},
        **({"encryptionConfig": sealed[0]} if sealed else {}),
        "deletionProtection": known.get("deletionProtection", False),
        "tags": known.get("tags") or {},
    }


def _node_group(asked: Asked) -> Props | None:
    cluster, _, name = asked.id.partition(":")
    known = asked.client("eks").describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
    access = known.get("remoteAccess")
    return {
        "clusterName": cluster,
        "nodeGroupName": name,
        "version": known.get("version"),
        "nodeRoleArn": known["nodeRole"],
        "subnetIds": known["subnets"],
        "scalingConfig": known.get("scalingConfig") or {},
        "launchTemplate": known.get("launchTemplate") or {},
        "labels": known.get("labels") or {},
        "instanceTypes": known.get("instanceTypes") or [],
        **({"remoteAccess": access} if access else {}),
        "tags": known.get("tags") or {},
        **asked.untold("amiType", "taints", "capacityType"),
    }


def _entry(asked: Asked) -> Props | None:
    cluster, _, principal = asked.id.partition(":")
    answer = asked.client("eks").describe_access_entry(clusterName=cluster, principalArn=principal)
    known = answer["accessEntry"]
    return {
        "clusterName": cluster,
        "principalArn": principal,
        "type": known["type"],
        "kubernetesGroups": known["kubernetesGroups"],
        "tags": known.get("tags") or {},
    }


def _ebs_default(asked: Asked) -> Props | None:
    return {"enabled": asked.client("ec2").get_ebs_encryption_by_default()["EbsEncryptionByDefault"]}


READERS: dict[str, Reader] = {
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:ec2/securityGroup:SecurityGroup": _group,
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _default_group,
    "aws:ec2/flowLog:FlowLog": _flow_log,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:eks/accessEntry:AccessEntry": _entry,
    "aws:ebs/encryptionByDefault:EncryptionByDefault": _ebs_default,
}
"""Type to what reads it."""
