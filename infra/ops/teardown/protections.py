"""Protections against deletion: found, named, and lifted one by one."""

from collections.abc import Iterable

from infra.ops.account import Account
from infra.ops.inventory import Thing

KINDS = ("dynamodb/table", "eks/cluster")
"""What can be protected against its deletion."""


def found(things: Iterable[Thing]) -> list[str]:
    """Return what is protected, by name. Pure."""
    return sorted(f"{thing.kind} {thing.name}" for thing in things if thing.detail.get("protected"))


def lift(account: Account, things: Iterable[Thing]) -> list[str]:
    """Take the protection off each thing that has one; return what was lifted.

    Raises:
        ClientError: AWS refuses it.
    """
    lifted = []
    for thing in things:
        if not thing.detail.get("protected"):
            continue
        if thing.kind == "dynamodb/table":
            account.client("dynamodb", thing.region).update_table(
                TableName=thing.name, DeletionProtectionEnabled=False
            )
        elif thing.kind == "eks/cluster":
            account.client("eks", thing.region).update_cluster_config(
                name=thing.name, deletionProtection=False
            )
        else:
            raise KeyError(thing.kind)
        lifted.append(f"{thing.kind} {thing.name}")
    return sorted(lifted)
