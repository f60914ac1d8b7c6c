"""How long the report of a large change takes beyond the engine's preview, and whether it fits a comment.

The change is made of the real program: every resource of a stack, over and over under other names, created,
deleted, replaced or changed in turn, told in the engine's own form.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.ops import reports, sources
from infra.preview import data, markdown, page, picture, report, stream, text
from infra.preview.levels import Level
from infra.preview.report import Report
from infra.settings import Settings

LIMIT_SECONDS = 2.0
"""CPU seconds that a report may take: a reviewer who waits a minute for a preview does not notice them."""
_TURNS = ("create", "delete", "replace", "update", "update")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the report of one change took.

    Args:
        resources: Resources that change.
        cpu_seconds: Part of the work to CPU seconds.
        comment_characters: Length of the comment.
        comment_limit: Longest comment of the forge, in characters.
        dangerous: Changes of medium risk or more.
        dangerous_first: Whether nothing stands above something more dangerous.
    """

    resources: int
    cpu_seconds: dict[str, float]
    comment_characters: int
    comment_limit: int
    dangerous: int
    dangerous_first: bool

    @property
    def total(self) -> float:
        """Return CPU seconds in all."""
        return round(sum(self.cpu_seconds.values()), 3)

    @property
    def good(self) -> bool:
        """Return whether it is what was promised."""
        fits = self.comment_characters <= self.comment_limit
        return fits and self.dangerous_first and self.total <= LIMIT_SECONDS


def measure(settings: Settings, resources: int) -> Measured:
    """Make the report of a change, and every form of it.

    Args:
        settings: Settings of the stack whose resources are changed, with a release for each service.
        resources: How many resources change.
    """
    lines = list(events(sources.registered(settings), settings.environment, resources))
    spent: dict[str, float] = {}

    def timed(name: str, work: Any) -> Any:
        begun = time.process_time()
        result = work()
        spent[name] = round(time.process_time() - begun, 3)
        return result

    preview = timed("read", lambda: stream.read(lines))
    made: Report = timed("judge", lambda: report.build(preview, reports.context(settings, where={})))
    comment = timed("comment", lambda: markdown.render(made, limit=markdown.GITHUB_LIMIT, full="https://x/"))
    for name, render in {
        "text": text.render, "markdown": markdown.render, "html": page.render, "svg": picture.draw,
        "json": data.render,
    }.items():  # fmt: skip
        timed(name, lambda render=render: render(made))
    levels = [entry.level for entry in made.entries]
    return Measured(
        resources=len(made.entries),
        cpu_seconds=spent,
        comment_characters=len(comment),
        comment_limit=markdown.GITHUB_LIMIT,
        dangerous=len([level for level in levels if level >= Level.MEDIUM]),
        dangerous_first=levels == sorted(levels, reverse=True),
    )


def events(registered: list[sources.Registered], stack: str, count: int) -> Iterator[str]:
    """Give the event stream of a preview that changes so many resources; components are left aside. Pure."""
    real = [one for one in registered if not one.type.startswith(("plinth:", "pulumi:"))]
    counts: dict[str, int] = {}
    for number in range(count):
        one, turn = real[number % len(real)], _TURNS[number % len(_TURNS)]
        counts[turn] = counts.get(turn, 0) + 1
        yield json.dumps({"resourcePreEvent": {"metadata": _step(one, stack, turn, number)}})
    yield json.dumps({"summaryEvent": {"resourceChanges": counts, "PolicyPacks": {"plinth": "1"}}})


def _step(one: sources.Registered, stack: str, turn: str, number: int) -> dict[str, Any]:
    """Return one step: the first property that is a text or a number gets another value."""
    inputs = json.loads(json.dumps(one.inputs, default=str))
    name = next((key for key, value in sorted(inputs.items()) if isinstance(value, str | int | float)), None)
    after: Mapping[str, Any] = {**inputs, name: _other(inputs[name])} if name else inputs
    changes = turn in {"update", "replace"} and name
    return {
        "op": turn,
        "urn": f"urn:pulumi:{stack}::plinth::plinth:part:{one.part}${one.type}::{one.name}-{number}",
        "type": one.type,
        "old": None if turn == "create" else {"inputs": inputs},
        "new": None if turn == "delete" else {"inputs": after if changes else inputs},
        "detailedDiff": {name: {"diffKind": "update"}} if changes else None,
        "keys": [name] if turn == "replace" and name else None,
    }


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}-other"
