"""What there is: every thing in an account and in a cluster, asked of the APIs and not of any state file."""

from infra.ops.inventory.aws import KINDS, things_in
from infra.ops.inventory.cluster import objects_in
from infra.ops.inventory.model import Found, Thing

__all__ = ["KINDS", "Found", "Thing", "objects_in", "things_in"]
