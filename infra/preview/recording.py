"""What the engine said, small enough to be kept: one event a line, no times, no places of this machine."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

KEPT = ("resourcePreEvent", "policyEvent", "diagnosticEvent", "summaryEvent")
"""Events that say something about a change; the others tell how far the engine is."""
_ENDING = "plinthRecording"
"""Event that this module adds as the last one: the engine's exit code."""


def worth_keeping(event: Mapping[str, Any]) -> bool:
    """Return whether an event says something about a change."""
    kind = next((kind for kind in KEPT if kind in event), None)
    return kind is not None and event[kind].get("severity") != "debug" and not event[kind].get("ephemeral")


def ending(exit_code: int) -> str:
    """Return the last line of a recording."""
    return json.dumps({_ENDING: {"exitCode": exit_code}}, separators=(",", ":"))


def compact(lines: Iterable[str], *, exit_code: int, root: Path) -> str:
    """Return the events that matter, one a line, the same bytes for the same preview.

    Args:
        lines: The engine's event stream.
        exit_code: What the engine ended with.
        root: The clone; its path is taken out.
    """
    kept = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if not worth_keeping(event):
            continue
        kind = next(kind for kind in KEPT if kind in event)
        kept.append({kind: _lean(kind, event[kind])})
    lines = [json.dumps(event, sort_keys=True, separators=(",", ":")) for event in kept]
    return re.sub(re.escape(str(root)) + r"/?", "", "\n".join([*lines, ending(exit_code)])) + "\n"


def _lean(kind: str, event: dict[str, Any]) -> dict[str, Any]:
    if kind == "summaryEvent":
        return {**event, "durationSeconds": 0}
    if kind != "resourcePreEvent":
        return {key: value for key, value in event.items() if key not in ("color", "streamId")}
    left_out = ("provider", "logical")
    metadata = {key: value for key, value in event["metadata"].items() if key not in left_out}
    for side in ("old", "new"):
        if metadata.get(side):
            state = {
                key: value
                for key, value in metadata[side].items()
                if key not in ("urn", "type", "provider", "id")
            }
            state.pop(
                "outputs", None
            )  # inputs say what the program asks for, which is what a review is about
            metadata[side] = state
    if metadata.get("op") == "same":
        metadata = {key: metadata[key] for key in ("op", "urn", "type", "new")}
        if metadata["new"]:
            inputs = metadata["new"].get("inputs", {})
            metadata["new"] = {**metadata["new"], "inputs": {k: v for k, v in inputs.items() if _short(v)}}
    return {"metadata": metadata}


def _short(value: Any) -> bool:
    """Return whether an input of an unchanged resource is kept: policies are long and say nothing."""
    return not isinstance(value, str) or len(value) <= LONGEST


LONGEST = 200
"""Characters of an unchanged input that are kept: longer than any name, shorter than any policy."""
