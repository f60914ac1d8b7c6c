"""The compliance map as a file, with what stands behind each control counted from the tests."""

from pathlib import Path

from infra.local.paths import repo_root
from infra.ops.audit import READERS
from policies import compliance, proof
from policies.admission import admitted_controls
from policies.catalog import catalog
from policies.core import PolicySettings
from policies.families import FAMILIES


def documents(root: Path | None = None) -> dict[Path, str]:
    """Return the map's file and what it should hold."""
    return {(root or repo_root()) / compliance.FILE: compliance.document(proofs())}


def proofs() -> dict[str, compliance.Proof]:
    """Return what stands behind each control: fixtures, and the fronts that see it."""
    counts = proof.counts()
    admitted = admitted_controls(PolicySettings())
    manifests = {
        check
        for family in FAMILIES
        if any(prefix.startswith("kubernetes:") for prefix in family.prefixes)
        for check in [*(c.control for c in family.checks), *(r.control for r in family.relations)]
    }
    found = {}
    for control in catalog().controls:
        row = counts.get(control.id, {})
        fronts = ["pack", "program"]
        fronts += ["manifests"] if control.id in manifests else []
        fronts += ["admission"] if control.id in admitted else []
        fronts += ["audit"] if all(_read_live(kind) for kind in control.types) else []
        found[control.id] = compliance.Proof(
            clean=row.get("clean", 0), violating=row.get("violating", 0), fronts=tuple(fronts)
        )
    return found


def _read_live(kind: str) -> bool:
    """Whether the audit reads resources of a type from what runs, and not from the state."""
    return kind.startswith("kubernetes:") or kind in READERS
