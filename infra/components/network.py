"""A private network in several zones, with its own doors to AWS and a record of every connection."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.service_roles import flow_log_policy, service_trust
from infra.network_plan import Zone

GATEWAYS = ("s3", "dynamodb")
"""Services with an endpoint that is a route; it costs nothing."""
INTERFACES = ("autoscaling", "ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "kms", "logs", "sts")
"""Services with an endpoint that is an address in each zone. What nodes and pods without a way to the
internet need: to join (ec2, eks), to become more (autoscaling), to get images (ecr.*), identities (eks-auth,
sts), keys, and to log."""
HTTPS = 443
FLOW_WINDOW_SECONDS = 60
"""Seconds that one flow record sums up: the shorter of the two that AWS offers."""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What the network needs to know.

    Args:
        physical_name: Start of all its physical names.
        cidr: Addresses of the whole network.
        region: Region in which it lies.
        account_id: Account that owns it.
        zones: The zones with their addresses, from ``network_plan.plan``.
        log_group: Name of the group that takes the flow log.
        log_days: Days for which flow logs are kept.
        log_key_arn: Key that encrypts them.
    """

    physical_name: str
    cidr: str
    region: str
    account_id: str
    zones: Sequence[Zone]
    log_group: str
    log_days: int
    log_key_arn: pulumi.Input[str]


