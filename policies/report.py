"""Findings as messages: which resource, which control, what was found, why it matters, how to fix it."""

from collections.abc import Iterable, Iterator

from policies.core import Finding, Verdict
from policies.procedure import control_of

_INTERNAL_FIX = "this is a bug of the policy pack; report it with the type of the resource"


def render(findings: Iterable[Finding]) -> Iterator[tuple[str, str]]:
    """Give a message and a URN for each finding; controls that wait for one and the same value share one."""
    waiting: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.verdict is Verdict.UNDECIDED:
            waiting.setdefault((finding.urn, finding.message), []).append(finding)
        else:
            yield message(finding), finding.urn
    for (urn, _), group in waiting.items():
        yield (message(group[0]) if len(group) == 1 else _shared(group)), urn


def message(finding: Finding) -> str:
    """Return the message of one finding."""
    control = control_of(finding.control)
    waived = "WAIVED, " if finding.verdict is Verdict.WAIVED else ""
    return (
        f"{waived}{finding.name}: {control.title}. [{control.id}, {control.severity}]\n"
        f"  found: {finding.message}\n"
        f"  why:   {control.why}\n"
        f"  fix:   {_INTERNAL_FIX if finding.internal else ' '.join(control.fix.split())}"
    )


def _shared(group: list[Finding]) -> str:
    first = group[0]
    return (
        f"{first.name}: {len(group)} controls {first.message}\n"
        f"  which: {', '.join(finding.control for finding in group)}\n"
        "  why:   what cannot be decided is not let through\n"
        "  fix:   make the value known at preview: build it from settings and names instead of outputs"
    )
