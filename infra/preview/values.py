"""Two values side by side: which of their parts differ, and how a part is written for a reader. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.preview.masking import mask_value
from infra.preview.stream import SECRET, UNKNOWN

LONGEST = 160
"""Characters of a value that a report shows; the whole of a longer one is in the code."""
_MISSING = object()
_ENGINE_KEYS = frozenset({"__defaults", "__meta", "__internal"})
"""Keys that the bridge adds to inputs for itself."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One part that differs.

    Args:
        path: Where, such as ``rules[0].status`` or ``policy.Statement[1].Action``.
        name: The last name in the path; says whether the value is a secret by its name.
        old: Value before; ``None`` together with ``was_set`` false when there was none.
        new: Value after.
    """

    path: str
    name: str
    old: Any
    new: Any
    was_set: bool = True
    is_set: bool = True


def differences(old: Any, new: Any, path: str = "", name: str = "") -> Iterator[Difference]:
    """Give every part in which two values differ, in the order of their paths."""
    one, two = opened(old), opened(new)
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        for key in sorted({*one, *two} - _ENGINE_KEYS, key=str):
            yield from _pair(one.get(key, _MISSING), two.get(key, _MISSING), _join(path, str(key)), str(key))
    elif isinstance(one, list) and isinstance(two, list) and (key := _named_by(one, two)):
        befores, afters = ({str(item[key]): item for item in side} for side in (one, two))
        for label in [*befores, *(label for label in afters if label not in befores)]:
            old_item, new_item = befores.get(label, _MISSING), afters.get(label, _MISSING)
            yield from _pair(old_item, new_item, f"{path}[{label}]", name)
    elif isinstance(one, list) and isinstance(two, list) and not _scalars(one + two):
        for index in range(max(len(one), len(two))):
            yield from _pair(
                one[index] if index < len(one) else _MISSING,
                two[index] if index < len(two) else _MISSING,
                f"{path}[{index}]",
                name,
            )
    elif one != two:
        yield Difference(path=path, name=name, old=one, new=two)


def _pair(old: Any, new: Any, path: str, name: str) -> Iterator[Difference]:
    if old is _MISSING:
        yield Difference(path=path, name=name, old=None, new=opened(new), was_set=False)
    elif new is _MISSING:
        yield Difference(path=path, name=name, old=opened(old), new=None, is_set=False)
    else:
        yield from differences(old, new, path, name)


def _named_by(one: list[Any], two: list[Any]) -> str:
    """Return the key that names each item of two lists, so that another order is no change of every item."""
    for key in ("Sid", "id", "name"):
        if all(
            side and all(isinstance(item, Mapping) and isinstance(item.get(key), str) for item in side)
            and len({item[key] for item in side}) == len(side)
            for side in (one, two)
        ):  # fmt: skip
            return key
    return ""


def opened(value: Any) -> Any:
    """Return the document in a text that is JSON, such as a policy; any other value as it is."""
    if isinstance(value, str) and value[:1] in "{[" and value[-1:] in "}]":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def at(value: Any, path: str) -> Any:
    """Return the part of a value at a dotted path without indices, or ``None``."""
    for key in path.split("."):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def holds_unknown(value: Any) -> bool:
    """Return whether a value, or a part of it, is known only after the change."""
    if isinstance(value, Mapping):
        return any(map(holds_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_unknown, value))
    return isinstance(value, str) and UNKNOWN in value


def shown(value: Any, name: str = "") -> str:
    """Return a value as a report writes it: secrets masked first, then cut to a readable length."""
    value = _clean(mask_value(value, name))
    if isinstance(value, str):
        text = (
            "known after the change"
            if value == UNKNOWN
            else value.replace(UNKNOWN, "(known after the change)")
        )
    elif isinstance(value, list) and _scalars(value):
        text = ", ".join(shown(one) for one in value) or "nothing"
    else:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False).replace(
            UNKNOWN, "(known after the change)"
        )
    text = " ".join(text.split()) if text != "" else '""'
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _clean(inner) for key, inner in value.items() if key not in _ENGINE_KEYS}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value


def _scalars(values: list[Any]) -> bool:
    return not any(isinstance(value, Mapping | list) for value in map(opened, values))


def _join(path: str, key: str) -> str:
    plain = key.replace("_", "").isalnum()
    if not plain:
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


__all__ = ["SECRET", "Difference", "at", "differences", "holds_unknown", "opened", "shown"]
