"""What drills leave for the next signature of a readiness contract: whether all held, and the figures."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.readiness.attestation import Evidence
from services.readiness.digests import json_digest


def of_disaster(told: Mapping[str, Any], now: datetime) -> Evidence:
    """Return what a drilled loss of a region showed. Pure."""
    users = told["rto_seconds"]["users"]
    return Evidence(
        name="drill-disaster",
        digest=json_digest(told),
        passed=bool(told["good"]),
        made_at=now.isoformat(timespec="seconds"),
        figures={
            **({"rto_users_seconds": float(users)} if users is not None else {}),
            **{f"rpo_{store}_seconds": float(seconds) for store, seconds in told["rpo_seconds"].items()},
            "decisions_lost": float(told["decisions"]["lost"]),
            "decisions_lost_beyond_rpo": float(told["decisions"]["lost_beyond_the_stated_rpo"]),
        },
    )


def of_gameday(rows: Sequence[Mapping[str, Any]], now: datetime) -> Evidence:
    """Return what the scenarios of a game day showed. Pure."""
    seconds = [row["seconds_to_mend"] for row in rows if row["seconds_to_mend"] is not None]
    return Evidence(
        name="drill-gameday",
        digest=json_digest(list(rows)),
        passed=bool(rows) and all(row["good"] for row in rows),
        made_at=now.isoformat(timespec="seconds"),
        figures={
            "scenarios": float(len(rows)),
            "good": float(sum(bool(row["good"]) for row in rows)),
            "slowest_mend_seconds": float(max(seconds, default=0.0)),
        },
    )


def of_quiet(told: Mapping[str, Any], now: datetime) -> Evidence:
    """Return what minutes of ordinary traffic without an alert showed. Pure."""
    return Evidence(
        name="drill-quiet",
        digest=json_digest(told),
        passed=bool(told["quiet"]),
        made_at=now.isoformat(timespec="seconds"),
        figures={"minutes": float(told["minutes"]), "alerts": float(len(told["alerts"]))},
    )
