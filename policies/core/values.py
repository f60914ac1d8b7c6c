"""Property values in three states: absent, set but not known yet, known.

The policy SDK hands out proxies that raise on the first unknown value, are neither ``dict`` nor
``list``, and carry whole numbers as floats. :func:`normalise` reads such a tree once and returns
plain immutable data in which an unknown is a value like any other, so that a check can see all
the rest of the resource and decide what an unknown means for it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, TypeAlias


class _Marker(Enum):
    ABSENT = "absent"
    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return self.name


ABSENT: Final = _Marker.ABSENT
"""The property is not set. A null counts as not set: Pulumi and Kubernetes both drop nulls."""
UNKNOWN: Final = _Marker.UNKNOWN
"""The property is set, but its value cannot be read: not known before the update, encrypted or masked."""

Value: TypeAlias = "str | int | float | bool | tuple[Value, ...] | Mapping[str, Value] | _Marker"
"""A normalised value."""

UNKNOWN_SENTINELS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
"""How the engine writes "not known yet" on the wire and in previews (part of its protocol)."""
MASKED: Final = "[secret]"
"""What a preview shows in place of a secret."""

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"  # key that marks a typed value in a property map
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret, not one
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_PROXY: Final = "_DictProxy"  # the SDK's proxy of an object; its class is not public
_PROXY_TARGET: Final = "__target"  # the one key under which the SDK's proxy returns itself unwrapped


class NeverRaisedError(Exception):
    """Stands for "no error means unknown", for trees that are plain data."""


def normalise(value: Any, *, unknown_error: type[Exception] = NeverRaisedError) -> Value:
    """Return a value as plain immutable data; every item of the tree is read once.

    Args:
        value: JSON-like data, or the proxies of the policy SDK.
        unknown_error: What reading an unknown item raises. Any other error passes through.
    """
    if value is None:
        return ABSENT
    if isinstance(value, str | bool | int | float):
        return _scalar(value)
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) is not None:
            return _typed(value, unknown_error)
        return MappingProxyType(
            {
                str(key): normalise(item, unknown_error=unknown_error)
                for key, item in _items(value, unknown_error)
            }
        )
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return tuple(
            normalise(_read(value, index, unknown_error), unknown_error=unknown_error)
            for index in range(len(value))
        )
    return UNKNOWN  # assets, archives, references: set, and nothing a check could read


def _scalar(value: str | float) -> Value:
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWN_SENTINELS or value == MASKED else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _items(mapping: Mapping[Any, Any], unknown_error: type[Exception]) -> Iterator[tuple[Any, Any]]:
    for key in mapping:
        if key == _PROXY_TARGET and type(mapping).__name__ == _PROXY:
            # The proxy answers this key with its own content, of which the true value is an item.
            yield key, mapping[key][key]
            continue
        yield key, _read(mapping, key, unknown_error)


def _read(container: Any, key: Any, unknown_error: type[Exception]) -> Any:
    try:
        return container[key]
    except unknown_error:
        return next(iter(UNKNOWN_SENTINELS))


def _typed(value: Mapping[str, Any], unknown_error: type[Exception]) -> Value:
    """Return what a typed value holds: secrets and outputs are unwrapped where they can be."""
    signature = value[_SIGNATURE]
    if signature == _SECRET and isinstance(value.get("plaintext"), str):
        try:
            return normalise(json.loads(value["plaintext"]), unknown_error=unknown_error)
        except ValueError:
            return UNKNOWN
    if signature in (_SECRET, _OUTPUT) and "value" in value:
        return normalise(value["value"], unknown_error=unknown_error)
    return UNKNOWN
