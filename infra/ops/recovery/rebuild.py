"""Builds a lost environment again in another region, from the repository and from what is kept of it there.

Phases are written down as they end, and each can be done twice, so a rebuild that was cut off goes on.
What is left of the original is only read.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.errors import PlinthError, RefusedError
from infra.local.paths import home
from infra.ops import changes, contracts, predict, state, status
from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.console import Steps
from infra.ops.recovery import comparison, keeping, objects, records, sources, statements, tables
from infra.ops.recovery.sources import Sources
from infra.settings import Settings
from infra.wiring.recovery import REPLICATED
from services.lifecycle.registry import Registry
from services.lifecycle.stores import BucketObjects, TableItems
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import BucketStore, StoreError
from services.readiness.errors import ServiceError

BY_HAND = (
    (
        "let the rebuilt stack own the account when the other one does not come back: "
        "plinth:aws.owns_account, then ./plinth up; trail, alarms and trust in workflows are there once"
    ),
    "point the domain of the gateway at the rebuilt one, where clients use another name",
    "tell those who use the services, and open the incident's record",
    "make the next backup: ./plinth backup run, then watch ./plinth backup status",
)
"""What no command does."""


@dataclass(kw_only=True)
class Progress:
    """How far a rebuild is; kept in a file.

    Args:
        lost: Stack that is rebuilt.
        into: Stack into which it is.
        begun: When, ISO 8601 in UTC.
        phases: Phase to its duration in seconds, in order; only those that ended.
        found: Phase to what it found or did.
    """

    lost: str
    into: str
    begun: str
    phases: dict[str, float] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    def save(self) -> None:
        """Write it down, whole or not at all."""
        path = file(self.lost, self.into)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        part.replace(path)


@dataclass(kw_only=True)
class Work:
    """One rebuild at work."""

    lost: Settings
    into: Settings
    file: Path
    planned: bool
    before: str
    progress: Progress
    steps: Steps
    account: Account | None = None
    sources: Sources | None = None


def file(lost: str, into: str) -> Path:
    """Return where the progress of a rebuild is kept."""
    return home() / "rebuild" / f"{lost}-{into}.json"


def run(
    lost: Settings,
    into: Settings,
    into_file: Path,
    steps: Steps,
    *,
    planned: bool = False,
    before: str = "",
    onto_living: bool = False,
) -> dict[str, Any]:
    """Rebuild an environment and return the report.

    Args:
        lost: Settings of the lost stack, from its file.
        into: Settings of the stack that takes its place.
        into_file: Its file.
        steps: Where progress is shown.
        planned: Read from the original itself, which lives: a move, or the way back.
        before: Take the tables as they were backed up before this time.
        onto_living: Go on although the target holds resources already.

    Raises:
        RefusedError: It may not be done, or what it would be done from is not to be trusted.
        PlinthError: A phase failed; the same command goes on there.
    """
    require_places(lost, into, planned=planned)
    progress = _begun(lost.environment, into.environment)
    require_free(into, progress, onto_living=onto_living)
    work = Work(
        lost=lost,
        into=into,
        file=into_file,
        planned=planned,
        before=before,
        progress=progress,
        steps=steps,
    )
    for name, phase in PHASES.items():
        if name in progress.phases and name not in ALWAYS:
            continue
        started = time.monotonic()
        with steps.step(name):
            progress.found[name] = phase(work)
        progress.phases[name] = round(progress.phases.get(name, 0.0) + time.monotonic() - started, 1)
        progress.save()
    told = report(work)
    file(lost.environment, into.environment).unlink()
    return told


def require_places(lost: Settings, into: Settings, *, planned: bool) -> None:
    """Refuse a rebuild that could not save anything, or that would touch the original.

    Raises:
        RefusedError: It would; says why.
    """
    why = ""
    if lost.environment == into.environment:
        why = "A stack is not rebuilt into itself: what is left of it must stay as it is."
    elif lost.aws.region == into.aws.region:
        why = f"Both stacks are in {lost.aws.region}: what took the first one takes the second one too."
    elif lost.aws.account_id != into.aws.account_id:
        why = "The two stacks are in different accounts; the copies are in the first one's."
    elif not planned and not lost.recovery.region:
        why = f"'{lost.environment}' has no copies in another region (plinth:recovery.region is empty)."
    elif not planned and lost.recovery.region != into.aws.region:
        why = (
            f"The copies of '{lost.environment}' are in {lost.recovery.region}, and '{into.environment}' "
            f"is in {into.aws.region}."
        )
    if why:
        raise RefusedError(
            why, where="stacks/", fix="./plinth rebuild --help says which stacks fit; nothing was touched"
        )


def require_free(into: Settings, progress: Progress, *, onto_living: bool) -> None:
    """Refuse to run onto an environment that lives, unless this very rebuild began it.

    Raises:
        RefusedError: The target holds resources.
    """
    count = state.resource_count(into.environment)
    if count and not progress.phases and not onto_living and "build" not in progress.found:
        raise RefusedError(
            f"Stack '{into.environment}' lives: its state holds {count} resources.",
            where=f"stacks/Pulumi.{into.environment}.yaml",
            fix="--onto-living when they may get the other one's data on top; nothing was touched",
        )


def _begun(lost: str, into: str) -> Progress:
    try:
        return Progress(**json.loads(file(lost, into).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Progress(lost=lost, into=into, begun=datetime.now(UTC).isoformat(timespec="seconds"))


def _account(work: Work) -> Account:
    if work.account is None:
        work.account = Account.of(work.into)
    return work.account


def _sources(work: Work) -> dict[str, Any]:
    """Find what is there and check all of it, before anything is built."""
    from infra.local import session  # noqa: PLC0415 - only where the account is the local platform

    if work.into.aws.emulated:
        session.start(lambda part, what, why: work.steps.say(f"{part} {what} {why}".strip()))
    found = sources.find(work.lost, _account(work), copy=not work.planned, before=work.before)
    work.sources = found
    return {
        "record": found.record.name,
        "recorded_at": found.record.said["made_at"],
        "commit": found.record.said["source"]["commit"],
        "commit_is_this_clone's": found.record.said["source"]["commit"] == statements.source()["commit"],
        "state": found.record.subjects["state"],
        "resources": len(found.record.said["graph"]),
        "tables": {"backup": found.backup.name, "at": found.backup.at},
    }


def _build(work: Work) -> dict[str, Any]:
    """Let the same program build everything."""
    work.progress.found["build"] = {
        "begun": True
    }  # a run that is cut off from here on made the target itself
    work.progress.save()
    ready = changes.prepare(work.file, work.steps)
    work.into = ready.settings
    planned, done = changes.up(ready, work.steps, adopt_existing=work.into.aws.emulated)
    return {"changes": (done or planned).changes}


def _objects(work: Work) -> dict[str, Any]:
    """Copy every version of every object."""
    account, found = _account(work), {}
    region = work.lost.aws.region if work.planned else work.lost.recovery.region
    for data_class in REPLICATED:
        source = keeping.bucket(work.lost, data_class, copy=not work.planned)
        target = keeping.bucket(work.into, data_class)
        try:
            done = objects.copy(
                account.client("s3", region), source, account.client("s3"), target, work.steps.say
            )
        except UNANSWERED as error:
            raise PlinthError(
                f"Objects of class '{data_class}' cannot be copied: {reason(error)}.",
                where=f"{source} -> {target}",
                fix="Run the same command again; it goes on from what was copied.",
            ) from None
        found[data_class] = asdict(done)
    return found


def _tables(work: Work) -> dict[str, Any]:
    """Write every table from its backup."""
    assert work.sources is not None
    client, found = _account(work).client("dynamodb"), {}
    for role, content in work.sources.files.items():
        written = tables.restore(client, tables.name_of(work.into, role), content)
        found[role] = {"items": tables.count(content), "written_now": written}
    return found


def _registry(work: Work) -> dict[str, Any]:
    """Fetch every registered model from the restored registry: signature, manifest and every file."""
    account = _account(work)
    items = TableItems(
        account.client("dynamodb"),
        tables.name_of(work.into, "model-registry"),
        partition="model",
        sort="version",
    )
    registry = Registry(BucketObjects(account.client("s3"), keeping.bucket(work.into)), items)
    signers = records.trusted(work.into).builders()
    found: dict[str, Any] = {}
    for service in contracts.known():
        found[service] = 0
        for version in registry.versions(service):
            try:
                with tempfile.TemporaryDirectory(prefix="plinth-rebuild-") as folder:
                    registry.fetch(version, Path(folder) / "model", signers)
            except ServiceError as error:
                raise PlinthError(
                    f"Version {version.version} of {service} in the restored registry is not what was "
                    f"signed: {error.what}",
                    fix="Restore the bucket of artifacts by hand, or take the version out.",
                ) from None
            found[service] += 1
    return found


def _decisions(work: Work) -> dict[str, Any]:
    """Verify every chain of every service's restored decision log."""
    store = BucketStore(keeping.bucket(work.into, "decisions"), _account(work).client("s3"))
    found: dict[str, Any] = {}
    for service in sorted(work.into.services):
        try:
            told = Reader(service, store=store).verify()
        except StoreError as error:
            raise PlinthError(f"The restored decision log cannot be read: {error}.") from None
        if told.findings:
            first = told.findings[0]
            raise PlinthError(
                f"The restored decision log of {service} is not whole: {first.writer} record {first.seq}: "
                f"{first.kind}, {first.detail}",
                fix=f"./plinth audit verify --service {service} --stack {work.into.environment}",
            )
        found[service] = {"chains": told.chains, "records": told.records, "sealed": told.sealed}
    return found


