"""Which setting of a stack would make the program say what somebody set outside it. Pure but for the program.

The program is a function of its settings, so the answer can be tried instead of guessed: a setting that holds
the old value gets the new one, the program is built without an engine, and the property is looked at.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from infra.errors import PlinthError
from infra.ops import sources
from infra.ops.drift import MASKED, Difference, Drift, value_at
from infra.settings import Settings

MOST_TRIES = 12
"""Programs that are built in a search: each takes about three seconds of CPU."""
MOST_OTHERS = 5
"""Other resources that a setting may change as well; one that changes more was not what somebody meant."""
_NOT_SET_BY_HAND = ("environment", "releases", "tokens")
_SPLIT = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
Program = Mapping[tuple[str, str], Mapping[str, Any]]
"""Type and name of each resource to what the program asks for."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting that would keep a change.

    Args:
        path: Keys from the top, such as ``services``, ``credit-risk``, ``replicas``.
        was: Its value today.
        now: The value that keeps the change.
        resource: Name of the resource that was changed.
        at: Path of the property that was changed.
        others: Names of further resources that it changes.
    """

    path: tuple[str, ...]
    was: Any
    now: Any
    resource: str
    at: str
    others: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return the setting as it is written in a sentence."""
        return f"plinth:{'.'.join(self.path)}"


def search(settings: Settings, drifts: Sequence[Drift]) -> list[Setting]:
    """Return the settings that would keep what was changed; nothing for what no setting says.

    Args:
        settings: Settings of the stack, with a release for each service.
        drifts: What was changed outside the program.
    """
    raw = _raw(settings)
    base = _program(settings)
    found: dict[tuple[str, ...], Setting] = {}
    tries = MOST_TRIES
    for drift in drifts:
        for difference in drift.differences:
            for path in candidates(raw, base, drift, difference):
                if tries == 0:
                    return list(found.values())
                tries -= 1
                kept = _tried(settings, base, drift, difference, path)
                best = found.get(path)
                if kept is not None and (best is None or len(kept.others) < len(best.others)):
                    found[path] = kept
                    break
    return list(found.values())


def candidates(
    raw: Mapping[str, Any], base: Program, drift: Drift, difference: Difference
) -> list[tuple[str, ...]]:
    """Return the settings that could be behind a property, the likeliest first: same value, a common word."""
    said = value_at(base.get((drift.type, drift.name), {}), difference.path)
    if drift.gone or difference.now in (None, MASKED) or said != difference.was:
        return []
    words = _words(drift.name) | _words(difference.path) | _words(drift.type)
    likely = [
        (len(words & _words(".".join(path))), path)
        for path, value in leaves(raw)
        if value == said and _kind(value) is _kind(said) and path[0] not in _NOT_SET_BY_HAND
    ]
    return [path for shared, path in sorted(likely, key=lambda row: (-row[0], row[1])) if shared]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every scalar with its keys from the top; lists are left aside."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    elif isinstance(value, bool | int | float | str):
        yield path, value


def changed(raw: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return settings, or a part of them, with one value changed; what is missing on the way is made."""
    copy: dict[str, Any] = deepcopy(dict(raw))
    holder = copy
    for key in path[:-1]:
        inner = holder.get(key)
        holder[key] = inner if isinstance(inner, dict) else {}
        holder = holder[key]
    holder[path[-1]] = value
    return copy


def _tried(
    settings: Settings,
    base: Program,
    drift: Drift,
    difference: Difference,
    path: tuple[str, ...],
) -> Setting | None:
    """Return the setting, if the program says with it what was found."""
    try:
        raw = changed(_raw(settings), path, _whole(difference.now))
        wanted = Settings.parse(raw, stack=settings.environment, environ={})
    except PlinthError:
        return None
    after, own = _program(wanted), (drift.type, drift.name)
    if value_at(after.get(own, {}), difference.path) != difference.now:
        return None
    others = sorted(
        name
        for (kind, name) in {*base, *after}
        if base.get((kind, name)) != after.get((kind, name))
        and (kind, name) != own
        and not kind.startswith("plinth:")  # a component, which exists in the program only
    )
    if len(others) > MOST_OTHERS:
        return None
    return Setting(
        path=path,
        was=difference.was,
        now=_whole(difference.now),
        resource=drift.name,
        at=difference.path,
        others=tuple(others),
    )


def _program(settings: Settings) -> Program:
    return {(one.type, one.name): one.inputs for one in sources.registered(settings)}


def _whole(value: Any) -> Any:
    """Return a number without the fraction that it has not."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _kind(value: object) -> type:
    """Return the kind of a scalar; 2 and 2.0 are of one kind, since the engine knows numbers only."""
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _raw(settings: Settings) -> dict[str, Any]:
    return dict(json.loads(settings.model_dump_json()))


def _words(text: str) -> set[str]:
    return {word.lower().rstrip("s") for word in _SPLIT.findall(text)}
