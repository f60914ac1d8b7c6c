"""The few sentences and marks that all forms of the report share, so that they say the same. Pure."""

import re
from decimal import Decimal

from infra.preview.levels import Level
from infra.preview.report import Cost, Entry, Report

MARKS = {Level.CRITICAL: "🔴", Level.HIGH: "🟠", Level.MEDIUM: "🟡", Level.LOW: "🔵", Level.NONE: "⚪"}
"""A coloured mark for each level, beside its word; colour alone tells some readers nothing."""
SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "import": "="}
"""A sign for each operation, those of Pulumi's own display where it has one."""
_DONE = {
    "create": "created",
    "update": "changed",
    "replace": "replaced",
    "delete": "deleted",
    "import": "adopted",
}
_ROW = re.compile(r"\s+(found|which|why|fix):\s+(.*)")
_COUNTS = {
    "create": "new",
    "update": "changed",
    "replace": "replaced",
    "delete": "deleted",
    "import": "adopted",
}


def verdict(report: Report) -> str:
    """Return the answer in one line: may it go on, and how dangerous is it."""
    if report.refusals:
        return f"Refused: {'; '.join(report.refusals)}."
    if not report.entries:
        return "Nothing to change."
    return f"May go on after review. Highest risk: {report.level.word}."


def counted(report: Report) -> str:
    """Return how many resources change, in words."""
    changed = (
        ", ".join(f"{n} {_COUNTS.get(op, op)}" for op, n in report.counts.items()) or "no resource changes"
    )
    return f"{changed}; {report.unchanged} unchanged"


def done(entry: Entry) -> str:
    """Return what happens to a resource."""
    roots = dict.fromkeys(path.partition("[")[0] for path in entry.because)
    why = f" because of {', '.join(roots)}" if roots else ""
    return f"{_DONE.get(entry.operation, entry.operation)}{why}"


def usd(amount: Decimal, *, sign: bool = False) -> str:
    """Return an amount of money."""
    return f"{amount:+,.2f} USD" if sign else f"{amount:,.2f} USD"


def priced(cost: Cost) -> str:
    """Return the cost in one sentence."""
    if not cost.lines:
        return f"no difference; {usd(cost.after)} a month, budget {cost.budget:,} USD"
    return (
        f"{usd(cost.difference, sign=True)} a month: {usd(cost.before)} before, {usd(cost.after)} after, "
        f"budget {cost.budget:,} USD"
    )


def arrow(old: str | None, new: str | None) -> str:
    """Return a property's old and new value side by side."""
    if old is None:
        return f"set to {new}"
    if new is None:
        return f"{old} is taken out"
    if old == new:
        return (
            "changes; its value is secret"
            if "[secret]" in old or "[masked]" in old
            else f"{old} (changes beyond what is shown)"
        )
    return f"{old} → {new}"


def told(message: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what a policy said as a sentence and its rows, such as found, why and fix.

    A message of another pack, which has another form, is one sentence without rows.
    """
    sentence: list[str] = []
    rows: list[tuple[str, str]] = []
    for line in message.splitlines():
        word = _ROW.match(line)
        if word:
            rows.append((word[1], word[2]))
        elif rows:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
        else:
            sentence.append(line.strip())
    # The pack puts the family's title before each message; the control's own sentence says more.
    return (" ".join(sentence[1:] if rows and len(sentence) > 1 else sentence), tuple(rows))
