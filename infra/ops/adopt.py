"""Takes into the state what exists already: left behind by a run that was cut off before it wrote it down.

Only resources whose physical name the program itself chose can meet themselves again; objects in the
cluster are applied over what is there and need no adoption.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.local.paths import home
from infra.ops.events import Run, Step

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
_EXISTS = (
    "BucketAlreadyOwnedByYou",
    "AlreadyExistsException",
    "EntityAlreadyExists",
    "ResourceInUseException",
)
"""What AWS answers when the account itself already has the thing. A bucket of somebody else's gives
BucketAlreadyExists, which is never adopted."""


def collisions(run: Run) -> list[Step]:
    """Return the resources that a run could not create because this account already has them."""
    failed = {urn for urn, message in run.failures if any(word in message for word in _EXISTS)}
    return [step for step in run.steps if step.urn in failed and step.type in IDENTITY]


def import_file(steps: Iterable[Step]) -> dict[str, Any]:
    """Return what ``pulumi import`` reads, for the resources to adopt. Pure."""
    table: dict[str, str] = {}
    rows = []
    for step in {step.urn: step for step in steps}.values():
        provider = step.provider.rsplit("::", 1)[-1]
        table["provider-" + provider] = step.provider
        row = {
            "type": step.type,
            "name": step.name,
            "id": step.inputs[IDENTITY[step.type]],
            "provider": "provider-" + provider,
        }
        if step.parent:
            table["parent-" + step.name] = step.parent
            row["parent"] = "parent-" + step.name
        rows.append(row)
    return {"nameTable": table, "resources": rows}


def write(steps: list[Step], stack: str) -> Path:
    """Write the import file of a stack and return its place."""
    path = home() / f"adopt-{stack}.json"
    path.write_text(json.dumps(import_file(steps), indent=2), encoding="utf-8")
    return path
