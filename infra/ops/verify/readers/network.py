"""Reads the network."""

from collections.abc import Mapping
from typing import Any

from infra.ops.inventory.tags import inline
from infra.ops.verify.readers.asking import Documents, Look


def _vpcs(look: Look) -> list[dict[str, Any]]:
    return [row for row in look.account.rows("ec2", "describe_vpcs", "Vpcs") if look.ours(inline(row))]


def _in(look: Look, operation: str, key: str, vpc: str) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}
    return look.account.rows("ec2", operation, key, **given)


def _networks(look: Look) -> Documents:
    found: Documents = {}
    for row in _vpcs(look):
        vpc = row["VpcId"]
        tables = _in(look, "describe_route_tables", "RouteTables", vpc)
        subnets = _in(look, "describe_subnets", "Subnets", vpc)
        private = [subnet for subnet in subnets if not _internet(tables, subnet["SubnetId"])]
        endpoints = _in(look, "describe_vpc_endpoints", "VpcEndpoints", vpc)
        flows = look.account.rows(
            "ec2", "describe_flow_logs", "FlowLogs", Filters=[{"Name": "resource-id", "Values": [vpc]}]
        )
        (default,) = (
            group
            for group in _in(look, "describe_security_groups", "SecurityGroups", vpc)
            if group["GroupName"] == "default"
        )
        found[vpc] = {
            "network": "of the environment",
            "cidr": row["CidrBlock"],
            "private_zones": len({subnet["AvailabilityZone"] for subnet in private}),
            "endpoints": sorted(
                end["ServiceName"].split(f"{look.account.region}.", 1)[-1]
                for end in endpoints
                if end["State"].lower() == "available"
            ),
            "endpoint_groups": _groups(look, endpoints),
            "flow": _flow(look, flows[0]) if flows else None,
            "default_group": {
                "ingress": default["IpPermissions"],
                "egress": default["IpPermissionsEgress"],
            },
        }
    return found


def _groups(look: Look, endpoints: list[dict[str, Any]]) -> list[str]:
    """Return from where the endpoints may be asked."""
    groups = sorted({group["GroupId"] for end in endpoints for group in end.get("Groups") or ()})
    if not groups:
        return []
    rows = look.account.rows("ec2", "describe_security_groups", "SecurityGroups", GroupIds=groups)
    return sorted({
        span["CidrIp"] for group in rows for rule in group["IpPermissions"] for span in rule["IpRanges"]
    })  # fmt: skip


def _flow(look: Look, row: Mapping[str, Any]) -> dict[str, Any]:
    group = str(row.get("LogGroupName") or row.get("LogDestination", "").split("log-group:", 1)[-1])
    return {
        "status": row["FlowLogStatus"],
        "traffic": row["TrafficType"],
        "key_class": _log_group(look, group).get("key_class"),
    }


def _log_group(look: Look, name: str) -> dict[str, Any]:
    for row in look.account.rows("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name):
        if row["logGroupName"] == name:
            return {"key_class": look.key_class(row.get("kmsKeyId")), "days": row.get("retentionInDays")}
    return {}


def _internet(tables: list[dict[str, Any]], subnet: str) -> list[str]:
    """Return the routes that lead a subnet straight to the internet."""
    own = [t for t in tables if any(link.get("SubnetId") == subnet for link in t["Associations"])]
    main = [t for t in tables if any(link.get("Main") for link in t["Associations"])]
    return [
        str(route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock"))
        for table in (own or main)
        for route in table["Routes"]
        if str(route.get("GatewayId", "")).startswith("igw-")
    ]


def _subnets(look: Look) -> Documents:
    """Return the subnets in which nodes and control plane stand."""
    used = set()
    for name in look.account.rows("eks", "list_clusters", "clusters"):
        eks = look.account.client("eks")
        cluster = eks.describe_cluster(name=name)["cluster"]
        if look.ours(cluster.get("tags") or {}):
            used |= set(cluster["resourcesVpcConfig"]["subnetIds"])
            for group in look.account.rows("eks", "list_nodegroups", "nodegroups", clusterName=name):
                known = eks.describe_nodegroup(clusterName=name, nodegroupName=group)["nodegroup"]
                used |= set(known["subnets"])
    found: Documents = {}
    for row in _vpcs(look):
        tables = _in(look, "describe_route_tables", "RouteTables", row["VpcId"])
        for subnet in _in(look, "describe_subnets", "Subnets", row["VpcId"]):
            number = subnet["SubnetId"]
            if number in used:
                found[number] = {
                    "stands_in": "cluster",
                    "internet_routes": _internet(tables, number),
                    "public_addresses": subnet["MapPublicIpOnLaunch"],
                }
    return found


def _log_groups(look: Look) -> Documents:
    found: Documents = {}
    for row in look.account.rows("logs", "describe_log_groups", "logGroups"):
        arn = row["arn"].removesuffix(":*")
        answer = look.account.client("logs").list_tags_for_resource(resourceArn=arn)
        if look.ours(answer.get("tags") or {}):
            name = row["logGroupName"]
            found[name] = {
                "log": _subject(name),
                "key_class": look.key_class(row.get("kmsKeyId")),
                "days": row.get("retentionInDays"),
            }
    return found


def _subject(name: str) -> str:
    """Return what a log group is about: the last word of its name, or the control plane's own."""
    return "control-plane" if name.startswith("/aws/eks/") else name.rsplit("/", 1)[-1]


KINDS = {"network": _networks, "subnet": _subnets, "log-group": _log_groups}
