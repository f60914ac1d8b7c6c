"""What design.md promises and can be read back, as data."""

from infra.ops.verify.model import Promise
from infra.ops.verify.promises import audit, cluster, foundation, inside, recovery, storage

PROMISES: tuple[Promise, ...] = (
    *foundation.PROMISES,
    *storage.PROMISES,
    *cluster.PROMISES,
    *inside.PROMISES,
    *audit.PROMISES,
    *recovery.PROMISES,
)
"""All of them, in the order of design.md."""
