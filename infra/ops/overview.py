"""Everything that a stranger asks first: what runs, whether it may, who complains, since when, for how much.

Each fact is asked on its own; one that cannot be had says why, and takes no other with it.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from infra.errors import PlinthError
from infra.ops import contracts, status
from infra.ops import overview_facts as facts
from infra.ops.console import screen
from infra.ops.overview_facts import Fact, at
from infra.ops.status import Status
from infra.ops.watching import asking
from infra.settings import Settings
from services.readiness.errors import ServiceError

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
        release: How its release stands, where that is worth telling.
        reachable: False while requests have nowhere to go, since no stable version was made yet.
    """

    name: str
    ready: int
    wanted: int
    model_digest: str
    url: str
    contract_holds: bool | None
    contract: str
    release: str = ""
    reachable: bool = True


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
    def facts(self) -> dict[str, Fact]:
        """Return the facts beside services and alerts, by title."""
        return {
            "Watching": self.watching,
            "Last backup": self.backup,
            "Last drill": self.drill,
            "Cost": self.cost,
        }

    @property
    def unmet(self) -> list[str]:
        """Return the facts that are not as they should be; they make nobody look now, but are not well."""
        return [title for title, fact in self.facts.items() if fact.good is False]

    @property
    def verdict(self) -> str:
        """Return how it stands in a sentence."""
        if not self.well:
            return "Not all is well. What to do stands with each line below."
        if self.unmet:
            names = " and ".join(title.lower() for title in self.unmet)
            return f"Everything that should run does, and no alert asks for a person; not good yet: {names}."
        return "All is well: everything that should run does, and no alert asks for a person."

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
        made_at=at(datetime.now(UTC)),
        services=[_service(one, settings) for one in found.services],
        alerts=firing,
        watching=watching,
        backup=facts.backup(settings, up=found.platform != "down"),
        drill=facts.drill(settings.environment),
        cost=facts.cost(stack, settings, estimate=estimate),
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
        told = asking.firing(url=url)
    except PlinthError as error:
        return [], Fact(known=False, says=f"Alertmanager does not answer ({error.what})", good=False)
    flowing = any(one.name == asking.WATCHDOG for one in told)
    found = [
        Firing(
            name=one.name,
            severity=one.severity,
            summary=one.summary,
            since=at(datetime.fromisoformat(one.since)),
            command=one.command,
        )
        for one in told
        if one.name != asking.WATCHDOG
    ]
    says = "alerts flow" if flowing else "the watchdog is silent, so alerts may not flow"
    return found, Fact(known=True, says=says, good=flowing)


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
    for title, fact in overview.facts.items():
        shade = shades[fact.good] if fact.known else "yellow"
        when = f" ({fact.at})" if fact.at else ""
        screen.out.print(f"{title}: [{shade}]{'' if fact.known else 'not known: '}{fact.says}[/]{when}")


def as_json(overview: Overview) -> dict[str, Any]:
    """Return everything as data: what ``status`` alone tells, and the facts beside it."""
    found = status.as_json(overview.status)
    told = asdict(overview)
    del told["status"], told["services"]
    contracts_ = {
        one.name: {"contract_holds": one.contract_holds, "contract": one.contract}
        for one in overview.services
    }
    found["services"] = [{**one, **contracts_.get(one["name"], {})} for one in found["services"]]
    return {**found, **told, "complaints": overview.complaints, "well": overview.well}
