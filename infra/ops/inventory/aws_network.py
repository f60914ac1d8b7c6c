"""What EC2 has: networks and what lies in them, node templates, nodes and their volumes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infra.ops.account import Account
from infra.ops.inventory.model import Thing
from infra.ops.inventory.tags import inline

Row = Mapping[str, Any]
GONE = ("deleted", "deleting", "terminated", "shutting-down")
"""States of what EC2 shows for a while after it went."""


def _ec2(
    kind: str,
    operation: str,
    key: str,
    number: str,
    *,
    own: Callable[[Row], bool] = lambda _: True,
    detail: Callable[[Row], dict[str, Any]] = lambda _: {},
) -> Callable[[Account, str], Iterable[Thing]]:
    """Return the lister of one kind; ``own`` says which rows AWS did not make by itself."""

    def listed(account: Account, region: str) -> Iterable[Thing]:
        for row in account.rows("ec2", operation, key, region=region):
            state = row.get("State", "")
            state = state.get("Name", "") if isinstance(state, dict) else state
            if own(row) and str(state).lower() not in GONE:
                tags = inline(row)
                yield Thing(
                    kind=kind,
                    id=row[number],
                    name=str(row.get("LaunchTemplateName") or tags.get("Name") or row[number]),
                    region=region,
                    tags=tags,
                    tied_to=str(row.get("VpcId") or ""),
                    detail=detail(row),
                )

    return listed


def _not_main(row: Row) -> bool:
    return not any(link.get("Main") for link in row.get("Associations", ()))


def _instances(account: Account, region: str) -> Iterable[Thing]:
    for reservation in account.rows("ec2", "describe_instances", "Reservations", region=region):
        for row in reservation["Instances"]:
            if row["State"]["Name"] not in GONE:
                tags = inline(row)
                number = row["InstanceId"]
                yield Thing(
                    kind="ec2/instance",
                    id=number,
                    name=tags.get("Name", number),
                    region=region,
                    tags=tags,
                    tied_to=row.get("VpcId", ""),
                )


LISTERS: Mapping[str, Callable[[Account, str], Iterable[Thing]]] = {
    "ec2/vpc": _ec2("ec2/vpc", "describe_vpcs", "Vpcs", "VpcId", own=lambda row: not row["IsDefault"]),
    "ec2/subnet": _ec2(
        "ec2/subnet",
        "describe_subnets",
        "Subnets",
        "SubnetId",
        own=lambda row: not row["DefaultForAz"],
        detail=lambda row: {"name": f"{row['VpcId']} {row['CidrBlock']}"},
    ),
    # A network's main table and its group named default are made and removed with the network.
    "ec2/route-table": _ec2(
        "ec2/route-table", "describe_route_tables", "RouteTables", "RouteTableId", own=_not_main
    ),
    "ec2/security-group": _ec2(
        "ec2/security-group",
        "describe_security_groups",
        "SecurityGroups",
        "GroupId",
        own=lambda row: row["GroupName"] != "default",
        detail=lambda row: {"name": f"{row.get('VpcId')} {row['GroupName']}"},
    ),
    "ec2/endpoint": _ec2("ec2/endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "ec2/flow-log": _ec2("ec2/flow-log", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    "ec2/launch-template": _ec2(
        "ec2/launch-template", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"
    ),
    "ec2/internet-gateway": _ec2(
        "ec2/internet-gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"
    ),
    "ec2/nat-gateway": _ec2("ec2/nat-gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
    "ec2/address": _ec2("ec2/address", "describe_addresses", "Addresses", "AllocationId"),
    "ec2/instance": _instances,
    "ec2/volume": _ec2("ec2/volume", "describe_volumes", "Volumes", "VolumeId"),
}
"""Kind to what lists it in a region."""
