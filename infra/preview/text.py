"""The report for a terminal. Pure."""

from collections.abc import Iterator

from infra.preview.levels import Level
from infra.preview.report import Entry, Report
from infra.preview.words import SIGNS, arrow, counted, done, priced, told, usd, verdict


def render(report: Report) -> str:
    """Return the whole report as plain text."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"Stack {report.stack}: {verdict(report)}"
    yield f"{counted(report)}."
    yield from (f"error: {error}" for error in report.errors)
    yield from (f"note: {note}" for note in report.notes)
    yield from _policies(report, refused=True)
    dangerous = [entry for entry in report.entries if entry.level >= Level.MEDIUM]
    rest = [entry for entry in report.entries if entry.level < Level.MEDIUM]
    if dangerous:
        yield "\nLook at these first"
        for entry in dangerous:
            yield from _entry(entry)
    if rest:
        yield "\nThe rest"
        for entry in rest:
            yield from _entry(entry)
    yield from _policies(report, refused=False)
    if report.contracts:
        yield "\nReadiness contracts"
        yield from (f"  {text}" for text in report.contracts)
    if report.cost:
        yield f"\nCost: {priced(report.cost)}"
        for name, what, old, new, price in report.cost.lines:
            yield f"  {name}: {what}: {usd(new - old, sign=True)} ({price})"
        yield from (f"  not priced: {what}" for what in report.cost.unpriced)
        yield f"  from {report.cost.sheet}"
    for warning in report.warnings:
        yield f"warning: {' '.join(warning.split())}"


def _entry(entry: Entry) -> Iterator[str]:
    where = f"   [{entry.source}]" if entry.source else ""
    yield f"  {SIGNS.get(entry.operation, '?')} {entry.name} ({entry.type}) is {done(entry)}{where}"
    for risk in entry.risks:
        yield f"      {risk.level.word}, {risk.kind}: {risk.reason}"
    if entry.operation != "create":
        for one in entry.properties:
            mark = "  (forces the replacement)" if one.forces else ""
            yield f"      {one.path}: {arrow(one.old, one.new)}{mark}"


def _policies(report: Report, *, refused: bool) -> Iterator[str]:
    """Say what is refused, which stands above the changes, or everything else, which stands below them."""
    judged = [one for one in report.judged if (one.state == "refused") is refused]
    if judged and not refused:
        yield "\nWhat the policies say besides"
    indent = "" if refused else "  "
    for one in judged:
        sentence, rows = told(one.message)
        yield f"{indent}policy, {one.state}: {sentence}"
        yield from (f"{indent}    {word}: {said}" for word, said in rows)
