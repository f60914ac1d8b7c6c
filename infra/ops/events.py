"""What the Pulumi engine says while it works, as data. Pure: lines in, facts out."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.preview.recording import worth_keeping

UNCHANGED = frozenset({"same", "read", "refresh"})
"""Operations that leave a resource as it is."""
_NOISE = ("an unhandled error occurred: program exited", "update failed", "preview failed", "BAIL", "sdk-v2/")
"""Errors that only repeat what another one says: the bridge logs each AWS error once more."""
_REPEATED = re.compile(r"^1 error occurred:\s+\* ")
"""How the AWS provider begins every error, one or more."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource and what happens to it.

    Args:
        operation: The engine's word: create, update, replace, delete, same and so on.
        urn: The resource's name in the stack.
        type: The resource's type token.
        differences: Property paths that differ, for updates and replacements.
        parent: URN of the parent, empty for the stack itself.
        provider: URN of its provider, without the id behind it.
        inputs: What the program asks for, secrets masked by the engine.
        old: What it asked for before; empty for what is new.
    """

    operation: str
    urn: str
    type: str
    differences: tuple[str, ...] = ()
    parent: str = ""
    provider: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    old: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the logical name, the last part of the URN."""
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A policy that was not met."""

    policy: str
    level: str
    urn: str
    message: str

    @property
    def blocks(self) -> bool:
        """Return whether the change may not go on."""
        return self.level == "mandatory"


@dataclass(kw_only=True)
class Run:
    """Everything that one run of the engine said."""

    steps: list[Step] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    """URN and message of each error that belongs to a resource."""
    outcomes: list[Mapping[str, Any]] = field(default_factory=list)
    """What the engine would make of each resource, as it tells it; only of runs that change nothing."""
    done: int = 0
    """Resources whose change was carried out so far."""
    exit_code: int | None = None
    finished: bool = False
    """True when the engine closed with a summary."""
    lines: list[str] = field(default_factory=list)
    """The events that say something about a change, as they came; a report is made of them."""

    @property
    def changes(self) -> dict[str, int]:
        """Return operation to number of resources, unchanged ones left out."""
        counts = Counter(step.operation for step in self.steps if step.operation not in UNCHANGED)
        return dict(sorted(counts.items()))

    @property
    def blocking(self) -> list[Violation]:
        """Return the violations that stop the change."""
        return [violation for violation in self.violations if violation.blocks]

    def take(self, line: str) -> Mapping[str, Any] | None:
        """Take one line of the stream; return the event, or None when the line is none."""
        try:
            event = json.loads(line)
        except ValueError:
            return None
        if not isinstance(event, dict):
            return None
        if worth_keeping(event):
            self.lines.append(line)
        self._note(event)
        return event

    def _note(self, event: Mapping[str, Any]) -> None:
        if "resourcePreEvent" in event:
            self._step(event["resourcePreEvent"])
        elif "resOutputsEvent" in event:
            metadata = event["resOutputsEvent"].get("metadata", {})
            planned = event["resOutputsEvent"].get("planning", False)
            if planned:
                self.outcomes.append(metadata)
            elif metadata.get("op") not in UNCHANGED:
                self.done += 1
        elif "policyEvent" in event:
            self._violation(event["policyEvent"])
        elif "diagnosticEvent" in event:
            self._diagnostic(event["diagnosticEvent"])
        elif "summaryEvent" in event:
            self.finished = True

    def _step(self, event: Mapping[str, Any]) -> None:
        metadata = event.get("metadata", {})
        new = metadata.get("new") or {}
        self.steps.append(
            Step(
                operation=str(metadata.get("op", "")),
                urn=str(metadata.get("urn", "")),
                type=str(metadata.get("type", "")),
                differences=tuple(sorted(metadata.get("detailedDiff") or metadata.get("diffs") or ())),
                parent=str(new.get("parent") or ""),
                provider=str(metadata.get("provider") or new.get("provider") or "").rpartition("::")[0],
                inputs=new.get("inputs") or {},
                old=(metadata.get("old") or {}).get("inputs") or {},
            )
        )

    def _violation(self, event: Mapping[str, Any]) -> None:
        violation = Violation(
            policy=str(event.get("policyName", "")),
            level=str(event.get("enforcementLevel", "")),
            urn=str(event.get("resourceUrn", "")),
            message=str(event.get("message", "")).strip(),
        )
        if violation not in self.violations:
            self.violations.append(violation)

    def _diagnostic(self, event: Mapping[str, Any]) -> None:
        severity, message = event.get("severity"), str(event.get("message", "")).strip()
        message = _REPEATED.sub("", message)
        if not message or message.startswith(_NOISE):
            return
        urn = str(event.get("urn") or "")
        owner = urn.rsplit("::", 1)[-1] if urn and "pulumi:pulumi:Stack" not in urn else ""
        text = f"{owner}: {message}" if owner else message
        if severity in {"error", "info#err"} and text not in self.errors:
            self.errors.append(text)
            if owner:
                self.failures.append((urn, message))
        elif severity == "warning" and text not in self.warnings:
            self.warnings.append(text)


def read(lines: Iterable[str]) -> Run:
    """Return what a whole stream of lines says."""
    run = Run()
    for line in lines:
        run.take(line)
    return run