def _models(work: Work) -> dict[str, Any]:
    """Compare what is served with what was recorded, by digest."""
    assert work.sources is not None
    served = {one.name: one.model_digest for one in status.wait(work.into.environment, 60).services}
    wanted = dict(work.sources.record.said["models"])
    wrong = {name: served.get(name) for name in wanted if served.get(name) != wanted[name]}
    if wrong:
        commit = work.sources.record.said["source"]["commit"]
        raise PlinthError(
            f"These services do not serve the recorded models: {', '.join(sorted(wrong))}.",
            where=f"recorded {wanted}, served {served}",
            fix=f"Check out commit {commit}, from which they were built, then run the same command.",
        )
    return wanted


def _contracts(work: Work) -> dict[str, Any]:
    """Check every readiness contract again, for the rebuilt stack."""
    if wrong := contracts.objections(_released(work)):
        raise RefusedError(
            "\n".join(["Contracts do not hold in the rebuilt stack:", *wrong]), fix="./plinth contract status"
        )
    return dict.fromkeys(sorted(work.into.services), "holds")


def _prediction(work: Work) -> dict[str, Any]:
    """Ask every service for a decision, as a client would."""
    found = {}
    for service in sorted(work.into.services):
        answer = predict.predict(work.into.environment, service, None)
        found[service] = {"decision": answer.get("decision_id"), "rung": answer.get("rung")}
    return found


