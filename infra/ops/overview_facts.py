"""Facts about an environment that are asked one by one; one that cannot be had says why."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.errors import PlinthError
from infra.local.paths import home, repo_root
from infra.ops import contracts, costs
from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.recovery import backups
from infra.settings import Settings
from services.readiness.digests import bytes_digest

LAST_PHASE = "record"
"""Phase of a rebuild after which it is done."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that is known, or the reason why it is not.

    Args:
        known: Whether it is.
        says: In a sentence.
        good: Whether it is as it should be; None where that cannot be said.
        at: When it was so, UTC; empty when it has no time.
    """

    known: bool
    says: str
    good: bool | None = None
    at: str = ""


def backup(settings: Settings, *, up: bool) -> Fact:
    """Return how old the newest backups are, as the recovery part tells.

    Args:
        settings: Of the stack.
        up: Whether its platform is.
    """
    if settings.aws.emulated and not up:
        return Fact(known=False, says="the platform is down")

    def ask() -> Fact:
        rows = backups.status(settings, Account.of(settings))
        late = [f"{row.store}: {row.problem}" for row in rows if row.problem]
        times = sorted(row.newest for row in rows if row.newest)
        if late:
            return Fact(known=True, says="; ".join(late), good=False, at=times[-1] if times else "")
        if not times:
            return Fact(known=True, says="none has been made yet: ./plinth backup run", good=None)
        return Fact(known=True, says=f"none of {len(rows)} stores is late", good=True, at=times[-1])

    return _or_why(ask)


def drill(environment: str) -> Fact:
    """Return the latest drill that left its evidence."""
    latest = _rebuilt(environment)
    for path in contracts.evidence_folder(environment).glob("drill-*.json"):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(told, dict) and str(told.get("made_at", "")) > str(latest.get("made_at", "")):
            latest = told
    if not latest:
        return Fact(known=True, says="none has been held here yet", good=None)
    passed = bool(latest.get("passed"))
    name = str(latest.get("name", "")).removeprefix("drill-")
    return Fact(
        known=True, says=f"{name}: {'passed' if passed else 'failed'}", good=passed, at=str(latest["made_at"])
    )


def _rebuilt(environment: str) -> dict[str, Any]:
    """Return the last rebuild of this environment into another one as a drill; empty when there was none."""
    told = [
        {"name": "rebuild", "made_at": kept["begun"], "passed": LAST_PHASE in kept.get("phases", {})}
        for path in (home() / "rebuild").glob(f"{environment}-*.json")
        if (kept := _kept(path)).get("begun")
    ]
    return max(told, key=lambda one: str(one["made_at"]), default={})


def cost(stack: str, settings: Settings, *, estimate: bool) -> Fact:
    """Return what a month costs by list prices, as it was last worked out.

    Args:
        stack: Name of the stack.
        settings: Its settings.
        estimate: Work it out anew where settings or prices have changed.
    """
    kept = home() / "cost" / f"{stack}.json"
    file = repo_root() / "stacks" / f"Pulumi.{stack}.yaml"

    def ask() -> Fact:
        source = bytes_digest(file.read_bytes() + (repo_root() / "infra" / "prices.yaml").read_bytes())
        told = _kept(kept)
        if estimate and told.get("source") != source:
            _, found = costs.lines(file)
            month = costs.document(settings, found, today=datetime.now(UTC).date())
            told = {
                "source": source,
                "usd_per_month": month["usd_per_month"],
                "budget_usd": month["budget_usd"],
                "at": at(datetime.now(UTC)),
            }
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept.write_text(json.dumps(told), encoding="utf-8")
        if not told:
            return Fact(known=False, says=f"not worked out yet: ./plinth cost --stack {stack}")
        within = told["usd_per_month"] <= told["budget_usd"]
        old = "" if told["source"] == source else "; settings or prices have changed since"
        emulated = ", were it on AWS" if settings.aws.emulated else ""
        return Fact(
            known=True,
            says=f"{told['usd_per_month']:,.0f} USD a month by list prices{emulated}; "
            f"budget {told['budget_usd']:,} USD{old}",
            good=within,
            at=str(told["at"]),
        )

    return _or_why(ask)


def _kept(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _or_why(ask: Callable[[], Fact]) -> Fact:
    try:
        return ask()
    except PlinthError as error:
        return Fact(known=False, says=error.what)
    except UNANSWERED as error:
        return Fact(known=False, says=f"cannot be seen here: {reason(error)}")
    except OSError as error:
        return Fact(known=False, says=f"cannot be read: {type(error).__name__}")


def at(when: datetime) -> str:
    """Return a time as facts state it: UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds")
