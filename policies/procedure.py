"""Controls on how a change comes about, rather than on a resource: waivers and the change gate.

They have no family and no fixture stack: what they judge is a waiver file, or the steps of a
preview. They are rows like those of the catalog, so that every report shows them the same way.
"""

from policies.catalog import Control, catalog

WAIVER = "waiver-is-sound"
"""Judges the waivers themselves."""

_NIST = {"nist-800-53": ["CM-3"]}

PROCEDURE: dict[str, Control] = {
    control.id: control
    for control in (
        Control(
            id=WAIVER,
            number=None,
            family="procedure",
            pack="compliance",
            theme="integrity",
            title="Waivers are narrow, owned, in force and in use",
            why="An exception that nobody owns, or that outlives its reason, is a hole in every control.",
            severity="high",
            types=["*"],
            frameworks=_NIST,
            own_reading=["nist-800-53"],
            fix="Renew the waiver with a reason, or remove it; policies/README.md says what it has to hold.",
            waivable=False,
        ),
    )
}
"""Id to control."""


def control_of(control_id: str) -> Control:
    """Return a control of the catalog or of the procedure.

    Raises:
        KeyError: There is none.
    """
    return PROCEDURE.get(control_id) or catalog()[control_id]


def all_controls() -> list[Control]:
    """Return every control, those of the procedure last."""
    return [*catalog().controls, *PROCEDURE.values()]
