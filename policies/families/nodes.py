"""EC2 nodes: metadata needs a token, disks are encrypted, and no node stands in the open."""

import base64
import binascii
import contextlib
from collections.abc import Iterator

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
    not_applicable,
    passed,
    require,
    undecided,
)
from policies.core.verdicts import Verdict, is_set, one_of
from policies.families.common import exists, is_no, is_yes, itself, once, whole_number
from policies.families.network import SUBNET
from policies.families.secrets_in_text import holds_secret

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
DEFAULT_ENCRYPTION = "aws:ebs/encryptionByDefault:EncryptionByDefault"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
_MACHINES = frozenset({TEMPLATE, INSTANCE})

LONGEST_HOPS = 1
"""Network hops of a metadata answer: one keeps it on the node, out of reach of pods (AWS CT.EC2.PR.2)."""


def _needs_token(machine: Resource, _: PolicySettings) -> Iterator[Outcome]:
    options = machine.at("metadataOptions")
    if options.at("httpEndpoint").value == "disabled":
        yield passed()
        return
    yield require(options.at("httpTokens"), one_of("required"), "must be required")
    yield require(
        options.at("httpPutResponseHopLimit"),
        lambda value: whole_number(value) == LONGEST_HOPS,
        f"must be {LONGEST_HOPS}",
        absent=Verdict.PASSED,  # EC2's own default is one hop
    )


def _encrypted(disk: At) -> Iterator[Outcome]:
    yield require(disk.at("encrypted"), is_yes, "must be true")
    yield require(
        disk.at("kmsKeyId"),
        lambda value: is_set(value) and value != "alias/aws/ebs",
        "must name a customer-managed key",
        unknown=Verdict.PASSED,  # being set is the proof: the key may be yet to be made
    )


def _disks_are_encrypted(machine: Resource, _: PolicySettings) -> Iterator[Outcome]:
    if machine.kind == VOLUME:
        yield from _encrypted(machine.at())
        return
    if machine.kind == INSTANCE:
        disks = (machine.at("rootBlockDevice"), *machine.at("ebsBlockDevices").each())
    else:
        disks = tuple(item.at("ebs") for item in machine.at("blockDeviceMappings").each())
    if not disks:
        yield failed("blockDeviceMappings", "is not set; must encrypt the disk of the image")
    for disk in disks:
        yield from _encrypted(disk)


def _on_by_default(default: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(default.at("enabled"), is_yes, "must be true", absent=Verdict.PASSED)


def _is_private(machine: Resource, _: PolicySettings) -> Iterator[Outcome]:
    places = [machine.at("associatePublicIpAddress")]
    places += [item.at("associatePublicIpAddress") for item in machine.at("networkInterfaces").each()]
    for place in places:
        yield require(place, is_no, "must be false", absent=Verdict.PASSED)
    for key in ("userData", "userDataBase64"):
        yield _without_secret(machine.at(key))


def _without_secret(place: At) -> Outcome:
    if place.absent:
        return passed()
    if place.unknown:
        return undecided(place, "is not known yet; put secrets nowhere near it and build it from settings")
    text = str(place.value)
    with contextlib.suppress(binascii.Error):  # then it is plain text
        text += base64.b64decode(text, validate=True).decode("utf-8", errors="replace")
    return failed(place, "seems to hold a credential") if holds_secret(text) else passed()


def _no_world_ssh(group: Resource, _: PolicySettings) -> Iterator[Outcome]:
    access = group.at("remoteAccess")
    if access.absent:
        yield passed()
        return
    groups = access.at("sourceSecurityGroupIds")
    # Being set is the proof: AWS opens port 22 to the world only where no group is named.
    yield require(groups, bool, "must name the groups that may use SSH", unknown=Verdict.PASSED)


def _in_private_subnets(group: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    # Subnets of other stacks are judged where they are made.
    sources = [stack.by_urn(urn) for urn in group.property_dependencies.get("subnetIds", ())]
    subnets = [source for source in sources if source is not None and source.kind == SUBNET]
    if not subnets:
        yield not_applicable()
    for subnet in subnets:
        place = subnet.at("mapPublicIpOnLaunch")
        if place.unknown:
            yield undecided(f"subnetIds: {subnet.name}.mapPublicIpOnLaunch")
        else:
            yield (
                passed()
                if place.absent or is_no(place.value)
                else failed("subnetIds", f"holds {subnet.name}, which gives nodes public addresses")
            )


NODES: Family[Resource] = Family(
    name="nodes",
    title="Nodes hand out no credentials, keep encrypted disks, and stand behind a door.",
    prefixes=("aws:ec2/", "aws:ebs/", "aws:eks/nodeGroup"),
    view=itself,
    checks=(
        Check("node-metadata-needs-token", _MACHINES, _needs_token),
        Check("node-disks-are-encrypted", _MACHINES | {VOLUME}, _disks_are_encrypted),
        Check("node-disks-encrypt-by-default", frozenset({DEFAULT_ENCRYPTION}), _on_by_default),
        Check("node-is-private", _MACHINES, _is_private),
        Check("node-group-is-private", frozenset({NODE_GROUP}), _no_world_ssh),
    ),
    relations=(
        RelationCheck("node-group-is-private", frozenset({NODE_GROUP}), _in_private_subnets),
        once(
            "node-disks-encrypt-by-default",
            frozenset({TEMPLATE, INSTANCE, VOLUME, NODE_GROUP}),
            exists(DEFAULT_ENCRYPTION, "that encrypts what forgets to ask for it"),
        ),
    ),
    reads=frozenset({SUBNET, DEFAULT_ENCRYPTION}),
)
