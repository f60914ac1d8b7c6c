"""Records of an environment: written by each ``up``, shown, and held against what is there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.errors import Exit, PlinthError
from infra.ops import contracts, environment, releases, state
from infra.ops.account import Account
from infra.ops.events import Run
from infra.ops.recovery import keeping, resource_graph, statements
from infra.ops.recovery.keeping import Keep
from infra.ops.recovery.statements import Record
from infra.rollout.served import stable_copies
from infra.settings import Settings
from infra.settings_sources import RELEASES_VARIABLE
from infra.settings_tokens import TOKENS_VARIABLE
from services.readiness import signers

KEPT = 200
"""Records that this machine keeps for each stack, half a year of daily changes; the bucket keeps all."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which an environment is not what its record says.

    Args:
        of: Part of the record, such as ``lock`` or ``graph``.
        what: What differs, in words.
    """

    of: str
    what: str


def built_settings(file: Path) -> Settings:
    """Return the settings of a stack file with what was built for it and what its tokens are signed with."""
    stack = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
    wanted = Settings.from_file(file, environ={})
    named = {RELEASES_VARIABLE: releases.releases_file(stack)}
    if wanted.aws.emulated:
        named[TOKENS_VARIABLE] = environment.tokens_file(wanted)
    return Settings.from_file(
        file, environ={name: str(path) for name, path in named.items() if path.exists()}
    )


def after_up(settings: Settings, run: Run) -> Record:
    """Return the record of an ``up``: a new one, or the last one when nothing has changed since.

    Args:
        settings: Settings that were built.
        run: What the preview said.

    Raises:
        PlinthError: The record could not be written; the environment itself is as it should be.
    """
    known = names(settings)
    if known:
        try:
            last = load(settings, known[-1])
        except PlinthError:  # altered, or by a key that is no longer trusted: a new one is due
            last = None
        if last is not None and not behind(settings, last) and not _otherwise_made(settings, last):
            return last  # of the same state the graph is the same
    return write(settings, verdicts_of(run), Account.of(settings))


def behind(settings: Settings, record: Record) -> bool:
    """Tell whether the state has changed since a record was written."""
    now = statements.bytes_digest(statements.state_bytes(state.state_file(settings.environment)))
    return record.subjects.get("state") != now


def verdicts_of(run: Run) -> dict[str, int]:
    """Return what the policies said about a preview, as counts."""
    return {
        "mandatory_violations": len(run.blocking),
        "advisory_violations": len(run.violations) - len(run.blocking),
        "resources": len(run.steps),
    }


def verdicts_left(settings: Settings) -> dict[str, int] | None:
    """Return the verdicts of the last preview that was judged here, or None."""
    path = contracts.evidence_folder(settings.environment) / "policies.json"
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        return {str(name).removeprefix("policies."): int(value) for name, value in figures.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(settings: Settings, verdicts: Mapping[str, int], account: Account) -> Record:
    """Write the record of an ``up`` and back up the state that it speaks of.

    The state goes first: a record whose state is missing would promise too much.

    Args:
        settings: Settings that were built.
        verdicts: What the policies said about the preview.
        account: The account of the stack.

    Raises:
        PlinthError: The bucket did not take it; the environment itself is as it should be.
    """
    stack = settings.environment
    path = state.state_file(stack)
    content, latest = statements.state_bytes(path), state.load(path) or {}
    envelope = statements.draft(settings, verdicts, latest=latest, state=content)
    text = statements.signed(envelope, contracts.development_key())
    record = statements.read(text, trusted(settings), name=f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}.json")
    keep = Keep(settings, account)
    keep.put(keeping.STATES, f"{record.subjects['state'].removeprefix('sha256:')}.json", content)
    keep.put(keeping.RECORDS, record.name, text.encode())
    keep_here(stack, record.name, text)
    return record


def keep_here(stack: str, name: str, text: str) -> None:
    """Keep a record on this machine too, and let the oldest go."""
    folder = keeping.local_folder(stack)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f".{name}.part"
    part.write_text(text, encoding="utf-8")
    part.replace(folder / name)
    for old in sorted(folder.glob("*.json"))[:-KEPT]:
        old.unlink(missing_ok=True)


def trusted(settings: Settings) -> signers.Signers:
    """Return who may sign records of a stack: builders; on emulated stacks this clone's own key."""
    return contracts.trusted(development=settings.contracts == "development")


def names(settings: Settings) -> list[str]:
    """Return the names of the records on this machine, the oldest first."""
    return sorted(path.name for path in keeping.local_folder(settings.environment).glob("*.json"))


def load(settings: Settings, name: str | None = None) -> Record:
    """Return a record that this machine keeps, the newest when none is named.

    Raises:
        PlinthError: There is none, or it is not to be trusted.
    """
    known = names(settings)
    chosen = name or (known[-1] if known else None)
    if chosen is None or chosen not in known:
        what = f"no record '{name}'" if name else "no record yet"
        raise PlinthError(
            f"There is {what} of stack '{settings.environment}'.",
            where=str(keeping.local_folder(settings.environment)),
            fix=f"./plinth up --stack {settings.environment} writes one; ./plinth record show --list",
            code=Exit.USAGE,
        )
    text = (keeping.local_folder(settings.environment) / chosen).read_text(encoding="utf-8")
    return statements.read(text, trusted(settings), name=chosen)


