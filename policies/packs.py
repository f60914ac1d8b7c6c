"""The four packs that the catalog's controls form; by default all of them judge together.

Whoever takes the policies into another project may begin with one pack. Plinth itself always asks all four.
"""

from collections.abc import Iterable
from typing import Any

from policies.core import Finding, PolicySettings
from policies.core.settings import PACKS
from policies.families import FAMILIES
from policies.procedure import control_of
from policies.waivers import Waiver

RELATIONS = "relations"
ADVICE = "advice"
RELATIONS_ADVICE = "relations-advice"


def pack_config(settings: PolicySettings) -> dict[str, Any]:
    """Return the content of the file for ``--policy-pack-config``: every policy gets the same settings."""
    names = (*(family.name for family in FAMILIES), ADVICE, RELATIONS, RELATIONS_ADVICE)
    return {name: settings.render() for name in names}


def selected(control_id: str, settings: PolicySettings) -> bool:
    """Return whether a control belongs to a pack that is in force."""
    return settings.packs == PACKS or control_of(control_id).pack in settings.packs


def findings_of(findings: Iterable[Finding], settings: PolicySettings) -> list[Finding]:
    """Return what the packs in force say; a check that broke is told whatever its pack is."""
    return [finding for finding in findings if finding.internal or selected(finding.control, settings)]


def waivers_of(waivers: Iterable[Waiver], settings: PolicySettings) -> tuple[Waiver, ...]:
    """Return the waivers of controls in force; the others match nothing, which is not their fault."""
    return tuple(waiver for waiver in waivers if selected(waiver.control, settings))
