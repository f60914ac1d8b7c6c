"""Controls on how a change comes about, rather than on a resource: waivers and the change gate.

They have no family and no fixture stack: what they judge is a waiver file, or the steps of a
preview. They are rows like those of the catalog, so that every report shows them the same way.
"""

from policies.catalog import Control, Severity, catalog

WAIVER = "waiver-is-sound"
"""Judges the waivers themselves."""

_NIST = {"nist-800-53": ["CM-3"]}
_TRIED_IN = ["dev", "local", "local-dr"]
"""Environments in which stores come and go; the gate only tells there."""


def _gate(control_id: str, *, title: str, why: str, severity: Severity, theme: str, nist: str) -> Control:
    """Return the row of a rule of the change gate."""
    return Control(
        id=control_id,
        number=None,
        family="procedure",
        pack="compliance",
        theme=theme,
        title=title,
        why=why,
        severity=severity,
        types=["*"],
        frameworks={"nist-800-53": ["CM-3", nist]},
        own_reading=["nist-800-53"],
        fix="Undo it, or take it on: ./plinth preview --accept-as 'YOUR NAME', then up.",
        waivable=False,
        advisory_in=_TRIED_IN,
    )


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
        _gate(
            "change-keeps-stores",
            title="A change removes nothing that holds data",
            why="What a delete or a replacement takes away no later deploy brings back.",
            severity="critical",
            theme="recovery",
            nist="CP-9",
        ),
        _gate(
            "change-keeps-encryption",
            title="A change takes no encryption away",
            why="The next state may be allowed, and the data of the last one still lies in plain text.",
            severity="high",
            theme="encryption-at-rest",
            nist="SC-28",
        ),
        _gate(
            "change-keeps-retention",
            title="A change shortens no retention",
            why="What is past its new age goes at once, records and backups too.",
            severity="high",
            theme="audit",
            nist="AU-11",
        ),
        _gate(
            "change-opens-no-network",
            title="A change lets in no more networks",
            why="Each network more is somebody more who may try.",
            severity="high",
            theme="boundary",
            nist="SC-7",
        ),
        _gate(
            "change-widens-no-access",
            title="A change of a policy gives nobody more",
            why="Rights grow one harmless statement at a time.",
            severity="high",
            theme="access",
            nist="AC-6",
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
