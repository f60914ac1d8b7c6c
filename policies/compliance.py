"""The compliance map: framework id to control, policy, tests, runtime check and evidence.

Everything in it is read from the catalog, the fixtures and the fronts, so that the document that
``./plinth docs`` writes cannot say more than there is. A map is not a certificate: it says which
checks answer an id, and which of these links are this project's own reading.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.catalog import Control, Standard, catalog
from policies.procedure import all_controls

SCANNERS = frozenset({"checkov", "trivy", "kubescape"})
"""Not frameworks: scanners whose checks ask for the same; listed with each control only."""
FILE = "policies/COMPLIANCE.md"
_HEAD = """# Compliance map

Made by `./plinth docs` from the catalog and the fixtures; a test fails when it is stale.

What it says: for each id of a framework, the controls of this project that answer it, the policy that
judges them before any deploy, the test cases that prove the check, where the same check looks at what
runs, and the command whose output is the evidence.

Fronts: the **pack** judges in every preview; the **program** judges itself before an update that no
accepted preview covers; **manifests** are judged by `./plinth policy check`; **admission** means that there
is a rule by which an API server refuses the same; **audit** that the same check reads what runs. A control
without audit is judged there as the state has it.

What it does not say: that a system is compliant. Frameworks ask for people and procedures too, and ids
without a control here are not listed. Ids marked **own** are this project's own reading, made without the
framework's text; the others come from public scanners' machine-readable mappings, not from the frameworks'
owners.
"""


@dataclass(frozen=True, order=True)
class Link:
    """That a control answers an id of a standard."""

    standard: str
    id: str
    control: str
    own: bool


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What stands behind a control, as the caller counted it.

    Args:
        clean: Fixtures that must pass.
        violating: Fixtures that must not.
        fronts: Fronts that see it, such as ``admission``.
    """

    clean: int = 0
    violating: int = 0
    fronts: tuple[str, ...] = ()


def standards() -> dict[str, Standard]:
    """Return every standard of the map, scanners left out."""
    return {key: standard for key, standard in catalog().standards.items() if key not in SCANNERS}


def links(control: Control) -> list[Link]:
    """Return which ids of which standards a control answers."""
    return sorted(
        Link(standard, item, control.id, standard in control.own_reading)
        for standard, ids in control.frameworks.items()
        if standard not in SCANNERS
        for item in ids
    )


def explain(control: Control) -> str:
    """Return all of one control for a reader."""
    known = standards()
    where = f"advice in {', '.join(control.advisory_in)}; mandatory elsewhere"
    lines = [
        f"{control.id}: {control.title}",
        f"  why:       {control.why}",
        f"  fix:       {' '.join(control.fix.split())}",
        f"  severity:  {control.severity}; {where if control.advisory_in else 'mandatory everywhere'}",
        f"  waivable:  {'yes, for 90 days at most' if control.waivable else 'no'}",
        f"  family:    {control.family}" + (f" (row {control.number} of the list)" if control.number else ""),
        f"  looks at:  {', '.join(control.types)}",
    ]
    for link in links(control):
        edition = known[link.standard]
        mark = "  (our own reading)" if link.own else ""
        lines.append(f"  asked by:  {edition.name} {edition.version}: {link.id}{mark}")
    lines += [
        f"  same as:   {scanner}: {', '.join(control.frameworks[scanner])}"
        for scanner in sorted(SCANNERS & set(control.frameworks))
    ]
    return "\n".join(lines)


def document(proofs: Mapping[str, Proof]) -> str:
    """Return the whole map as Markdown.

    Args:
        proofs: Control to what stands behind it.
    """
    rows = [link for control in all_controls() for link in links(control)]
    parts = [_HEAD, "## Standards\n", *_standards_table(rows)]
    parts += ["\n## Controls\n", *_controls_table(proofs)]
    for key, standard in standards().items():
        mine = [link for link in rows if link.standard == key]
        if mine:
            parts += [f"\n## {standard.name} {standard.version}\n", *_ids_table(mine)]
    return "\n".join(parts) + "\n"


def _standards_table(rows: list[Link]) -> Iterable[str]:
    yield "| standard | edition | date | ids answered | links | of these own |"
    yield "|---|---|---|---|---|---|"
    for key, standard in standards().items():
        mine = [link for link in rows if link.standard == key]
        ids = len({link.id for link in mine})
        date = standard.date or f"not given: {standard.note}"
        own = sum(link.own for link in mine)
        yield f"| {standard.name} | {standard.version} | {date} | {ids} | {len(mine)} | {own} |"


def _controls_table(proofs: Mapping[str, Proof]) -> Iterable[str]:
    yield "| control | judged by policy | tests: clean / violating | fronts | evidence |"
    yield "|---|---|---|---|---|"
    for control in all_controls():
        proof = proofs.get(control.id, Proof())
        tests = f"{proof.clean} / {proof.violating}" if proof.clean or proof.violating else "own tests"
        fronts = ", ".join(proof.fronts) or "gate"
        evidence = f"`./plinth policy explain {control.id}`, {_evidence(proof)}"
        yield f"| `{control.id}` | `{control.family}` | {tests} | {fronts} | {evidence} |"


def _evidence(proof: Proof) -> str:
    if "audit" in proof.fronts:
        return "`./plinth policy audit --json`"
    return "`./plinth policy coverage`" if proof.fronts else "`./plinth preview`"


def _ids_table(links_of: list[Link]) -> Iterable[str]:
    yield "| id | controls | reading |"
    yield "|---|---|---|"
    by_id: dict[str, list[Link]] = {}
    for link in links_of:
        by_id.setdefault(link.id, []).append(link)
    for item in sorted(by_id, key=_natural):
        controls = ", ".join(f"`{link.control}`" for link in sorted(by_id[item]))
        own = sum(link.own for link in by_id[item])
        reading = "**own**" if own == len(by_id[item]) else f"{own} of {len(by_id[item])} own" if own else ""
        yield f"| {item} | {controls} | {reading} |"


def _natural(text: str) -> list[Any]:
    """Return a key that sorts 2.1.10 behind 2.1.9."""
    words = "".join(char if char.isdigit() else f" {char} " for char in text).split()
    return [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in words]
