"""The way back: the lost region answers again, and the environment returns to it."""

import time
from pathlib import Path
from typing import Any

from infra.local import session
from infra.ops import changes
from infra.ops.account import Account
from infra.ops.chaos.small_stack import ask_faults
from infra.ops.console import Steps
from infra.ops.drills import loss
from infra.ops.drills.load import Load
from infra.ops.recovery import keeping, rebuild, records, sources
from infra.settings import Settings
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import BucketStore

LONGEST_SECONDS = 60.0
"""Longest wait for decisions, before the switch and after it."""


def run(living: Settings, original: Path, service: str, decisions: int, steps: Steps) -> dict[str, Any]:
    """Return to the original region by the commands of the runbook, and count what was lost on the way.

    The region answers again with all that it had. Its state is brought back from its own bucket, then
    ``./plinth rebuild --planned --onto-living`` moves what has been written elsewhere meanwhile. A laptop has
    one cluster for both regions, so it is stopped in an orderly way and begun empty in between: users see
    that time, which two regions with a cluster each would not show them.

    Args:
        living: Settings of the stack that took the original's place.
        original: Stack file of the original.
        service: Service that is asked.
        decisions: How many decisions are made before the switch, and waited for after it.
        steps: Where progress is shown.
    """
    into = changes.stack_settings(original, {})
    with steps.step("the region is back"):
        ask_faults(Account.of(living).proxy, "DELETE")
        with Load(living.environment, service) as load:
            load.wait(decisions, LONGEST_SECONDS)
            kept = {one.decision for one in load.answers if one.decision}
        sources.restore_state(into, Account.of(into))
    began = time.time()
    with steps.step("the switch"):
        session.stop()  # in order: what the pods still hold is sealed and shipped
        loss.empty_cluster()
        session.start()
    source = changes.stack_settings(original.with_name(f"Pulumi.{living.environment}.yaml"), {})
    told = rebuild.run(source, into, original, steps, planned=True, onto_living=True)
    with steps.step("users again"), Load(into.environment, service) as load:
        load.wait(decisions, LONGEST_SECONDS)
        back = load.good_for_good(began)
    settings = records.built_settings(original)
    account = Account.of(settings)
    reader = Reader(service, store=BucketStore(keeping.bucket(settings, "decisions"), account.client("s3")))
    logged = {record.body.get("id") for record in reader.decisions()}
    findings = len(reader.verify().findings)
    record = records.load(settings)
    unlike = [f"{one.of}: {one.what[:300]}" for one in records.verify(settings, record, account)]
    return {
        "from": living.environment,
        "into": into.environment,
        "decisions": {"acknowledged": len(kept), "lost": len(kept - logged), "log_findings": findings},
        "seconds": {**told["rto_seconds"], "users": round(back - began, 1) if back else None},
        "graph_equal": told["differs"]["equal"],
        "record_verify": unlike,
        "good": bool(back is not None and kept and kept <= logged and not findings and not unlike),
    }
