"""Takes an environment down for good, and then looks for itself whether anything is left."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infra.ops import baseline, changes, inventory, state
from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.console import Steps
from infra.ops.events import Run
from infra.ops.inventory import Found, Thing
from infra.ops.teardown import protections, retained
from infra.ops.teardown.leftovers import Left, explained
from infra.settings import Settings


@dataclass(kw_only=True)
class Teardown:
    """What was done, and what is left."""

    destroyed: int = 0
    """Resources that the engine removed."""
    lifted: list[str] = field(default_factory=list)
    """Protections that had to be taken away first."""
    swept: list[str] = field(default_factory=list)
    """What the program keeps when it lets go, and that was removed by hand afterwards."""
    errors: list[str] = field(default_factory=list)
    """What the engine could not remove, in its own words."""
    left: list[Left] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)
    """What could not be enumerated, and why."""

    @property
    def clean(self) -> bool:
        """Tell whether everything that is left is left by retention, and everything was looked at."""
        return not self.errors and not self.unseen and all(row.by_retention for row in self.left)


def plan(settings: Settings, account: Account) -> dict[str, Any]:
    """Return what a teardown would do, for the person who has to agree."""
    here = [thing for thing in _enumerated(settings, account).things if _ours(settings, account, thing)]
    return {
        "resources": state.resource_count(settings.environment),
        "things": len(here),
        "protections": protections.found(here),
        "buckets": sorted(thing.name for thing in here if thing.kind == "s3/bucket"),
    }


def run(settings: Settings, file: Path, steps: Steps) -> Teardown:
    """Lift protections, destroy the stack, remove what it retains, and enumerate what is left.

    Args:
        settings: Settings of the stack.
        file: The stack file.
        steps: Where progress is shown.

    Raises:
        PlinthError: The platform is down, or the stack lives on AWS.
    """
    changes.require_emulated(settings, file)
    account, done = Account.of(settings), Teardown()
    with steps.step("protections"):
        here = _enumerated(settings, account, protections.KINDS).things
        here = [thing for thing in here if _ours(settings, account, thing)]
        done.lifted = protections.lift(account, here)
    engine = changes.attach(settings, file, steps)
    with steps.step("destroy"):
        protected = state.protected(settings.environment)
        if protected:
            engine.unprotect()
            done.lifted.append(f"{len(protected)} keys in the state")
        ran = engine.run(
            "destroy",
            "--yes",
            "--skip-preview",
            "--continue-on-error",
            listener=lambda found: steps.say(f"{found.done} resources"),
        )
        done.destroyed, done.errors = ran.done, _errors(ran)
    if not done.errors:  # else something may still need what the stack retains, such as a table its key
        with steps.step("retained"):
            done.swept = retained.sweep(
                account, settings, _enumerated(settings, account, retained.KINDS).things
            )
    with steps.step("enumerate"):
        look(settings, account, done)
    return done


def look(settings: Settings, account: Account, done: Teardown) -> None:
    """Enumerate account and cluster, and say of each thing why it is left."""
    seen = _enumerated(settings, account)
    ours = [thing for thing in seen.things if _ours(settings, account, thing)]
    cluster = inventory.objects_in(account)
    before = baseline.read(settings.environment)
    objects = baseline.added(cluster, before)
    done.unseen = {**seen.unseen, **cluster.unseen}
    if before is None:
        done.unseen["what others put into the cluster"] = "nobody wrote down what it held before the first up"
    try:
        records = retained.records(account, ours)
    except UNANSWERED as error:  # what is left is named all the same
        records, done.unseen["what retention holds"] = {}, reason(error)
    done.left = explained(ours, records) + explained(objects, {})


def _enumerated(settings: Settings, account: Account, kinds: Iterable[str] = inventory.KINDS) -> Found:
    return inventory.things_in(account, settings.regions(), kinds=kinds)


def _ours(settings: Settings, account: Account, thing: Thing) -> bool:
    """On the local AWS API everything is the stack's: nobody else can have put it there."""
    return account.emulated or thing.belongs_to(settings.environment)


def _errors(ran: Run) -> list[str]:
    if not ran.exit_code:
        return []
    return ran.errors or ["the engine gave no reason: ./plinth logs engine"]


def as_json(done: Teardown) -> dict[str, Any]:
    """Return what was done and what is left as data for ``--json``."""
    return {**asdict(done), "clean": done.clean}
