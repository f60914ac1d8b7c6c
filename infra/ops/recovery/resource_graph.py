"""The resources that a state holds, so written that two builds of one program compare equal. Pure.

What AWS and Kubernetes draw by themselves (ids, ARNs with ids in them, addresses) differs with each build.
Wherever such a value stands in what another resource was asked to be, the name of the resource and property
that it comes from stands instead. What is left is what the program asked for, and how it hangs together.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHORTEST_DRAWN = 8
"""Characters of the shortest value that is taken for one that a provider drew; shorter ones ("true", a port,
a CIDR's digits) stand in many places by chance."""
UNEQUAL = frozenset({"pulumi:pulumi:Stack"})
"""Types that hold nothing of their own."""
_PROVIDER = "pulumi:providers:"
_UNSAID = frozenset({"__defaults", "__autonamed"})
"""Keys that the providers' bridge writes beside what was asked for."""

_BEFORE = r"(?:(?<=[Pp]linth[-_/ ])|(?<=environment[$:])|(?<=environment: )|(?<=\[)|(?<=^)|(?<=\"))"
"""What stands before the name of an environment: the project, the word for it, a bracket, or nothing. A word
that only looks like it, such as ``local`` in the name of a controller, is left alone."""

Resource = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Place:
    """What may differ between an environment and its rebuild elsewhere.

    Args:
        environment: Name of the environment.
        region: Its region.
        recovery: The region that gets its copies; empty for none.
    """

    environment: str
    region: str
    recovery: str = ""

    def without(self, text: str) -> str:
        """Return a text in which neither the environment's name nor its region stands."""
        text = text.replace(self.region, "{region}")
        text = text.replace(self.recovery, "{recovery region}") if self.recovery else text
        words = "|".join(re.escape(one) for one in (self.environment, self.environment.replace("-", "_")))
        return re.sub(rf"{_BEFORE}(?:{words})(?![a-z0-9])", "{environment}", text)

    def again(self, value: Any) -> Any:
        """Return a value as it was before name and region were taken out."""
        if not isinstance(value, str):
            return value
        value = value.replace("{environment}", self.environment).replace("{region}", self.region)
        return value.replace("{recovery region}", self.recovery)


def name_of(resource: Resource) -> str:
    """Return type and logical name of a resource: what it is called in every build."""
    return f"{resource['type']} {str(resource['urn']).rsplit('::', 1)[-1]}"


def graph(
    resources: Sequence[Resource],
    place: Place | None = None,
    *,
    once: tuple[str, ...] = (),
    elsewhere: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return each resource's name with what it was asked to be.

    Args:
        resources: The resources of a checkpoint.
        place: Name and region to leave out, to compare with an environment elsewhere.
        once: Beginnings of the names of resources that the other environment may lack: what they are called
            stands as it is, since there it is no resource's.
        elsewhere: What the other environment was asked to be (see :func:`asked`): what stands there too was
            not drawn, whichever resource tells it.
    """
    kept = [one for one in resources if one.get("type") not in UNEQUAL and not one.get("delete")]
    drawing = [one for one in kept if not _short(one).startswith(once)] if once else kept
    replace = _replacer(drawing, kept, lambda value: place is not None and place.without(value) in elsewhere)
    found = {}
    for one in kept:
        wanted = _plain(one.get("inputs") or {}, replace, place)
        if one.get("parent"):
            parent = str(one["parent"]).rsplit("::", 1)[-1]
            wanted["(parent)"] = place.without(parent) if place else parent
        found[place.without(name_of(one)) if place else name_of(one)] = wanted
    return dict(sorted(found.items()))


def asked(resources: Sequence[Resource], place: Place) -> frozenset[str]:
    """Return every text that resources were asked to be, without name and region."""
    return frozenset(place.without(value) for one in resources for value in _texts(one))


def digests(found: Mapping[str, Any]) -> dict[str, str]:
    """Return each resource with a digest of what it was asked to be: 16 hex digits of SHA-256."""
    return {name: _digest(asked)[:16] for name, asked in found.items()}


def digest(found: Mapping[str, Any]) -> str:
    """Return the digest of a whole graph, from the graph or from its resources' digests."""
    rows = {name: one if isinstance(one, str) else _digest(one)[:16] for name, one in found.items()}
    return f"sha256:{_digest(rows)}"


def differences(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return what differs between the digests of two graphs, one line for each resource."""
    return [
        *(f"{name}: gone" for name in sorted(set(was) - set(now))),
        *(f"{name}: new" for name in sorted(set(now) - set(was))),
        *(f"{name}: not as it was" for name in sorted(set(was) & set(now)) if was[name] != now[name]),
    ]


def unequal(
    was: Mapping[str, Any], now: Mapping[str, Any], here: Place | None = None, there: Place | None = None
) -> dict[str, list[str]]:
    """Return, for each resource that both graphs have, the properties that differ.

    Args:
        was: One graph.
        now: The other one.
        here: What was left out of the first one; what is the same word for word in both is equal as well.
        there: What was left out of the second one.
    """

    def same(old: Any, new: Any) -> bool:
        return bool(old == new or (here and there and here.again(old) == there.again(new)))

    found = {}
    for name in sorted(set(was) & set(now)):
        old, new = dict(leaves(was[name])), dict(leaves(now[name]))
        if rows := sorted(path for path in set(old) | set(new) if not same(old.get(path), new.get(path))):
            found[name] = rows
    return found


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every plain value in a document with its path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _short(resource: Resource) -> str:
    """Return the logical name."""
    return str(resource["urn"]).rsplit("::", 1)[-1]


def _replacer(
    drawing: Sequence[Resource], asking: Sequence[Resource], not_drawn: Callable[[str], bool]
) -> Callable[[str], str]:
    """Return what puts names in the place of values that were drawn by some resources.

    A component draws nothing: what it gives was asked for, or stands in a child. What a provider was told
    (region, account, tags for everything) comes back in the outputs of many resources and was not drawn.
    """
    drawn: dict[str, str] = {}
    told = {value for one in asking if one["type"].startswith(_PROVIDER) for value in _told(one)}
    for one in sorted(drawing, key=lambda row: str(row["urn"])):
        if not one.get("custom", True):
            continue
        said = {*told, *_texts(one)}
        for path, value in [("id", one.get("id")), *leaves(one.get("outputs") or {})]:
            if isinstance(value, str) and len(value) >= SHORTEST_DRAWN and value not in said:
                drawn.setdefault(value, f"<{name_of(one)}.{path}>")
    # Most of what providers answer stands in no other resource: what nobody uses is not looked for.
    text = "\0".join({value for one in asking for value in _texts(one)})
    used = [value for value in drawn if value in text and not not_drawn(value)]
    used.sort(key=len, reverse=True)
    if not used:
        return lambda value: value
    pattern = re.compile("|".join(re.escape(value) for value in used))
    return lambda value: pattern.sub(lambda match: drawn[match.group(0)], value)


def _texts(resource: Resource) -> set[str]:
    """Return every text that a resource was asked to be."""
    return {value for _, value in leaves(resource.get("inputs") or {}) if isinstance(value, str)}


def _told(provider: Resource) -> set[str]:
    """Return every text that a provider was told; what is not plain stands as JSON in its inputs."""
    documents = [_unordered(value) for value in _texts(provider)]
    return {value for one in documents for _, value in leaves(one) if isinstance(value, str)}


def _plain(value: Any, replace: Callable[[str], str], place: Place | None) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _plain(inner, replace, place) for key, inner in sorted(value.items()) if key not in _UNSAID
        }
    if isinstance(value, list):
        return [_plain(inner, replace, place) for inner in value]
    if isinstance(value, str):
        replaced = replace(value)
        return _unordered(place.without(replaced)) if place else replaced
    return value


def _unordered(text: str) -> Any:
    """Return a policy as a document whose lists of names have one order: regions are sorted by name there."""
    if not text.startswith("{"):
        return text
    try:
        return _sorted(json.loads(text))
    except ValueError:
        return text


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        rows = [_sorted(inner) for inner in value]
        return sorted(rows) if all(isinstance(row, str) for row in rows) else rows
    return value