def _record(work: Work) -> dict[str, Any]:
    """Write the record of what was built."""
    settings = _released(work)
    verdicts = records.verdicts_left(settings) or {}
    return {"record": records.write(settings, verdicts, _account(work)).name}


def _released(work: Work) -> Settings:
    return records.built_settings(work.file)


PHASES: dict[str, Callable[[Work], dict[str, Any]]] = {
    "sources": _sources,
    "build": _build,
    "objects": _objects,
    "tables": _tables,
    "registry": _registry,
    "decisions": _decisions,
    "models": _models,
    "contracts": _contracts,
    "prediction": _prediction,
    "record": _record,
}
"""Name of each phase to what does it."""
ALWAYS = ("sources",)
"""Phases that are done again when a rebuild goes on: what is kept is proven each time."""


def report(work: Work) -> dict[str, Any]:
    """Return what was lost, how long it took, what differs, and what stays to be done."""
    assert work.sources is not None
    now = state.load(state.state_file(work.into.environment)) or {}
    recorded = work.sources.record.said["settings"]["document"]
    was = Settings.model_validate(recorded)
    differs = comparison.compare(was, work.sources.latest, _released(work), now)
    return {
        "from": work.lost.environment,
        "into": work.into.environment,
        "begun": work.progress.begun,
        "rto_seconds": {**work.progress.phases, "together": round(sum(work.progress.phases.values()), 1)},
        "kept": {
            "state": work.sources.record.said["made_at"],
            "tables": work.sources.backup.at,
            **{name: row["newest"] for name, row in work.progress.found["objects"].items()},
        },
        "phases": work.progress.found,
        "differs": {**asdict(differs), "equal": differs.equal},
        "by_hand": list(BY_HAND),
    }
