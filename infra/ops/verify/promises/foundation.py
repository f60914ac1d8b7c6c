"""Promises of the network and of identities."""

from collections.abc import Sequence

from infra.ops.verify.model import AtLeast, Document, Is, Nothing, Promise, Selector, Wants, has
from infra.settings import Settings

DOORS = ("dynamodb", "ecr.api", "ecr.dkr", "eks", "kms", "logs", "s3", "sts")
"""Services that design.md gives an endpoint, and the tables' own."""
PEOPLE = ("auditor", "break-glass", "ml-engineer", "operator", "overseer")
"""Duties of people that design.md names."""
WORKFLOWS = "token.actions.githubusercontent.com"
PRODUCTION_ZONES = 3
"""Zones of a production network (design.md)."""


def _network(_: Settings) -> Sequence[Selector]:
    return [{"network": "of the environment"}]


def _zones(settings: Settings, _: Document) -> Wants:
    floor = PRODUCTION_ZONES if settings.environment.startswith("prod") else 0
    return {"private_zones": AtLeast(max(settings.network.zones, floor))}


def _duties(settings: Settings) -> list[Selector]:
    duties = [*PEOPLE, *(("ci-deploy", "ci-preview") if settings.identity.repository else ())]
    return [{"duty": duty} for duty in duties]


PROMISES: tuple[Promise, ...] = (
    Promise(
        id="network-in-several-zones",
        says="The network has private subnets in as many zones as the stack asks for, three in production",
        design="network",
        read="ec2 DescribeVpcs, DescribeSubnets, DescribeRouteTables",
        of="network",
        wants=lambda settings, network: {**_zones(settings, network), "cidr": Is(settings.network.cidr)},
        required=_network,
    ),
    Promise(
        id="cluster-in-private-subnets",
        says="Nodes and control plane stand in subnets without public addresses or a route from the internet",
        design="network",
        read="ec2 DescribeSubnets, DescribeRouteTables; eks DescribeCluster, DescribeNodegroup",
        of="subnet",
        wants=lambda _, __: {"internet_routes": Nothing(), "public_addresses": Is(value=False)},
        required=lambda _: [{"stands_in": "cluster"}],
    ),
    Promise(
        id="network-has-doors-to-aws",
        says="Endpoints lead to the services that nodes and pods need, and only the network may ask them",
        design="network",
        read="ec2 DescribeVpcEndpoints, DescribeSecurityGroups",
        of="network",
        wants=lambda settings, _: {"endpoints": has(*DOORS), "endpoint_groups": Is([settings.network.cidr])},
        required=_network,
    ),
    Promise(
        id="network-flows-recorded",
        says="Every connection is recorded, accepted or refused, into an encrypted log",
        design="network",
        read="ec2 DescribeFlowLogs; logs DescribeLogGroups",
        of="network",
        wants=lambda _, __: {
            "flow.status": Is("ACTIVE"),
            "flow.traffic": Is("ALL"),
            "flow.key_class": Is("logs"),
        },
        required=_network,
    ),
    Promise(
        id="default-group-closed",
        says="The network's default group lets nothing in and nothing out",
        design="network",
        read="ec2 DescribeSecurityGroups",
        of="network",
        wants=lambda _, __: {"default_group.ingress": Nothing(), "default_group.egress": Nothing()},
        required=_network,
    ),
    Promise(
        id="roles-within-the-boundary",
        says="There is a role for each duty, and every role lies within the permission boundary",
        design="identity",
        read="iam ListRoles, GetRole",
        of="role",
        wants=lambda settings, _: {"boundary": Is(f"plinth-{settings.environment}-boundary")},
        required=_duties,
    ),
    Promise(
        id="no-wildcard-on-wildcard",
        says="No role may do everything of a service to everything, and nobody unnamed may become one",
        design="identity",
        read="iam GetRolePolicy, ListAttachedRolePolicies, GetPolicyVersion",
        of="role",
        wants=lambda _, __: {"wildcards": Nothing(), "open_trust": Nothing()},
        required=_duties,
    ),
    Promise(
        id="emergency-role-is-loud",
        says="Whoever takes over the emergency role, or uses it in the cluster, raises an alarm with people",
        design="identity",
        read="cloudwatch DescribeAlarms; logs DescribeMetricFilters",
        of="alarm",
        among=lambda _, alarm: str(alarm["alarm"]).startswith("break-glass-use"),
        wants=lambda _, __: {
            "on": Is(value=True),
            "topics": Is(["alerts"]),
            "at": AtLeast(1),
            "filters": AtLeast(1),
        },
        required=lambda settings: [
            {"alarm": "break-glass-use-cluster"},
            *([{"alarm": "break-glass-use-account"}] if settings.aws.owns_account else []),
        ],
    ),
    Promise(
        id="workflows-by-federation",
        says="Workflows of the repository come in by OIDC, without keys",
        design="identity",
        read="iam GetOpenIDConnectProvider",
        of="federation",
        among=lambda _, federation: bool(federation["host"] == WORKFLOWS),
        wants=lambda _, __: {"audiences": Is(["sts.amazonaws.com"])},
        required=lambda _: [{"host": WORKFLOWS}],
        applies=lambda settings: bool(settings.identity.repository),
    ),
)
