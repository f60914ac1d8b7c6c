"""VPC: nothing comes in from strangers, little goes out, and what flows is written down."""

from collections.abc import Callable, Iterator

from policies.core import (
    At,
    Check,
    Family,
    Outcome,
    PolicySettings,
    RelationCheck,
    Resource,
    Stack,
    failed,
    passed,
    require,
    undecided,
)
from policies.core.verdicts import Verdict, is_set, one_of
from policies.families.common import is_cidr, is_no, is_world, itself, told, whole_number, within

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"

PUBLIC_PORTS = (80, 443)
"""Ports that strangers may reach (Security Hub EC2.18): web servers, which have their own doors."""
NEEDED_ENDPOINTS = ("s3", "ecr.api", "ecr.dkr", "sts", "kms", "logs")
"""Services that nodes and pods reach all the time: images, tokens, keys, logs (AWS on private clusters)."""
ALL_PROTOCOLS = ("-1", "all", -1)
LAST_PORT = 65_535
_NO_DESCRIPTION = ("", "Managed by Pulumi", "Managed by Terraform")


def _default_is_closed(group: Resource, _: PolicySettings) -> Iterator[Outcome]:
    for direction in ("ingress", "egress"):
        yield require(
            group.at(direction), lambda value: value == (), "must be left empty", absent=Verdict.PASSED
        )


def _has_closed_default(vpc: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(vpc, vpc.at("id"), DEFAULT_GROUP, "vpcId")
    yield told(attached, DEFAULT_GROUP, "takes over and closes the default group of this VPC")


def _rules(resource: Resource, direction: str) -> tuple[At, ...]:
    """Return the rules of one direction, wherever a resource keeps them."""
    if resource.kind == GROUP:
        return resource.at(direction).each()
    if resource.kind == RULE:
        kind = resource.at("type")
        return (resource.at(),) if kind.value == direction or not kind.known else ()
    return (resource.at(),) if (resource.kind == INGRESS) == (direction == "ingress") else ()


def _sources(rule: At) -> tuple[At, ...]:
    """Return the CIDRs of a rule, in all spellings."""
    lists = [item for key in ("cidrBlocks", "ipv6CidrBlocks") for item in rule.at(key).each()]
    single = [place for key in ("cidrIpv4", "cidrIpv6") if not (place := rule.at(key)).absent]
    return (*lists, *single)


def _ports(rule: At) -> tuple[int, int] | None:
    """Return the first and last port of a rule; None when they are not known."""
    protocol = rule.at("protocol") if not rule.at("protocol").absent else rule.at("ipProtocol")
    if protocol.unknown:
        return None
    if protocol.value in ALL_PROTOCOLS:
        return (0, LAST_PORT)
    first, last = rule.at("fromPort"), rule.at("toPort")
    if first.unknown or last.unknown:
        return None
    low, high = whole_number(first.value), whole_number(last.value)
    return (0, LAST_PORT) if low is None or high is None else (low, high)


def _judge_rule(rule: At, fits: Callable[[tuple[int, int]], bool], reason: str) -> Iterator[Outcome]:
    """Judge what a rule opens to the world."""
    if rule.unknown:
        yield undecided(rule)
        return
    yield passed()
    for source in _sources(rule):
        if source.unknown:
            yield undecided(source)
        elif not is_cidr(source.value):
            yield failed(source, "is no CIDR")
        elif is_world(source.value):
            ports = _ports(rule)
            if ports is None:
                yield undecided(rule, "is open to the world on ports that are not known yet")
            elif not fits(ports):
                yield failed(source, reason)


def _doors_are_closed(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    for rule in _rules(resource, "ingress"):
        yield from _judge_rule(
            rule,
            lambda ports: ports[0] == ports[1] and ports[0] in PUBLIC_PORTS,
            f"lets in the world; only ports {' and '.join(map(str, PUBLIC_PORTS))} may be open to it",
        )


def _egress_is_narrow(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    for rule in _rules(resource, "egress"):
        yield from _judge_rule(
            rule,
            lambda ports: ports[1] - ports[0] < LAST_PORT - 1,
            "lets everything out to everywhere; name ports or destinations",
        )


def _says_what_for(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    places = [resource.at("description")]
    if resource.kind == GROUP:
        places += [
            rule.at("description") for key in ("ingress", "egress") for rule in resource.at(key).each()
        ]
    for place in places:
        yield require(
            place,
            lambda value: isinstance(value, str) and value not in _NO_DESCRIPTION,
            "must say what it is for",
        )


def _log_is_whole(log: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(log.at("trafficType"), one_of("ALL", "REJECT"), "must be ALL or REJECT")
    target = [log.at(key) for key in ("logDestination", "logGroupName") if not log.at(key).absent]
    # Being set is the proof: the ARN of a log group that is yet to be made is not known.
    yield require(
        target[0] if target else log.at("logDestination"),
        is_set,
        "must name where the log goes",
        unknown=Verdict.PASSED,
    )


def _flows_are_logged(vpc: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(vpc, vpc.at("id"), FLOW_LOG, "vpcId")
    yield told(attached, FLOW_LOG, "writes down the traffic of this VPC")


def _no_public_address(subnet: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(subnet.at("mapPublicIpOnLaunch"), is_no, "must be false", absent=Verdict.PASSED)


def _has_endpoints(vpc: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(vpc, vpc.at("id"), ENDPOINT, "vpcId")
    names = {within(endpoint, "serviceName") for endpoint in attached.sure}
    known = {str(name.value).split(".", 3)[-1] for name in names if name.known}
    missing = [service for service in NEEDED_ENDPOINTS if service not in known]
    if not missing:
        yield passed()
        return
    hidden = next((name for name in names if name.unknown), None)
    if hidden or attached.maybe:
        yield undecided(hidden or attached.maybe[0].name, "may be one of the endpoints; it is not known yet")
    else:
        yield failed("", f"no VpcEndpoint of this VPC leads to {', '.join(missing)}")


NETWORK: Family[Resource] = Family(
    name="network",
    title="Nothing comes in from strangers, little goes out, and what flows is written down.",
    prefixes=("aws:ec2/", "aws:vpc/"),
    view=itself,
    checks=(
        Check("network-default-group-is-closed", frozenset({DEFAULT_GROUP}), _default_is_closed),
        Check("network-doors-are-closed", frozenset({GROUP, RULE, INGRESS}), _doors_are_closed),
        Check("network-egress-is-narrow", frozenset({GROUP, RULE, EGRESS}), _egress_is_narrow),
        Check("network-rules-say-what-for", frozenset({GROUP, RULE, INGRESS, EGRESS}), _says_what_for),
        Check("network-flows-are-logged", frozenset({FLOW_LOG}), _log_is_whole),
        Check("network-subnet-gives-no-public-address", frozenset({SUBNET}), _no_public_address),
    ),
    relations=tuple(
        RelationCheck(control, frozenset({VPC}), rule)
        for control, rule in {
            "network-default-group-is-closed": _has_closed_default,
            "network-flows-are-logged": _flows_are_logged,
            "network-reaches-aws-by-endpoints": _has_endpoints,
        }.items()
    ),
    reads=frozenset({DEFAULT_GROUP, FLOW_LOG, ENDPOINT}),
)
