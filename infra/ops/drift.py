"""What somebody changed outside the program: the engine asks AWS and Kubernetes and compares with its state.

The question is asked with ``pulumi refresh --preview-only``: nothing is changed, neither out there nor in
the state.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.ops import changes, state
from infra.ops.console import Steps
from infra.ops.events import UNCHANGED, Run
from infra.ops.verdicts import judge
from infra.settings import Settings

MASKED = "[secret]"
"""What the engine itself writes in the place of a secret."""
SHOWN_LENGTH = 160
"""Characters of a value that are shown; a policy of ten pages says nothing on one line."""
_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
"""A step of a property path of the engine: ``["quoted.key"]``, ``[0]`` or ``name``."""
_SECRET_KINDS = ("kubernetes:core/v1:Secret", "aws:secretsmanager/secretVersion:SecretVersion")
"""Types whose values are secret whether or not the state says so."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One property: what the state says and what is there."""

    path: str
    was: Any
    now: Any


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One resource that is not as the program left it.

    Args:
        urn: The resource's name in the stack.
        type: Its type token.
        name: Its logical name.
        id: What AWS or Kubernetes calls it.
        gone: Whether it was removed.
        differences: The properties that were changed; none when it is gone.
    """

    urn: str
    type: str
    name: str
    id: str
    gone: bool
    differences: tuple[Difference, ...] = ()


def steps_of(path: str) -> list[str | int]:
    """Return the steps of a property path of the engine. Pure."""
    found: list[str | int] = []
    for quoted, index, name in _STEP.findall(path):
        found.append(int(index) if index else re.sub(r"\\(.)", r"\1", quoted) if quoted else name)
    return found


def value_at(document: Any, path: str) -> Any:
    """Return what lies at a property path, or None. Pure."""
    found = document
    for step in steps_of(path):
        if isinstance(found, Mapping):
            found = found.get(str(step))
        elif isinstance(found, list) and isinstance(step, int) and step < len(found):
            found = found[step]
        else:
            return None
    return found


def shown(value: Any, *, secret: bool = False) -> Any:
    """Return a value as it may be shown: secrets masked, long texts cut. Pure."""
    if secret and value is not None:
        return MASKED
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 1]}…"


def found_in(run: Run) -> list[Drift]:
    """Return what a refresh that changed nothing found, by name. Pure."""
    drifts = [_drift(outcome) for outcome in run.outcomes if outcome.get("op") not in UNCHANGED]
    return sorted(drifts, key=lambda drift: drift.urn)


def _drift(outcome: Mapping[str, Any]) -> Drift:
    old, new = outcome.get("old") or {}, outcome.get("new") or {}
    urn, kind = str(outcome["urn"]), str(outcome["type"])
    gone = outcome["op"] == "delete"
    return Drift(
        urn=urn,
        type=kind,
        name=urn.rsplit("::", 1)[-1],
        id=str(old.get("id") or new.get("id") or ""),
        gone=gone,
        differences=() if gone else tuple(_differences(outcome, old, new, secret=kind in _SECRET_KINDS)),
    )


def _differences(
    outcome: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any], *, secret: bool
) -> Iterator[Difference]:
    paths = sorted(outcome.get("detailedDiff") or outcome.get("diffs") or ())
    for path in paths:
        # The AWS provider tells each tag twice: alone, and with those that the stack puts on everything.
        if path.startswith("tags") and not path.startswith("tagsAll") and f"tagsAll{path[4:]}" in paths:
            continue
        was, now = (
            value_at(side.get("outputs"), path) if side.get("outputs") else value_at(side.get("inputs"), path)
            for side in (old, new)
        )
        label = path.replace("tagsAll", "tags", 1) if path.startswith("tagsAll") else path
        yield Difference(path=label, was=shown(was, secret=secret), now=shown(now, secret=secret))


def look(settings: Settings, file: Path, steps: Steps) -> list[Drift]:
    """Ask AWS and Kubernetes about every resource in the state of a stack.

    Args:
        settings: Settings of the stack.
        file: The stack file.
        steps: Where progress is shown.

    Raises:
        PlinthError: The platform is down, or a provider could not ask.
    """
    engine = changes.attach(settings, file, steps)
    total = state.resource_count(settings.environment)
    with steps.step("look"):
        run = engine.run(
            "refresh",
            "--preview-only",
            listener=lambda run: steps.say(f"{len(run.outcomes)} of {total} resources"),
        )
    judge(run, settings.environment)
    return found_in(run)


def as_json(drifts: list[Drift]) -> dict[str, Any]:
    """Return what was found as data for ``--json``."""
    return {"drifted": len(drifts), "resources": [asdict(drift) for drift in drifts]}
