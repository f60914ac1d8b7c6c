"""The phases of a rebuild. Each can be done twice, and what is left of the original is only read."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.data_classes import REPLICATED
from infra.errors import PlinthError, RefusedError
from infra.local import session
from infra.ops import changes, contracts, predict, status
from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.recovery import backups, keeping, objects, records, sources, statements, tables
from infra.ops.recovery.rebuild_work import Work
from services.lifecycle.registry import Registry
from services.lifecycle.stores import BucketObjects, TableItems
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import BucketStore, StoreError
from services.readiness.errors import ServiceError


def _account(work: Work) -> Account:
    if work.account is None:
        work.account = Account.of(work.into)
    return work.account


def _sources(work: Work) -> dict[str, Any]:
    """Find what is there and check all of it, before anything is built."""
    if work.into.aws.emulated:
        session.start(lambda part, what, why: work.steps.say(f"{part} {what} {why}".strip()))
    if work.planned and not work.before:
        work.steps.say("a backup of the tables as they are now")
        backups.run(work.lost, Account.of(work.lost))
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
    # What lives may have changed since its state was written: on the way back its cluster is a new one.
    ready = changes.prepare(work.file, work.steps, refresh=work.onto_living)
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
        written = tables.restore(
            client, tables.name_of(work.into, role), content, write_over=work.planned and work.onto_living
        )
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
    if wrong := contracts.objections(records.built_settings(work.file)):
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
    settings = records.built_settings(work.file)
    verdicts = records.verdicts_left(settings) or {}
    return {"record": records.write(settings, verdicts, _account(work)).name}


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
