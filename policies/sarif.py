"""A judgement as SARIF 2.1.0, the format that code hosts and editors read findings in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from policies.core import Finding, Verdict
from policies.judgement import Judgement
from policies.procedure import control_of
from policies.report import message

VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SCORES = {"low": "3.0", "medium": "5.5", "high": "8.0", "critical": "9.5"}
"""Severity to the number that code hosts sort by: the middle of the word's range in CVSS 3."""


@dataclass(frozen=True)
class Place:
    """Where a resource is written: a file and a line, from 1."""

    file: str
    line: int = 1


def render(judgement: Judgement, places: Mapping[str, Place]) -> dict[str, Any]:
    """Return the document.

    Args:
        judgement: What was found.
        places: URN to where the resource is written; others are named by their URN alone.
    """
    shown = [f for f in judgement.findings if f.verdict.blocks or f.verdict is Verdict.WAIVED]
    ids = sorted({finding.control for finding in shown})
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "plinth-policy",
                        "semanticVersion": _pack_version(),
                        "rules": [_rule(control_id) for control_id in ids],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": not any(f.internal for f in shown)}],
                "results": [
                    _result(finding, ids.index(finding.control), judgement, places) for finding in shown
                ],
                "properties": {"answer": judgement.answer, **judgement.counts()},
            }
        ],
    }


def _pack_version() -> str:
    manifest = yaml.safe_load((Path(__file__).parent / "PulumiPolicy.yaml").read_text(encoding="utf-8"))
    return str(manifest["version"])


def _rule(control_id: str) -> dict[str, Any]:
    control = control_of(control_id)
    fix = " ".join(control.fix.split())
    ids = [f"{standard}: {row}" for standard, rows in control.frameworks.items() for row in rows]
    return {
        "id": control.id,
        "shortDescription": {"text": control.title},
        "fullDescription": {"text": control.why},
        "help": {"text": fix},
        "properties": {"tags": [control.family, *ids], "security-severity": _SCORES[control.severity]},
    }


def _result(
    finding: Finding, index: int, judgement: Judgement, places: Mapping[str, Place]
) -> dict[str, Any]:
    advisory = judgement.level(finding) == "advisory"
    result: dict[str, Any] = {
        "ruleId": finding.control,
        "ruleIndex": index,
        "level": "warning" if advisory or finding.verdict is Verdict.WAIVED else "error",
        "message": {"text": message(finding)},
        "locations": [_location(finding, places.get(finding.urn))],
        "partialFingerprints": {"resource/v1": f"{finding.control}:{finding.urn}"},
        "properties": {"verdict": finding.verdict.name.lower()},
    }
    if finding.verdict is Verdict.WAIVED:
        result["suppressions"] = [{"kind": "external", "status": "accepted"}]
    return result


def _location(finding: Finding, place: Place | None) -> dict[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": finding.urn, "name": finding.name, "kind": "resource"}]
    }
    if place is not None:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": place.file},
            "region": {"startLine": place.line},
        }
    return location
