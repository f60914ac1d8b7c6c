"""The whole drill: an environment under load loses its region and lives again in the other one."""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.ops import changes, emulated, lifecycle, state, status
from infra.ops.account import Account
from infra.ops.console import Steps
from infra.ops.drills import failback, loss
from infra.ops.drills.load import Load
from infra.ops.recovery import backups, keeping, rebuild, records, tables
from infra.settings import Settings
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import BucketStore

LOST, INTO, SERVICE = "local", "local-dr", "credit-risk"
GOAL_SECONDS = 300.0
"""What the rebuild may take on the local platform: five minutes."""
LOAD_SECONDS = 75.0
"""How long decisions are made before the loss: longer than it takes to seal a segment of the log (60 s)."""
OBJECTS = ("artifacts", "data")
"""Data classes whose objects are counted before and after; the decision log is counted by its records."""
AFTER_DECISIONS = 20
"""Decisions after the rebuild that are waited for."""
AFTER_SECONDS = 30.0


def run(steps: Steps, *, and_back: bool = False) -> dict[str, Any]:
    """Bring the stack up, lose its region under load, rebuild it elsewhere, and return what was measured.

    Args:
        steps: Where progress is shown.
        and_back: Go back to the original region afterwards, once it answers again.
    """
    file = emulated.stack_file(LOST)
    with steps.step("the environment"):
        ready = changes.prepare(file, steps)
        planned, _ = changes.up(ready, steps, adopt_existing=True)
        status.wait(LOST, 60)
        records.after_up(ready.settings, planned)
    settings, account = ready.settings, Account.of(ready.settings)
    with steps.step("a model in the registry"):
        if not lifecycle.versions(SERVICE, settings, "aws"):
            lifecycle.train(
                SERVICE, settings, place="aws", key_file=None, deliveries=(), prefix=None, say=steps.say
            )
    with Load(LOST, SERVICE) as load:
        with steps.step("load"):
            time.sleep(LOAD_SECONDS / 2)
            backup = backups.run(settings, account)
            time.sleep(LOAD_SECONDS / 2)
            before = Before(
                tables=_tables(settings, account),
                objects=_objects(settings, account),
                state=state.digest(LOST),
            )
        with steps.step("the region is lost"):
            lost_at = loss.region(settings, account)
        into = emulated.stack_file(INTO)
        told = rebuild.run(changes.stack_settings(file, {}), changes.stack_settings(into, {}), into, steps)
        with steps.step("users again"):
            load.wait(_made(load) + AFTER_DECISIONS, AFTER_SECONDS)
    rebuilt = records.built_settings(into)
    report = _report(load, lost_at, backup.at, before, told, rebuilt, Account.of(rebuilt))
    if and_back:
        report["back"] = failback.run(rebuilt, file, SERVICE, AFTER_DECISIONS, steps)
        report["good"] = report["good"] and report["back"]["good"]
    return report


@dataclass(frozen=True, kw_only=True)
class Before:
    """What there was a moment before the loss.

    Args:
        tables: Role of a table to its items.
        objects: Data class to the objects of its bucket, each with when it was written.
        state: Digest of what the state held.
    """

    tables: dict[str, set[bytes]]
    objects: dict[str, dict[str, float]]
    state: str


def _made(load: Load) -> int:
    return sum(bool(one.decision) for one in load.answers)


def _tables(settings: Settings, account: Account) -> dict[str, set[bytes]]:
    client = account.client("dynamodb")
    return {
        role: set(tables.dump(client, tables.name_of(settings, role)).splitlines()) for role in tables.ROLES
    }


def _objects(settings: Settings, account: Account) -> dict[str, dict[str, float]]:
    pages = account.client("s3").get_paginator("list_objects_v2")
    return {
        kind: {
            row["Key"]: row["LastModified"].timestamp()
            for page in pages.paginate(Bucket=keeping.bucket(settings, kind))
            for row in page.get("Contents", ())
        }
        for kind in OBJECTS
    }


def _report(  # noqa: PLR0917 - called once, above
    load: Load,
    lost_at: float,
    backed_up_at: str,
    before: Before,
    told: dict[str, Any],
    rebuilt: Settings,
    account: Account,
) -> dict[str, Any]:
    store = BucketStore(keeping.bucket(rebuilt, "decisions"), account.client("s3"))
    reader = Reader(SERVICE, store=store)
    logged = {record.body.get("id") for record in reader.decisions()}
    # What was answered between the first moment of the loss and the last breath of the pods counts as well.
    ended = load.bad_after(lost_at) or lost_at
    acknowledged = [one for one in load.answers if one.decision and one.at < ended]
    lost = [one for one in acknowledged if one.decision not in logged]
    stated = backups.RPO_SECONDS
    now, kept = _tables(rebuilt, account), _objects(rebuilt, account)
    gone = {kind: set(names) - set(kept[kind]) for kind, names in before.objects.items()}
    since = {kind: min((before.objects[kind][name] for name in gone[kind]), default=lost_at) for kind in gone}
    made_at = datetime.fromisoformat(told["kept"]["state"]).timestamp()
    same = told["kept"]["state_digest"] == before.state
    rpo = {
        "decisions": round(ended - min((one.at for one in lost), default=ended), 1),
        "tables": round(lost_at - datetime.fromisoformat(backed_up_at).timestamp(), 1),
        "state": 0.0 if same else round(lost_at - made_at, 1),
        **{kind: round(lost_at - at, 1) for kind, at in since.items()},
    }
    back = load.good_for_good(lost_at)
    first = load.good_after(ended) if ended > lost_at else None
    findings = len(reader.verify().findings)
    beyond = sum(ended - one.at > stated["decisions"] for one in lost)
    reached = loss.refused(account.proxy)
    differs = told["differs"]
    return {
        "lost": {"stack": LOST, "at": datetime.fromtimestamp(lost_at, UTC).isoformat(timespec="seconds")},
        "machine": {"cores": os.cpu_count(), "load_average": [round(one, 1) for one in os.getloadavg()]},
        "rto_seconds": {
            **told["rto_seconds"],
            "users": round(back - lost_at, 1) if back else None,
            "first_decision": round(first - lost_at, 1) if first else None,
            "goal": GOAL_SECONDS,
        },
        "rpo_seconds": rpo,
        "stated_rpo_seconds": stated,
        "decisions": {
            "acknowledged": len(acknowledged),
            "restored": len(acknowledged) - len(lost),
            "lost": len(lost),
            "lost_beyond_the_stated_rpo": beyond,
            "log_findings": findings,
        },
        "table_items_lost": {role: len(rows - now[role]) for role, rows in before.tables.items()},
        "objects_lost": {kind: len(names) for kind, names in gone.items()},
        "users_saw": load.as_json(lost_at),
        "requests_to_the_lost_region": reached["requests"],
        "graph": {
            "equal": differs["equal"],
            "gone": differs["gone"],
            "new": differs["new"],
            "unequal": differs["unequal"],
            "stays_with_the_account": len(differs["once"]),
        },
        "settings": differs["settings"],
        "by_hand_afterwards": told["by_hand"],
        "rebuild": told["phases"],
        "good": bool(
            back is not None
            and beyond == 0
            and findings == 0
            and differs["equal"]
            and back - lost_at <= GOAL_SECONDS
        ),
    }
