"""Reads the tags of everything that can carry any."""

from infra.ops.inventory import things_in
from infra.ops.verify.model import Unseen
from infra.ops.verify.readers.asking import Documents, Look


def _things(look: Look) -> Documents:
    """Return the tags of each thing that tags or name say is of this environment."""
    found = things_in(look.account, look.regions)
    documents: Documents = {
        f"{thing.kind} {thing.name} ({thing.id.rsplit('/', 1)[-1]}, {thing.region or 'no region'})": {
            "kind": thing.kind,
            "tags": {key.removeprefix("plinth:"): value for key, value in thing.tags.items()},
        }
        for thing in found.things
        if thing.tags is not None and _ours(look, thing.belongs_to(look.settings.environment))
    }
    for what, why in found.unseen.items():
        documents[what] = {"kind": what, "tags": Unseen(why)}
    return documents


def _ours(look: Look, known: bool) -> bool:  # noqa: FBT001 - one argument, one meaning
    """On the local AWS API everything is: nobody else can have put it there."""
    return known or look.account.emulated


KINDS = {"thing": _things}
