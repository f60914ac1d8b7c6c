"""What differs between an environment and its rebuild: resources and settings, but for names and regions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.ops.recovery import resource_graph, statements
from infra.settings import Settings

ONCE = (
    "account-guard", "allocation-tags", "anomalies", "audit-queries", "audit-trail",
    "break-glass-use-account", "workflows",
)  # fmt: skip
"""Beginnings of the names of what an account has once: made by the stack that owns it, and by no other
(plinth:aws.owns_account). What is not bound to a region survives its loss."""
ONCE_PROPERTIES = ("aws:cfg/recorder:Recorder recorder: recordingGroup.includeGlobalResourceTypes",)
"""Properties that are so in the stack that owns the account and otherwise in every other."""


DERIVED = ("spec.template.metadata.annotations.plinth.dev/config",)
"""Properties that are digests of files in which the environment's name stands; the files are compared."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs.

    Args:
        gone: Resources that only the original had.
        once: What the account has once, which only the one of the two that owns it has.
        new: Resources that only the rebuild has.
        unequal: Resources that both have, to the properties that differ.
        settings: Keys of the settings that differ, to both values.
    """

    gone: list[str] = field(default_factory=list)
    once: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    unequal: dict[str, list[str]] = field(default_factory=dict)
    settings: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Return whether the two have the same resources, but for what the account has once."""
        return not (self.gone or self.new or self.unequal)


def compare(lost: Settings, was: Mapping[str, Any], rebuilt: Settings, now: Mapping[str, Any]) -> Comparison:
    """Compare two checkpoints, names and regions left out.

    Args:
        lost: Settings of the original, as they were recorded.
        was: Its checkpoint.
        rebuilt: Settings of the rebuild.
        now: Its checkpoint.
    """
    here, there = statements.place_of(lost), statements.place_of(rebuilt)
    owner_differs = lost.aws.owns_account != rebuilt.aws.owns_account
    left_out = ONCE if owner_differs else ()
    before, after = was.get("resources") or [], now.get("resources") or []
    old = resource_graph.graph(before, here, once=left_out, elsewhere=resource_graph.asked(after, there))
    new = resource_graph.graph(after, there, once=left_out, elsewhere=resource_graph.asked(before, here))
    gone, added = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    unequal = resource_graph.unequal(old, new, here, there)
    unequal = {
        name: left for name, rows in unequal.items() if (left := [row for row in rows if row not in DERIVED])
    }
    once: list[str] = []
    if owner_differs:
        once = [
            name
            for name in (gone if lost.aws.owns_account else added)
            if name.split(" ", 1)[1].startswith(ONCE)
        ]
        unequal = {
            name: left
            for name, rows in unequal.items()
            if (left := [row for row in rows if f"{name}: {row}" not in ONCE_PROPERTIES])
        }
    return Comparison(
        gone=[name for name in gone if name not in once],
        once=once,
        new=[name for name in added if name not in once],
        unequal=unequal,
        settings=_settings(_flat(lost, here), _flat(rebuilt, there)),
    )


def _flat(settings: Settings, place: resource_graph.Place) -> dict[str, Any]:
    document = json.loads(place.without(settings.model_dump_json()))
    for once in ("releases", "tokens"):  # what was built, which is compared by digest, and a clone's own keys
        document.pop(once, None)
    return dict(resource_graph.leaves(document))


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    keys = sorted(key for key in set(old) | set(new) if old.get(key) != new.get(key))
    return {key: [old.get(key), new.get(key)] for key in keys}
