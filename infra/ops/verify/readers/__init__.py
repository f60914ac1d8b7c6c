"""Asks AWS and the cluster and writes down plain facts; what cannot be asked stands there as unseen."""

from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.verify.model import Facts, Unseen
from infra.ops.verify.readers import (
    audit,
    cluster,
    identity,
    inside,
    network,
    queues,
    recovery,
    storage,
    tagged,
)
from infra.ops.verify.readers.asking import Look
from infra.settings import Settings

KINDS = {
    **storage.KINDS,
    **queues.KINDS,
    **network.KINDS,
    **cluster.KINDS,
    **identity.KINDS,
    **audit.KINDS,
    **recovery.KINDS,
    **tagged.KINDS,
}
"""Kind of fact to what reads it from AWS."""


def collect(account: Account, settings: Settings) -> Facts:
    """Return everything that promises speak of.

    Args:
        account: Where to ask.
        settings: Settings of the stack; they name environment, regions and nothing else that is read here.
    """
    look = Look(account=account, settings=settings)
    facts: dict[str, dict[str, dict[str, object]] | Unseen] = {}
    for kind, read in KINDS.items():
        try:
            facts[kind] = read(look)
        except UNANSWERED as error:
            facts[kind] = Unseen(f"AWS did not answer: {reason(error)}")
    return {**facts, **inside.collect(account)}
