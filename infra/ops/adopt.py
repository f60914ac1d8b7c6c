"""Takes into the state what exists already: left behind by a run that was cut off before it wrote it down.

A resource whose physical name the program itself chose meets itself again when it is created once more. One
whose id AWS draws does not: it is looked for among what the environment has and its state does not know, by
the tags that it was being created with. Objects in the cluster are applied over what is there and need no
adoption.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.local.certs import write_private
from infra.local.paths import home
from infra.ops.events import Run, Step
from infra.ops.inventory import Thing
from infra.ops.inventory.aws import IS

IDENTITY = {
    "aws:backup/vault:Vault": "name",
    "aws:cloudwatch/logGroup:LogGroup": "name",
    "aws:dynamodb/table:Table": "name",
    "aws:ecr/repository:Repository": "name",
    "aws:eks/cluster:Cluster": "name",
    "aws:iam/role:Role": "name",
    "aws:kms/alias:Alias": "name",
    "aws:s3/bucket:Bucket": "bucket",
}
"""Type to the input that is its id in AWS."""
DRAWN = {
    type_: IS[type_]
    for type_ in (
        "aws:ec2/eip:Eip",
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/natGateway:NatGateway",
        "aws:ec2/routeTable:RouteTable",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        "aws:kms/key:Key",
    )
}
"""Type whose id AWS draws, to the kind under which the inventory lists it; an import takes that id."""
_GOING = ("PendingDeletion", "PendingReplicaDeletion")
"""States of a key that somebody has let go; it is nobody's orphan."""
BY_NAME = {
    "aws:ec2/securityGroup:SecurityGroup": ("vpcId", "name"),
    "aws:ec2/subnet:Subnet": ("vpcId", "cidrBlock"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ("url",),
    "aws:iam/policy:Policy": ("name",),
}
"""Type to the inputs of which AWS has one thing at most; its id is another word."""
Taken = tuple[Step, str]
"""A resource to adopt, and its id in AWS."""
_EXISTS = (
    "BucketAlreadyOwnedByYou",
    "AlreadyExistsException",
    "EntityAlreadyExists",
    "InvalidGroup.Duplicate",
    "InvalidSubnet.Conflict",
    "ResourceInUseException",
)
"""What AWS answers when the account itself already has the thing. A bucket of somebody else's gives
BucketAlreadyExists, which is never adopted."""


def collisions(run: Run) -> list[Step]:
    """Return the resources that a run could not create because this account already has them."""
    failed = {urn for urn, message in run.failures if any(word in message for word in _EXISTS)}
    return [step for step in run.steps if step.urn in failed and {step.type} & (set(IDENTITY) | set(BY_NAME))]


def named(steps: Iterable[Step]) -> list[Taken]:
    """Return resources with the ids that follow from what the program asks for. Pure."""
    return [(step, str(step.inputs[IDENTITY[step.type]])) for step in steps if step.type in IDENTITY]


def kinds(steps: Iterable[Step]) -> set[str]:
    """Return the kinds of things among which resources have to be looked for, by tags or by name. Pure."""
    return {IS[step.type] for step in steps if step.type in DRAWN or step.type in BY_NAME}


def orphans(
    begun: Iterable[Step], known: Collection[str], things: Iterable[Thing], environment: str
) -> list[Taken]:
    """Return resources whose creation was cut off, with the thing that each of them became. Pure.

    Where more than one thing could be it, none is taken: a wrong one would be worse than one too many.

    Args:
        begun: What was being created, with its inputs.
        known: Ids of everything that the state holds.
        things: What there is, of the kinds in :data:`DRAWN`.
        environment: Whose things may be taken.
    """
    free = [
        thing
        for thing in things
        if thing.id not in known and thing.belongs_to(environment) and thing.detail.get("state") not in _GOING
    ]
    found = []
    for step in begun:
        fits = [thing for thing in free if thing.kind == IS.get(step.type) and _is(step, thing)]
        if len(fits) == 1:
            found.append((step, fits[0].id))
    return found


def _is(step: Step, thing: Thing) -> bool:
    if step.type in BY_NAME:
        asked = " ".join(str(step.inputs.get(word)) for word in BY_NAME[step.type])
        return bool(asked == thing.detail.get("name", thing.name))
    tags = {str(key): str(value) for key, value in (step.inputs.get("tags") or {}).items()}
    return bool(tags) and step.type in DRAWN and tags.items() <= (thing.tags or {}).items()


def remember(run: Run, stack: str) -> None:
    """Write down what could not be created and has no id of its own choosing; forget it after a good run.

    AWS may have made it all the same: an answer was lost, and then no more came. The state knows nothing of
    it, since for the engine it failed.
    """
    failed = {urn for urn, _ in run.failures}
    steps = [step for step in run.steps if step.urn in failed and step.type in {*DRAWN, *BY_NAME}]
    path = _unsure(stack)
    if not steps:
        path.unlink(missing_ok=True)
        return
    write_private(path, json.dumps([asdict(step) for step in steps], indent=2))


def remembered(stack: str) -> list[Step]:
    """Return what could not be created by the last run, so far as this machine knows."""
    try:
        rows = json.loads(_unsure(stack).read_text(encoding="utf-8"))
        return [Step(**{**row, "differences": tuple(row["differences"])}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _unsure(stack: str) -> Path:
    return home() / "unsure" / f"{stack}.json"


def import_file(found: Iterable[Taken]) -> dict[str, Any]:
    """Return what ``pulumi import`` reads, for the resources to adopt. Pure."""
    table: dict[str, str] = {}
    rows = []
    for step, identity in {step.urn: (step, identity) for step, identity in found}.values():
        provider = step.provider.rsplit("::", 1)[-1]
        table["provider-" + provider] = step.provider
        row = {
            "type": step.type,
            "name": step.name,
            "id": identity,
            "provider": "provider-" + provider,
        }
        if step.parent:
            table["parent-" + step.name] = step.parent
            row["parent"] = "parent-" + step.name
        rows.append(row)
    return {"nameTable": table, "resources": rows}


def write(found: list[Taken], stack: str) -> Path:
    """Write the import file of a stack and return its place."""
    path = home() / f"adopt-{stack}.json"
    path.write_text(json.dumps(import_file(found), indent=2), encoding="utf-8")
    return path
