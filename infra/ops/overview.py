"""Everything that a stranger asks first: what runs, whether it may, who complains, since when, for how much.

Each fact is asked on its own; one that cannot be had says why, and takes no other with it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from infra.errors import PlinthError
from infra.local.paths import home, repo_root
from infra.ops import contracts, costs, status
from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.console import screen
from infra.ops.recovery import backups
from infra.ops.status import Status
from infra.settings import Settings
from services.readiness.digests import bytes_digest
from services.readiness.errors import ServiceError

ASK_SECONDS = 5
SILENT = "Watchdog"
"""Fires always, to prove that alerts flow; it is no complaint."""
LAST_PHASE = "record"
"""Phase of a rebuild after which it is done."""
SEVERITIES = ("page", "ticket")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ServiceFacts:
    """One service, and whether it may run.

    Args:
        name: Its name.
        ready: Pods that are ready.
        wanted: Pods that shall be.
        model_digest: The model that it serves.
        url: Where it is asked.
        contract_holds: Whether its readiness contract holds for this model; None when nobody can tell.
        contract: How it stands, in a sentence.
    """

    name: str
    ready: int
    wanted: int
    model_digest: str
    url: str
    contract_holds: bool | None
    contract: str


@dataclass(frozen=True, kw_only=True)
class Firing:
    """One alert that fires.

    Args:
        name: Of the alert.
        severity: ``page`` or ``ticket``.
        summary: What is wrong, in a line.
        since: When it began, UTC.
        command: Prints its runbook.
    """

    name: str
    severity: str
    summary: str
    since: str
    command: str


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


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The environment at one moment, with all that is known of it."""

    status: Status
    made_at: str
    services: list[ServiceFacts] = field(default_factory=list)
    alerts: list[Firing] = field(default_factory=list)
    watching: Fact
    backup: Fact
    drill: Fact
    cost: Fact

    @property
    def complaints(self) -> list[str]:
        """Return everything that is wrong now, one sentence each."""
        found = list(self.status.problems)
        found += [
            f"the contract of {one.name} does not hold: {one.contract}"
            for one in self.services
            if one.contract_holds is False
        ]
        return found + [f"{one.name}: {one.summary} ({one.command})" for one in self.alerts]

    @property
    def well(self) -> bool:
        """Return whether nothing is wrong that somebody has to look at now; a ticket may wait."""
        return (
            self.status.healthy
            and all(one.contract_holds is not False for one in self.services)
            and all(one.severity != "page" for one in self.alerts)
        )


def collect(stack: str, settings: Settings, *, estimate: bool = False) -> Overview:
    """Ask everything.

    Args:
        stack: Name of the stack.
        settings: Its settings.
        estimate: Work the cost out anew where settings or prices have changed, which takes seconds.
    """
    found = status.collect(stack)
    firing, watching = alerts(found.endpoints.get("alertmanager", ""), up=found.platform != "down")
    return Overview(
        status=found,
        made_at=_time(datetime.now(UTC)),
        services=[_service(one, settings) for one in found.services],
        alerts=firing,
        watching=watching,
        backup=_backup(settings, up=found.platform != "down"),
        drill=_drill(settings.environment),
        cost=_cost(stack, settings, estimate=estimate),
    )


def _service(one: status.ServiceStatus, settings: Settings) -> ServiceFacts:
    holds: bool | None
    try:
        standing = contracts.standing(one.name, settings, model_digest=one.model_digest)
        holds = standing.holds
        by = {"development": "signed for development only", "release": "signed by both owners"}
        says = (
            f"{by.get(standing.signed_for, 'signed')}, ends {standing.expires} ({standing.days_left} days)"
            if holds
            else "; ".join(standing.objections)
        )
    except (ServiceError, PlinthError, OSError) as error:
        holds, says = None, f"cannot be told: {getattr(error, 'what', type(error).__name__)}"
    return ServiceFacts(**asdict(one), contract_holds=holds, contract=says)


def alerts(url: str, *, up: bool) -> tuple[list[Firing], Fact]:
    """Return what fires, the urgent first, and whether alerts flow at all.

    Args:
        url: Address of Alertmanager; empty for none.
        up: Whether the platform is.
    """
    if not url:
        says = "nobody watches: no Alertmanager runs here" if up else "the platform is down"
        return [], Fact(known=False, says=says)
    try:
        answer = httpx.get(
            f"{url}/api/v2/alerts",
            params={"active": "true", "silenced": "false", "inhibited": "false"},
            timeout=ASK_SECONDS,
            trust_env=False,
        )
        answer.raise_for_status()
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return [], Fact(
            known=False, says=f"Alertmanager does not answer ({type(error).__name__})", good=False
        )
    flowing = any(one["labels"].get("alertname") == SILENT for one in told)
    found = sorted(
        (_firing(one) for one in told if one["labels"].get("alertname") != SILENT),
        key=lambda one: (_rank(one.severity), one.since, one.name),
    )
    says = "alerts flow" if flowing else "the watchdog is silent, so alerts may not flow"
    return found, Fact(known=True, says=says, good=flowing)


def _firing(told: Mapping[str, Any]) -> Firing:
    labels, notes = told["labels"], told.get("annotations", {})
    name = str(labels.get("alertname", "unnamed"))
    return Firing(
        name=name,
        severity=str(labels.get("severity", "page")),
        summary=str(notes.get("summary", "no summary")),
        since=_time(datetime.fromisoformat(str(told["startsAt"]))),
        command=str(notes.get("command", f"./plinth runbook {name}")),
    )


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _backup(settings: Settings, *, up: bool) -> Fact:
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


def _drill(environment: str) -> Fact:
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


def _cost(stack: str, settings: Settings, *, estimate: bool) -> Fact:
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
                "at": _time(datetime.now(UTC)),
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


def show(overview: Overview) -> None:
    """Print the facts beside what ``status`` shows, for a person."""
    shades = {True: "green", False: "red", None: "yellow"}
    for service in overview.services:
        shade = shades[service.contract_holds]
        word = {True: "holds", False: "does not hold", None: "not known"}[service.contract_holds]
        screen.out.print(f"Contract of [bold]{service.name}[/]: [{shade}]{word}[/], {service.contract}")
    for alert in overview.alerts:
        shade = "red" if alert.severity == "page" else "yellow"
        screen.out.print(
            f"Alert [bold]{alert.name}[/] [{shade}]{alert.severity}[/] since {alert.since}: {alert.summary}; "
            f"{alert.command}"
        )
    for title, fact in (
        ("Watching", overview.watching),
        ("Last backup", overview.backup),
        ("Last drill", overview.drill),
        ("Cost", overview.cost),
    ):
        shade = shades[fact.good] if fact.known else "yellow"
        when = f" ({fact.at})" if fact.at else ""
        screen.out.print(f"{title}: [{shade}]{'' if fact.known else 'not known: '}{fact.says}[/]{when}")


def as_json(overview: Overview) -> dict[str, Any]:
    """Return everything as data: what ``status`` alone tells, and the facts beside it."""
    found = status.as_json(overview.status)
    facts = asdict(overview)
    del facts["status"], facts["services"]
    contracts_ = {
        one.name: {"contract_holds": one.contract_holds, "contract": one.contract}
        for one in overview.services
    }
    found["services"] = [{**one, **contracts_.get(one["name"], {})} for one in found["services"]]
    return {**found, **facts, "complaints": overview.complaints, "well": overview.well}


def _time(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")
