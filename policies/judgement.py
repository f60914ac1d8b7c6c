"""The verdict on a whole: every finding, what blocks, what is advice, what is waived, what nobody judged."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from policies.core import Finding, PolicySettings, Resource, Verdict
from policies.core.settings import PACKS
from policies.judge import evaluate
from policies.packs import waivers_of
from policies.procedure import control_of
from policies.report import message, render
from policies.waivers import Waiver, apply

Answer = Literal["passed", "refused", "not judged"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the controls say of some resources.

    Args:
        findings: One for each control and resource that it has a say in, waivers applied.
        settings: Settings under which they were judged.
        judged: Resources of which at least one control spoke.
        unjudged: Type token to number of resources of which none did.
        waivers: Waivers that were used.
    """

    findings: tuple[Finding, ...]
    settings: PolicySettings
    judged: int
    unjudged: dict[str, int]
    waivers: tuple[Waiver, ...] = ()

    @property
    def blocking(self) -> list[Finding]:
        """Findings that stop the change: failed or undecided, and mandatory here."""
        return [finding for finding in self.findings if finding.verdict.blocks and not self._advice(finding)]

    @property
    def advice(self) -> list[Finding]:
        """Findings that would stop the change in another environment."""
        return [finding for finding in self.findings if finding.verdict.blocks and self._advice(finding)]

    @property
    def waived(self) -> list[Finding]:
        """Findings that a waiver lets be."""
        return [finding for finding in self.findings if finding.verdict is Verdict.WAIVED]

    @property
    def answer(self) -> Answer:
        """``passed`` when nothing blocks and something was judged at all."""
        if self.blocking:
            return "refused"
        return "passed" if self.judged else "not judged"

    def counts(self) -> dict[str, int]:
        """Return verdict to number of findings, in words."""
        found = Counter(finding.verdict for finding in self.findings)
        return {verdict.name.lower(): found[verdict] for verdict in Verdict}

    def as_json(self) -> dict[str, Any]:
        """Return the whole as data for ``--json``."""
        return {
            "answer": self.answer,
            "environment": self.settings.environment,
            "packs": list(self.settings.packs),
            "counts": self.counts() | {"blocking": len(self.blocking), "judged": self.judged},
            "findings": [
                {
                    **asdict(finding),
                    "verdict": finding.verdict.name.lower(),
                    "level": self.level(finding),
                    "severity": control_of(finding.control).severity,
                }
                for finding in self.findings
                if finding.verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)
            ],
            "waivers": [waiver.model_dump(mode="json") for waiver in self.waivers],
            "unjudged": self.unjudged,
        }

    def as_text(self) -> str:
        """Return the whole for a reader: what blocks first, then advice, waivers, and a summary."""
        parts = [self.refusal()] if self.blocking else []
        parts += [f"advice in {self.settings.environment}: {text}" for text, _ in render(self.advice)]
        parts += [message(finding) for finding in self.waived]
        return "\n\n".join([*parts, self.summary()])

    def refusal(self) -> str:
        """Return what blocks, for a reader."""
        return "\n\n".join(self.refusals())

    def refusals(self) -> list[str]:
        """Return what blocks, each by itself."""
        return [text for text, _ in render(self.blocking)]

    def summary(self) -> str:
        """Return the counts in one sentence, and what nobody judged in another one."""
        counts = self.counts()
        told = (
            f"{self.answer}: {self.judged} resources judged; {counts['failed']} failed, "
            f"{counts['undecided']} undecided, {counts['waived']} waived, {counts['passed']} passed; "
            f"{len(self.blocking)} block in environment '{self.settings.environment}'."
        )
        if self.settings.packs != PACKS:
            told += f"\nOnly by pack {' and '.join(self.settings.packs)}; the other packs were not asked."
        if not self.unjudged:
            return told
        kinds = ", ".join(f"{kind} ({count})" for kind, count in self.unjudged.items())
        return f"{told}\nNo control speaks of: {kinds}."

    def level(self, finding: Finding) -> str:
        """Return ``mandatory`` or ``advisory`` for a finding in this environment."""
        return "advisory" if self._advice(finding) else "mandatory"

    def _advice(self, finding: Finding) -> bool:
        level = control_of(finding.control).level(self.settings.environment)
        return level == "advisory" and not finding.internal


def judge(
    resources: Iterable[Resource],
    settings: PolicySettings | None = None,
    waivers: Sequence[Waiver] = (),
    *,
    today: date | None = None,
    whole: bool = True,
) -> Judgement:
    """Judge resources that belong together.

    Args:
        resources: All resources of one stack, or all manifests that are deployed together.
        settings: Settings of the controls; the strictest when left out.
        waivers: Exceptions.
        today: The day for the waivers, in UTC.
        whole: Whether these are all resources, so that an unused waiver is found.
    """
    settings = settings or PolicySettings()
    known = tuple(resources)
    findings = evaluate(known, settings)
    applied = apply(findings, waivers_of(waivers, settings), settings.environment, today=today, whole=whole)
    spoken = {finding.urn for finding in findings if finding.verdict is not Verdict.NOT_APPLICABLE}
    silent = Counter(resource.type for resource in known if resource.urn not in spoken)
    return Judgement(
        findings=applied.findings,
        settings=settings,
        judged=len({resource.urn for resource in known} & spoken),
        unjudged=dict(sorted(silent.items())),
        waivers=applied.used,
    )
