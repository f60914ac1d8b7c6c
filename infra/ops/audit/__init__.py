"""Judges what is deployed: the same core, over properties read from AWS and the cluster just now."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.errors import Exit, PlinthError
from infra.ops import state
from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.audit import identity, inside, network, storage, upkeep, watch
from infra.ops.audit.asking import Asked, Reader
from infra.policy_settings import policy_settings
from infra.settings import Settings
from policies.core import Resource, normalise
from policies.judgement import Judgement, judge
from policies.waivers import load

READERS: dict[str, Reader] = {
    **storage.READERS,
    **identity.READERS,
    **network.READERS,
    **watch.READERS,
    **upkeep.READERS,
}
"""Type to what reads it live."""
_NOT_UNDERSTOOD = (KeyError, IndexError, TypeError, ValueError)
"""What a reader raises when an answer has another form than the API's documentation says."""
_GONE = frozenset({"404", "NoSuchBucket", "NoSuchEntity"})


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found.

    Args:
        judgement: The verdict on what is there.
        read: Resources that were read live.
        kept: Type to number of resources for which there is no reader, judged as the state has them.
        gone: URNs that the state knows and nobody else.
        unseen: What could not be asked, and why.
        strange: Objects of the cluster that the state does not know.
        compared: Verdicts on resources that the state knows too.
        differences: Those that are not the same for what the state says and for what is there.
    """

    judgement: Judgement
    read: int
    kept: dict[str, int]
    gone: tuple[str, ...]
    unseen: dict[str, str]
    strange: tuple[str, ...]
    compared: int
    differences: tuple[str, ...]

    @property
    def agreement(self) -> float:
        """Part of the verdicts that are the same declared and live, 0 to 1."""
        return 1 - len(self.differences) / self.compared if self.compared else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the whole as data for ``--json``."""
        return {
            **self.judgement.as_json(),
            "read_live": self.read,
            "from_state": self.kept,
            "gone": list(self.gone),
            "unseen": self.unseen,
            "not_in_state": list(self.strange),
            "agreement": {
                "compared": self.compared,
                "share": self.agreement,
                "differences": list(self.differences),
            },
        }


def audit(settings: Settings) -> Audit:
    """Read a stack's resources live and judge them.

    Raises:
        PlinthError: There is no state, nothing to ask, or it is somebody else's account.
    """
    checkpoint = state.load(state.state_file(settings.environment))
    if not checkpoint or not checkpoint.get("resources"):
        raise PlinthError(
            f"Stack '{settings.environment}' has no state here, so nobody knows what to look for.",
            where=str(state.state_file(settings.environment)),
            fix="./plinth up",
            code=Exit.STATE,
        )
    rows = [row for row in checkpoint["resources"] if not row.get("delete") and row.get("custom")]
    account = Account.of(settings)
    declared = [_declared(row) for row in rows]
    live: list[Resource] = []
    kept: Counter[str] = Counter()
    gone: list[str] = []
    unseen: dict[str, str] = {}
    for row, known in zip(rows, declared, strict=True):
        if row["type"].startswith("kubernetes:"):
            continue
        reader = READERS.get(row["type"])
        if reader is None:
            kept[row["type"]] += 1
            live.append(known)
            continue
        try:
            found = reader(_asked(account, row))
        except _NOT_UNDERSTOOD as error:
            unseen[known.name] = f"the answer has an unexpected form ({type(error).__name__})"
            continue
        except UNANSWERED as error:
            if not _is_gone(error):
                unseen[known.name] = reason(error)
                continue
            found = None
        if found is None:
            gone.append(known.urn)
        else:
            live.append(_live(known, found))
    objects, silent = inside.resources(
        account, {(row["type"], str(row.get("id", ""))): row["urn"] for row in rows}
    )
    live += objects
    urns = {resource.urn for resource in declared}
    there = {resource.urn for resource in live}
    gone += [r.urn for r in declared if r.type in _inside_types() and r.urn not in there]
    return _judged(
        settings,
        declared,
        live,
        read=len(live) - sum(kept.values()),
        kept={key: count for key, count in sorted(kept.items()) if not key.startswith("pulumi:")},
        gone=tuple(gone),
        unseen={**unseen, **silent},
        strange=tuple(sorted(r.urn for r in objects if r.urn not in urns)),
    )


def _judged(settings: Settings, declared: list[Resource], live: list[Resource], **rest: Any) -> Audit:
    today = datetime.now(UTC).date()
    by_state = judge(declared, policy_settings(settings), load(), today=today)
    by_world = judge(live, policy_settings(settings), load(), today=today)
    said = {(f.control, f.urn): f.verdict.blocks for f in by_state.findings}
    seen = {(f.control, f.urn): f.verdict.blocks for f in by_world.findings}
    both = sorted(set(said) & set(seen))
    return Audit(
        judgement=by_world,
        compared=len(both),
        differences=tuple(
            f"{control}: {urn.rsplit('::', 1)[-1]}: declared {_word(said[control, urn])}, "
            f"live {_word(seen[control, urn])}"
            for control, urn in both
            if said[control, urn] != seen[control, urn]
        ),
        **rest,
    )


def _word(blocks: bool) -> str:  # noqa: FBT001 - one word for one of two
    return "violated" if blocks else "kept"


def _declared(row: Mapping[str, Any]) -> Resource:
    return Resource(
        urn=row["urn"],
        type=row["type"],
        props=normalise(row.get("inputs") or {}),
        protect=row.get("protect") is True,
        dependencies=tuple(row.get("dependencies") or ()),
        property_dependencies={k: tuple(v or ()) for k, v in (row.get("propertyDependencies") or {}).items()},
    )


def _live(known: Resource, found: Mapping[str, Any]) -> Resource:
    return Resource(
        urn=known.urn,
        type=known.type,
        props=normalise({key: value for key, value in found.items() if value is not None}),
        protect=known.protect,  # the engine's own, so the state is where it is
        dependencies=known.dependencies,
        property_dependencies=known.property_dependencies,
    )


def _asked(account: Account, row: Mapping[str, Any]) -> Asked:
    outputs = row.get("outputs") or {}
    return Asked(
        account=account,
        id=str(row["id"]),
        region=str(outputs.get("region") or account.region),
        declared=row.get("inputs") or {},
        outputs=outputs,
    )


def _is_gone(error: Exception) -> bool:
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    return code in _GONE or "NotFound" in code or code.startswith("NoSuch")


def _inside_types() -> frozenset[str]:
    return frozenset(f"kubernetes:{token}" for token in inside.PATHS.values())
