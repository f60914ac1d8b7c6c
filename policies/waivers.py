"""Waivers: exceptions as data, narrow and for a while.

A waiver lets one control be for resources of one type whose name fits a pattern, in named
environments, between two days. A waived finding is still shown, with its reason and owner. A
waiver that is expired, unused, too broad or for a control that cannot be waived is itself a
mandatory violation, so that the list can only shrink by being looked at.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policies.catalog import catalog
from policies.core import Finding, PolicyError, Verdict
from policies.core.resources import canonical
from policies.core.settings import ENVIRONMENTS
from policies.procedure import PROCEDURE, WAIVER

DEFAULT_FILE = Path(__file__).parent / "waivers.yaml"
"""The project's own waivers."""
LONGEST_DAYS = 90
"""Days for which a waiver may hold: a quarter, after which somebody has to look again."""
MOST_MATCHES = 10
"""Most resources that one waiver may be about; what concerns more is a change of the control."""
_LITERAL = 3
"""Characters without a wildcard with which a name pattern has to begin."""
_COLONS = 2  # of a type token: package, module, name


class Waiver(BaseModel):
    """One exception."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    control: str
    type: str
    """Type token of the resources, exactly."""
    name: str
    """Logical name of the resources; ``*`` and ``?`` may stand at its end, not at its beginning."""
    environments: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    reason: Annotated[str, Field(min_length=20)]
    """Why it must be so for now, in a sentence."""
    owner: Annotated[str, Field(min_length=2)]
    approved_by: Annotated[str, Field(min_length=2)]
    """Somebody other than the owner."""
    not_before: date
    expires: date
    """First day (UTC) on which it no longer holds."""
    at_most: Annotated[int, Field(ge=1, le=MOST_MATCHES)] = 1
    """Resources that it may match."""

    def matches(self, finding: Finding) -> bool:
        """Whether it speaks of a finding."""
        return (
            finding.control == self.control
            and canonical(finding.type) == canonical(self.type)
            and fnmatchcase(finding.name, self.name)
        )

    @property
    def label(self) -> str:
        """How it is called in messages."""
        return f"{self.control} for {self.name}"


Matches: TypeAlias = "defaultdict[Waiver, set[str]]"
"""Waiver to the URNs of the resources that it matched."""


@dataclass(frozen=True)
class Applied:
    """Findings after the waivers, with what is wrong with the waivers."""

    findings: tuple[Finding, ...]
    used: tuple[Waiver, ...]


def load(path: Path = DEFAULT_FILE) -> tuple[Waiver, ...]:
    """Return the waivers of a file.

    Raises:
        PolicyError: The file cannot be read, or a waiver is not well formed; all mistakes at once.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError):
        raise PolicyError(
            "The waiver file cannot be read.", where=str(path), fix="Name a file that exists."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = f"{path.name}, line {line + 1}" if line is not None else path.name
        raise PolicyError(
            "The waiver file is not valid YAML.", where=place, fix="Correct the line."
        ) from None
    if not isinstance(document, dict) or set(document) != {"waivers"} or not _rows(document["waivers"]):
        raise PolicyError(
            "The waiver file is not a mapping with the one key 'waivers', a list.",
            where=path.name,
            fix="Write 'waivers: []' for none.",
        )
    waivers, mistakes = [], []
    for index, row in enumerate(document["waivers"]):
        try:
            waivers.append(Waiver.model_validate(row))
        except ValidationError as error:
            mistakes += [f"waivers[{index}]: {_place(item)}: {item['msg']}" for item in error.errors()]
        else:
            mistakes += [f"waivers[{index}] ({waivers[-1].label}): {text}" for text in _strange(waivers[-1])]
    if mistakes:
        raise PolicyError(
            "\n".join(["The waiver file has mistakes:", *(f"  - {text}" for text in mistakes)]),
            where=path.name,
            fix="Correct them; policies/README.md says what a waiver has to hold.",
        )
    return tuple(waivers)


def apply(
    findings: Iterable[Finding],
    waivers: Sequence[Waiver],
    environment: str,
    *,
    today: date | None = None,
    whole: bool = True,
) -> Applied:
    """Let waived findings be, and judge the waivers.

    Args:
        findings: What the controls found.
        waivers: What is excepted; those of other environments are left aside.
        environment: Where this is.
        today: The day in UTC; now when left out.
        whole: Whether the findings are of a whole stack, so that a waiver without a match is one too many.
    """
    matched: Matches = defaultdict(set)
    excused = excuse(findings, waivers, environment, matched, today=today)
    judged = faults(waivers, environment, matched, today=today, whole=whole)
    return Applied((*excused, *judged), tuple(waiver for waiver in waivers if matched[waiver]))


def excuse(
    findings: Iterable[Finding],
    waivers: Sequence[Waiver],
    environment: str,
    matched: Matches,
    *,
    today: date | None = None,
) -> list[Finding]:
    """Return the findings with those that a waiver in force lets be marked so.

    Args:
        findings: What the controls found.
        waivers: What is excepted.
        environment: Where this is.
        matched: Takes the resources that each waiver matched; goes on over several calls.
        today: The day in UTC; now when left out.
    """
    day = today or datetime.now(UTC).date()
    good = [w for w in waivers if environment in w.environments and not list(_faults(w, day))]
    excused = []
    for finding in findings:
        waiver = next((waiver for waiver in good if _lets_be(waiver, finding)), None)
        if waiver is not None:
            matched[waiver].add(finding.urn)
        excused.append(finding if waiver is None else _waived(finding, waiver))
    return excused


def faults(
    waivers: Sequence[Waiver],
    environment: str,
    matched: Matches,
    *,
    today: date | None = None,
    whole: bool = True,
) -> list[Finding]:
    """Return what is wrong with the waivers of an environment, each a mandatory violation.

    Args:
        waivers: The waivers.
        environment: Where this is.
        matched: Which resources each matched.
        today: The day in UTC; now when left out.
        whole: Whether all findings were seen, so that a waiver without a match is one too many.
    """
    day = today or datetime.now(UTC).date()
    found = []
    for waiver in waivers:
        if environment not in waiver.environments:
            continue
        texts = list(_faults(waiver, day))
        if not texts and len(matched[waiver]) > waiver.at_most:
            texts = [f"matches {len(matched[waiver])} resources, and at_most is {waiver.at_most}"]
        elif not texts and whole and not matched[waiver]:
            texts = ["matches nothing that would block; remove it"]
        found += [_fault(waiver, text) for text in texts]
    return found


def _lets_be(waiver: Waiver, finding: Finding) -> bool:
    return finding.verdict.blocks and not finding.internal and waiver.matches(finding)


def _waived(finding: Finding, waiver: Waiver) -> Finding:
    note = f"waived until {waiver.expires} by {waiver.approved_by}, owner {waiver.owner}: {waiver.reason}"
    return replace(finding, verdict=Verdict.WAIVED, message=f"{finding.message} ({note})")


def _faults(waiver: Waiver, day: date) -> Iterable[str]:
    if day >= waiver.expires:
        yield f"expired on {waiver.expires}"
    if day < waiver.not_before:
        yield f"does not hold before {waiver.not_before}"
    if not catalog()[waiver.control].waivable:
        yield "is for a control that cannot be waived"


def _strange(waiver: Waiver) -> Iterable[str]:
    """Give what makes a waiver unusable whatever the day is."""
    if waiver.control in PROCEDURE:
        yield "control: controls on the procedure cannot be waived"
    elif waiver.control not in {control.id for control in catalog().controls}:
        yield "control: there is no such control; ./plinth policy list"
    if "*" in waiver.type or waiver.type.count(":") < _COLONS:
        yield "type: name one type token exactly, such as aws:s3/bucket:Bucket"
    if len(re.split(r"[*?\[]", waiver.name)[0]) < min(_LITERAL, len(waiver.name)) or not waiver.name:
        yield f"name: too broad; begin with at least {_LITERAL} characters of the name"
    if strange := sorted(set(waiver.environments) - set(ENVIRONMENTS)):
        yield f"environments: unknown: {', '.join(strange)}"
    if waiver.owner == waiver.approved_by:
        yield "approved_by: must be somebody other than the owner"
    if not 0 < (waiver.expires - waiver.not_before).days <= LONGEST_DAYS:
        yield f"expires: must lie 1 to {LONGEST_DAYS} days after not_before"


def _fault(waiver: Waiver, text: str) -> Finding:
    return Finding(
        control=WAIVER,
        urn=f"waiver::{waiver.label}",
        type="waiver",
        name=waiver.label,
        verdict=Verdict.FAILED,
        message=f"the waiver of {waiver.owner} {text}",
    )


def _rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _place(item: Any) -> str:
    return ".".join(str(part) for part in item["loc"]) or "waiver"