class Network(pulumi.ComponentResource):
    """A network from which nothing leaves but through endpoints, or NAT where a zone has a public subnet."""

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""
    private_subnet_ids: pulumi.Output[list[str]]
    """Ids of the private subnets, in the order of the zones; known when endpoints and flow log stand."""
    endpoint_group_id: pulumi.Output[str]
    """Security group of the endpoints."""
    flow_log_group: pulumi.Output[str]
    """Log group of the flow log."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the network, its ways out, and its record."""
        super().__init__("plinth:network:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,  # private names of endpoints need both
            tags={"Name": args.physical_name},
            opts=child,
        )
        # No rules: what somebody forgets to put into a group of its own can reach nothing.
        aws.ec2.DefaultSecurityGroup(f"{name}-default-group", vpc_id=vpc.id, opts=child)
        recorded, self.flow_log_group = self._record(name, args, vpc)
        subnets = {
            zone.letter: aws.ec2.Subnet(
                f"{name}-private-{zone.letter}",
                vpc_id=vpc.id,
                cidr_block=zone.private_cidr,
                availability_zone=zone.name,
                map_public_ip_on_launch=False,
                tags={
                    "Name": f"{args.physical_name}-private-{zone.letter}",
                    "kubernetes.io/role/internal-elb": "1",
                },
                opts=child,
            )
            for zone in args.zones
        }
        gateways = self._ways_out(name, args, vpc)
        tables = self._private_routes(name, args, vpc, subnets, gateways)
        group, endpoints = self._endpoints(name, args, vpc, subnets, tables)
        self.vpc_id = vpc.id
        self.private_subnet_ids = pulumi.Output.all(
            subnets=[subnet.id for subnet in subnets.values()],
            after=[resource.urn for resource in (recorded, *endpoints)],
        ).apply(lambda known: list(known["subnets"]))
        self.endpoint_group_id = group.id
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "private_subnet_ids": self.private_subnet_ids,
                "endpoint_group_id": self.endpoint_group_id,
                "flow_log_group": self.flow_log_group,
            }
        )

    def _record(
        self, name: str, args: NetworkArgs, vpc: aws.ec2.Vpc
    ) -> tuple[aws.ec2.FlowLog, pulumi.Output[str]]:
        """Record every connection, accepted or refused."""
        child = pulumi.ResourceOptions(parent=self)
        arn = f"arn:aws:logs:{args.region}:{args.account_id}:log-group:{args.log_group}"
        group = aws.cloudwatch.LogGroup(
            f"{name}-flow-group",
            name=args.log_group,
            retention_in_days=args.log_days,
            kms_key_id=args.log_key_arn,
            tags={"plinth:data-class": "logs"},
            opts=child,
        )
        role = aws.iam.Role(
            f"{name}-flow-role",
            name=f"{args.physical_name}-flow-log",
            assume_role_policy=service_trust("vpc-flow-logs.amazonaws.com", account_id=args.account_id),
            opts=child,
        )
        allowed = aws.iam.RolePolicy(
            f"{name}-flow-policy",
            name="write-flow-log",
            role=role.name,
            policy=flow_log_policy(log_group_arn=arn),
            opts=child,
        )
        record = aws.ec2.FlowLog(
            f"{name}-flow-log",
            vpc_id=vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=FLOW_WINDOW_SECONDS,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[group, allowed]),
        )
        return record, group.name

    def _ways_out(self, name: str, args: NetworkArgs, vpc: aws.ec2.Vpc) -> dict[str, aws.ec2.NatGateway]:
        """Return the NAT gateway of each zone that has a public subnet."""
        child = pulumi.ResourceOptions(parent=self)
        public = [zone for zone in args.zones if zone.public_cidr]
        if not public:
            return {}
        internet = aws.ec2.InternetGateway(f"{name}-internet", vpc_id=vpc.id, opts=child)
        table = aws.ec2.RouteTable(f"{name}-public", vpc_id=vpc.id, opts=child)
        route = aws.ec2.Route(
            f"{name}-public-route",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=internet.id,
            opts=child,
        )
        gateways = {}
        for zone in public:
            subnet = aws.ec2.Subnet(
                f"{name}-public-{zone.letter}",
                vpc_id=vpc.id,
                cidr_block=zone.public_cidr,
                availability_zone=zone.name,
                map_public_ip_on_launch=False,  # the NAT gateway has an address of its own
                tags={"Name": f"{args.physical_name}-public-{zone.letter}"},
                opts=child,
            )
            aws.ec2.RouteTableAssociation(
                f"{name}-public-{zone.letter}-table",
                subnet_id=subnet.id,
                route_table_id=table.id,
                opts=child,
            )
            address = aws.ec2.Eip(f"{name}-nat-{zone.letter}-address", domain="vpc", opts=child)
            gateways[zone.letter] = aws.ec2.NatGateway(
                f"{name}-nat-{zone.letter}",
                subnet_id=subnet.id,
                allocation_id=address.id,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[route]),
            )
        return gateways

    def _private_routes(
        self,
        name: str,
        args: NetworkArgs,
        vpc: aws.ec2.Vpc,
        subnets: dict[str, aws.ec2.Subnet],
        gateways: dict[str, aws.ec2.NatGateway],
    ) -> list[aws.ec2.RouteTable]:
        """Return a route table for each zone, which leads to the zone's own NAT gateway if it has one."""
        child = pulumi.ResourceOptions(parent=self)
        tables = []
        for zone in args.zones:
            table = aws.ec2.RouteTable(f"{name}-private-{zone.letter}-table", vpc_id=vpc.id, opts=child)
            aws.ec2.RouteTableAssociation(
                f"{name}-private-{zone.letter}-association",
                subnet_id=subnets[zone.letter].id,
                route_table_id=table.id,
                opts=child,
            )
            gateway = gateways.get(zone.letter) or next(iter(gateways.values()), None)
            if gateway is not None:
                aws.ec2.Route(
                    f"{name}-private-{zone.letter}-route",
                    route_table_id=table.id,
                    destination_cidr_block="0.0.0.0/0",
                    nat_gateway_id=gateway.id,
                    opts=child,
                )
            tables.append(table)
        return tables

    def _endpoints(
        self,
        name: str,
        args: NetworkArgs,
        vpc: aws.ec2.Vpc,
        subnets: dict[str, aws.ec2.Subnet],
        tables: list[aws.ec2.RouteTable],
    ) -> tuple[aws.ec2.SecurityGroup, list[aws.ec2.VpcEndpoint]]:
        """Return the endpoints and the group that lets the network, and nobody else, ask them."""
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-endpoints",
            name=f"{args.physical_name}-endpoints",
            description="Doors to AWS: HTTPS from inside the network",
            vpc_id=vpc.id,
            opts=child,
        )
        rule = aws.vpc.SecurityGroupIngressRule(
            f"{name}-endpoints-https",
            security_group_id=group.id,
            description="HTTPS from inside the network",
            cidr_ipv4=args.cidr,
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            opts=child,
        )
        made = [
            aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=vpc.id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=[table.id for table in tables],
                opts=child,
            )
            for service in GATEWAYS
        ]
        made += [
            aws.ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=vpc.id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in subnets.values()],
                security_group_ids=[group.id],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[rule]),
            )
            for service in INTERFACES
        ]
        return group, made
