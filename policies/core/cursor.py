"""A value together with the path to it, so that each verdict can say where it looked."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.core.values import ABSENT, UNKNOWN, Value


@dataclass(frozen=True, slots=True)
class At:
    """A place in a resource's properties. Going down from an absent or unknown place stays there.

    Args:
        value: What is set there.
        path: The way to it from the top of the properties.
        blocked: The place that was asked for lies below this one, which is unknown; so it is not even
            known whether anything is set there.
    """

    value: Value
    path: str = ""
    blocked: bool = False

    @property
    def absent(self) -> bool:
        """Nothing is set here."""
        return self.value is ABSENT

    @property
    def unknown(self) -> bool:
        """Something is set here that cannot be read."""
        return self.value is UNKNOWN

    @property
    def known(self) -> bool:
        """Something is set here and can be read."""
        return not (self.absent or self.unknown)

    @property
    def empty(self) -> bool:
        """Nothing is set, or an empty list, mapping or string."""
        return self.absent or (self.known and self.value in ((), {}, ""))

    def at(self, *keys: str) -> "At":
        """Return the place below, key by key.

        Below an absent place all is absent; below an unknown one, or one of the wrong shape,
        nothing can be known: the place that stands in the way is returned, so its path is named.
        """
        here = self
        for key in keys:
            if here.unknown:
                return At(UNKNOWN, here.path, blocked=True)
            path = _join(here.path, key)
            if here.absent:
                here = At(ABSENT, path)
            elif isinstance(here.value, Mapping):
                here = At(here.value.get(key, ABSENT), path)
            else:
                return At(UNKNOWN, here.path, blocked=True)
        return here

    def each(self) -> "tuple[At, ...]":
        """Return the items of a list; a single mapping counts as a list of one.

        An unknown or misshapen list is one unknown item, so that no check passes it by.
        """
        if self.absent:
            return ()
        if isinstance(self.value, tuple):
            return tuple(At(item, f"{self.path}[{index}]") for index, item in enumerate(self.value))
        if isinstance(self.value, Mapping):
            return (self,)
        return (At(UNKNOWN, self.path, blocked=True),)

    def keys(self) -> tuple[str, ...]:
        """Return the keys of a known mapping; nothing of anything else."""
        return tuple(self.value) if isinstance(self.value, Mapping) else ()


def _join(path: str, key: str) -> str:
    if not path:
        return key
    return f"{path}.{key}" if "." not in key and "/" not in key else f"{path}['{key}']"
