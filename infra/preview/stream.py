"""What the engine says in a preview, read so strictly that a broken one never passes for an empty one."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.errors import PlinthError

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that is known only after the change (sdk/go/common/resource/plugin)."""
SECRET = "[secret]"  # noqa: S105 - the engine's mark for one
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - its mark for a wrapped one
_MARK = "plinthRecording"
_NOT_COUNTED = frozenset(
    {"create-replacement", "delete-replaced", "discard-replaced", "remove-pending-replace"}
)
"""Steps that the engine's summary counts as parts of a replacement."""


class UnreadablePreviewError(PlinthError):
    """The preview is cut off or is none; nothing may be concluded from it."""

    def __init__(self, what: str) -> None:
        """Keep what is wrong with it."""
        super().__init__(
            f"The preview cannot be read: {what}",
            where="what the engine wrote (pulumi preview --json)",
            fix="Run the preview again; ./plinth logs engine shows everything that the engine said.",
        )


@dataclass(frozen=True, kw_only=True)
class State:
    """A resource on one side of a change.

    Args:
        inputs: What the program asks for; secrets are masked by the engine.
        parent: URN of its parent.
        protect: Whether the engine refuses to delete it.
        retain: Whether it stays in the account when it leaves the program.
    """

    inputs: Mapping[str, Any]
    parent: str = ""
    protect: bool = False
    retain: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the engine with a resource.

    Args:
        operation: The engine's word.
        urn: The resource's name in the stack.
        type: The resource's type token.
        old: Before; None when it is new.
        new: After; None when it goes.
        paths: Property path to what happens to it: add, delete, update, and each of them with -replace.
        keys: Properties that force a replacement.
    """

    operation: str
    urn: str
    type: str
    old: State | None
    new: State | None
    paths: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a policy said about a resource."""

    policy: str
    level: str
    urn: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A whole preview.

    Args:
        steps: What happens to each resource, in the engine's order.
        verdicts: What the policies said.
        errors: Why the program or a provider failed; a preview with errors is not complete.
        warnings: What the engine or a provider warns of.
        packs: Policy packs that judged it; none means that nobody did.
    """

    steps: tuple[Step, ...]
    verdicts: tuple[Verdict, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()


def read(lines: Iterable[str]) -> Preview:
    """Read an event stream to its end.

    Args:
        lines: One JSON event in each line; empty lines are skipped.

    Raises:
        UnreadablePreviewError: A line is no event, the summary is missing, or it counts other steps than the
            stream has.
    """
    steps: list[Step] = []
    verdicts: dict[Verdict, None] = {}
    errors: dict[tuple[str, str], None] = {}
    warnings: dict[str, None] = {}
    summary: Mapping[str, Any] | None = None
    exit_code = 0
    number = 0
    for number, line in enumerate(filter(str.strip, lines), start=1):
        event = _event(line, number)
        try:
            if "resourcePreEvent" in event:
                steps.append(_step(event["resourcePreEvent"]["metadata"]))
            elif "policyEvent" in event:
                verdicts[_verdict(event["policyEvent"])] = None
            elif "diagnosticEvent" in event:
                _diagnose(event["diagnosticEvent"], errors, warnings)
            elif "summaryEvent" in event:
                summary = _mapping(event["summaryEvent"])
            elif _MARK in event:
                exit_code = int(event[_MARK]["exitCode"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnreadablePreviewError(f"event {number} has not the engine's form ({error}).") from None
    if number == 0:
        raise UnreadablePreviewError("it is empty.")
    _complete(steps, summary, failed=bool(errors), exit_code=exit_code)
    if exit_code and not errors and not any(v.level == "mandatory" for v in verdicts):
        errors[("", f"the engine ended with exit code {exit_code} and gave no reason")] = None
    return Preview(
        steps=tuple(steps),
        verdicts=tuple(verdicts),
        errors=tuple(errors),
        warnings=tuple(warnings),
        packs=tuple(sorted((summary or {}).get("PolicyPacks") or {})),
    )


def _event(line: str, number: int) -> Mapping[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        raise UnreadablePreviewError(f"line {number} is no JSON; the stream is broken or cut off.") from None
    if not isinstance(event, dict):
        raise UnreadablePreviewError(f"line {number} is no event.")
    return event


def _step(metadata: Mapping[str, Any]) -> Step:
    operation, urn = metadata["op"], metadata["urn"]
    if not isinstance(operation, str) or not isinstance(urn, str) or "::" not in urn:
        raise ValueError("a step without operation or URN")
    detailed = metadata.get("detailedDiff") or {}
    paths = {str(path): str(diff["diffKind"]) for path, diff in detailed.items()}
    if not paths:
        paths = {str(path): "update" for path in metadata.get("diffs") or ()}
    return Step(
        operation=operation,
        urn=urn,
        type=str(metadata["type"]),
        old=_state(metadata.get("old")),
        new=_state(metadata.get("new")),
        paths=paths,
        keys=tuple(sorted(metadata.get("keys") or ())),
    )


def _state(raw: Any) -> State | None:
    if raw is None:
        return None
    state = _mapping(raw)
    return State(
        inputs=_mapping(_readable(state.get("inputs") or {})),
        parent=str(state.get("parent") or ""),
        protect=bool(state.get("protect")),
        retain=bool(state.get("retainOnDelete")),
    )


def _readable(value: Any) -> Any:
    """Return a value with the engine's mark in the place of each secret, which it wraps in an object."""
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            return SECRET
        return {key: _readable(inner) for key, inner in value.items()}
    return [_readable(inner) for inner in value] if isinstance(value, list) else value


def _verdict(raw: Mapping[str, Any]) -> Verdict:
    return Verdict(
        policy=str(raw["policyName"]),
        level=str(raw["enforcementLevel"]),
        urn=str(raw.get("resourceUrn") or ""),
        message=str(raw.get("message") or "").strip(),
    )


def _diagnose(raw: Mapping[str, Any], errors: dict[tuple[str, str], None], warnings: dict[str, None]) -> None:
    message = str(raw.get("message") or "").strip()
    severity = raw.get("severity")
    if not message or severity not in ("error", "info#err", "warning"):
        return
    if severity == "warning":
        warnings[message] = None
    elif not message.startswith(_ECHOES):
        errors[(str(raw.get("urn") or ""), message)] = None


_ECHOES = (
    "preview failed",
    "update failed",
    "an unhandled error occurred: program exited",
    "sdk-v2/",
    "BAIL",
)
"""Errors that only repeat what another one says."""


def _complete(
    steps: Iterable[Step], summary: Mapping[str, Any] | None, *, failed: bool, exit_code: int
) -> None:
    if summary is None:
        if failed and exit_code:
            return
        raise UnreadablePreviewError("its summary is missing, so it is cut off.")
    seen = Counter(step.operation for step in steps if step.operation not in _NOT_COUNTED)
    if "refresh" in seen:  # then the engine counts what it found changed in the world as well
        return
    counted = Counter({str(op): int(n) for op, n in (summary.get("resourceChanges") or {}).items()})
    if failed or exit_code:
        return
    if +counted != +seen:
        told = ", ".join(f"{n} {op}" for op, n in sorted(counted.items())) or "nothing"
        got = ", ".join(f"{n} {op}" for op, n in sorted(seen.items())) or "nothing"
        raise UnreadablePreviewError(f"its summary counts {told}, and the stream has {got}.")


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("a mapping was expected")
    return value