def verify(settings: Settings, record: Record, account: Account | None) -> list[Difference]:
    """Return everything in which clone, state and world differ from a record.

    Args:
        settings: Settings of the stack as they are now, with releases.
        record: The record.
        account: The account to look at; None to look at clone and state only.
    """
    latest = state.load(state.state_file(settings.environment)) or {}
    found = [*_otherwise_made(settings, record), *_built(settings, record, latest)]
    if account is not None:
        found += _world(settings, record, account)
    return found


def _otherwise_made(settings: Settings, record: Record) -> list[Difference]:
    """Return how what an environment is made from differs: clone, settings, models; the state is not read."""
    return [*_source(record.said, statements.source()), *_decided(settings, record.said)]


def _source(said: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    was = said["source"]
    for part in ("commit", "lock"):
        if was[part] != now[part]:
            yield Difference(of=part, what=f"recorded {was[part] or 'none'}, this clone has {now[part]}")
    for part in ("trees", "toolchain"):
        for name in sorted(set(was[part]) | set(now[part])):
            old, new = was[part].get(name, "nothing"), now[part].get(name, "nothing")
            if old != new:
                yield Difference(of=part, what=f"{name}: recorded {old}, this clone has {new}")


def _decided(settings: Settings, said: Mapping[str, Any]) -> Iterator[Difference]:
    if statements.settings_digest(settings) != said["settings"]["digest"]:
        was, now = said["settings"]["document"], json.loads(settings.model_dump_json())
        rows = resource_graph.unequal({"settings": was}, {"settings": now}).get("settings", [])
        yield Difference(of="settings", what=", ".join(rows) or "recorded ones are not of this form")
    now = {name: one.model_digest for name, one in settings.releases.items()}
    for service in sorted(set(said["models"]) | set(now)):
        if said["models"].get(service) != now.get(service):
            old, new = said["models"].get(service, "none"), now.get(service, "none")
            yield Difference(of="models", what=f"{service}: recorded {old}, now {new}")


def _built(settings: Settings, record: Record, latest: Mapping[str, Any]) -> Iterator[Difference]:
    said = record.said
    built = statements.of_state(latest, statements.place_of(settings))
    for row in resource_graph.differences(said["graph"], built["graph"]):
        yield Difference(of="graph", what=row)
    if resource_graph.digest(said["graph"]) != record.subjects.get("graph"):
        yield Difference(of="graph", what="the record's own graph is not the one that it was signed for")
    for name in sorted(set(said["outputs"]) | set(built["outputs"])):
        if said["outputs"].get(name) != built["outputs"].get(name):
            yield Difference(of="outputs", what=f"{name} is not what was recorded")


def _world(settings: Settings, record: Record, account: Account) -> Iterator[Difference]:
    """Look at the bucket and the cluster themselves."""
    keep = Keep(settings, account)
    wanted = record.subjects["state"]
    where = keeping.key(keep.stack, keeping.STATES, f"{wanted.removeprefix('sha256:')}.json")
    try:
        found = statements.bytes_digest(keep.get(where))
        if found != wanted:
            yield Difference(of="backup", what=f"the backed-up state is {found}, recorded {wanted}")
    except PlinthError as error:
        yield Difference(of="backup", what=error.what)
    rows = account.objects(["/apis/apps/v1/namespaces/serving/deployments"])
    for answer in rows.values():
        if isinstance(answer, str):
            yield Difference(of="cluster", what=answer)
            continue
        served = {
            one["metadata"]["name"]: one["metadata"].get("annotations", {}).get("plinth.dev/model-digest")
            for one in stable_copies(answer)
        }
        for service, digest in record.said["models"].items():
            if served.get(service) != digest:
                yield Difference(
                    of="cluster", what=f"{service} serves {served.get(service, 'nothing')}, recorded {digest}"
                )


def summary(record: Record) -> list[tuple[str, str]]:
    """Return what a person wants to know of a record, in order."""
    said = record.said
    changes = said["source"]["uncommitted"]
    commit = said["source"]["commit"] or "none"
    return [
        ("record", record.name),
        ("stack", f"{said['stack']} in {said['region']}, account {said['account']}"),
        ("made", f"{said['made_at']} by {said['by']}, signed by {', '.join(record.signed_by)}"),
        ("commit", f"{commit}{f' and {len(changes)} uncommitted file(s)' if changes else ''}"),
        ("lock", said["source"]["lock"]),
        ("toolchain", ", ".join(f"{name} {key}" for name, key in said["source"]["toolchain"].items())),
        ("settings", said["settings"]["digest"]),
        ("policies", ", ".join(f"{name} {value}" for name, value in said["policies"].items())),
        ("models", ", ".join(f"{name} {value}" for name, value in said["models"].items())),
        ("resources", f"{len(said['graph'])}, graph {record.subjects['graph']}"),
        ("state", record.subjects["state"]),
    ]


def as_json(record: Record) -> dict[str, Any]:
    """Return a record as data for ``--json``."""
    return json.loads(json.dumps(asdict(record), default=dict))  # type: ignore[no-any-return]
