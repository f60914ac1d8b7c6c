"""The report as Markdown, and as a comment of a forge that has a longest length. Pure."""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

from infra.preview.levels import Level
from infra.preview.report import Entry, Judged, Report
from infra.preview.words import MARKS, SIGNS, arrow, counted, done, priced, told, usd, verdict

GITHUB_LIMIT = 65_536
"""Characters of a comment on GitHub; its API refuses more ("maximum is 65536 characters")."""
MOST_SAID = 50
"""Waived findings and advice that are listed, of each; the full report has all."""
_MARKER = "<!-- plinth-preview: {stack} -->"
_SPECIAL = re.compile(r"[\\`*_\[\]|~@$#]|:(?=//)|(?<=www)[.]")


def marker(stack: str) -> str:
    """Return the invisible line by which the comment of a stack is found again."""
    return _MARKER.format(stack=re.sub(r"[^a-z0-9-]", "", stack))


def render(report: Report, *, links: str = "", limit: int | None = None, full: str = "") -> str:
    """Return the report as Markdown.

    Args:
        report: The report.
        links: Address under which the files can be read, with a slash at its end; empty: no links.
        limit: Most characters; what does not fit is counted, the least dangerous first.
        full: Address of the full report.
    """
    head, parts, tail = list(_head(report)), list(_parts(report, links)), list(_tail(report, full))
    text = "\n".join([*head, *parts, *tail]) + "\n"
    if limit is None or len(text) <= limit:
        return text
    if sum(map(len, tail)) > limit // 4:  # what changes needs the room more than advice does
        tail = list(_tail(report, full, brief=True))
    kept: list[str] = []
    note = (
        "\n**{n} more change{s} did not fit here**; the most dangerous stand above, all in the full report.\n"
    )
    room = limit - len("\n".join([*_cut(head, limit // 2), *tail])) - len(note) - 64
    used = left = 0
    blocks = list(_blocks(report, links))
    for index, block in enumerate(blocks):
        if used + len(block) + 1 > room:
            left = len(blocks) - index
            break
        kept.append(block)
        used += len(block) + 1
    more = note.format(n=left, s="" if left == 1 else "s") if left else ""
    return "\n".join([*_cut(head, limit // 2), *kept, more, *tail])[:limit]


def _cut(lines: list[str], room: int) -> list[str]:
    """Return as many lines as there is room for."""
    kept: list[str] = []
    used = 0
    for line in lines:
        if used + len(line) + 1 > room:
            return [*kept, "- … more in the full report"]
        kept.append(line)
        used += len(line) + 1
    return kept


def code(text: str) -> str:
    """Return a text as code, in which nothing is interpreted; also inside a table."""
    return f"<code>{escaped(text)}</code>" if text.strip() else ""


def escaped(text: str) -> str:
    """Return a text in which nothing is markup: no emphasis, no link, no mention, no reference, no HTML."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", plain)


def _head(report: Report) -> Iterator[str]:
    yield marker(report.stack)
    badge = "⛔" if report.refusals else MARKS[report.level]
    yield f"## {badge} Preview of `{re.sub(r'[^A-Za-z0-9-]', '', report.stack)}`"
    yield ""
    yield f"**{escaped(verdict(report))}** {escaped(counted(report))}."
    if report.cost:
        yield ""
        yield f"**Cost:** {escaped(priced(report.cost))}."
    yield ""
    for error in report.errors:
        yield f"- **error** {code(error)}"
    for note in report.notes:
        yield f"- **note** {escaped(note)}"
    for one in (one for one in report.judged if one.state == "refused"):
        yield _judged(one)


def _parts(report: Report, links: str) -> Iterator[str]:
    dangerous = [entry for entry in report.entries if entry.level >= Level.MEDIUM]
    rest = [entry for entry in report.entries if entry.level < Level.MEDIUM]
    if dangerous:
        yield "\n### Look at these first\n"
        for entry in dangerous:
            yield _entry(entry, links)
    if rest:
        many = "s" if len(rest) > 1 else ""
        yield f"\n<details><summary>The rest: {len(rest)} change{many} of low or no risk</summary>\n"
        for entry in rest:
            yield _entry(entry, links)
        yield "\n</details>"


def _blocks(report: Report, links: str) -> Iterator[str]:
    """Give each change as a piece that can be left out."""
    for number, entry in enumerate(report.entries):
        heading = "\n### Look at these first\n\n" if number == 0 and entry.level >= Level.MEDIUM else ""
        yield heading + _entry(entry, links)


def _entry(entry: Entry, links: str) -> str:
    place = ""
    if entry.source:
        path, _, line = entry.source.rpartition(":")
        place = (
            f" · [{escaped(entry.source)}]({links}{quote(path)}#L{quote(line)})"
            if links
            else f" · {code(entry.source)}"
        )
    word = f" **{entry.level.word}**" if entry.level else ""
    sign = SIGNS.get(entry.operation, "?")
    heading = f"- {MARKS[entry.level]}{word} `{sign}` {code(entry.name)} {code(entry.type)}"
    lines = [f"{heading} is {escaped(done(entry))}{place}"]
    lines += [f"  - **{risk.level.word}, {risk.kind}:** {escaped(risk.reason)}" for risk in entry.risks]
    if entry.operation != "create" and entry.properties:
        lines.append("")
        lines.append("  | property | change |\n  |---|---|")
        lines += [
            f"  | {code(one.path)}{' (forces the replacement)' if one.forces else ''} "
            f"| {code(arrow(one.old, one.new))} |"
            for one in entry.properties
        ]
        lines.append("")
    return "\n".join(lines)


def _judged(one: Judged) -> str:
    sentence, rows = told(one.message)
    lines = [f"- **{one.state}** {escaped(sentence)}"]
    return "\n".join([*lines, *(f"  - {word}: {escaped(said)}" for word, said in rows)])


def _tail(report: Report, full: str, *, brief: bool = False) -> Iterator[str]:
    most = 5 if brief else MOST_SAID
    others = [one for one in report.judged if one.state != "refused"]
    waived = [one for one in others if one.state == "waived"]
    if waived:
        yield "\n### Waived\n"
        yield from map(_judged, waived[:most])
    advice = [one for one in others if one.state == "advice"]
    if advice and brief:
        yield f"\nAdvice of the policies: {len(advice)}, in the full report."
    elif advice:
        yield f"\n<details><summary>Advice of the policies: {len(advice)}</summary>\n"
        yield from map(_judged, advice[:most])
        yield "\n</details>"
    if report.contracts:
        yield "\n### Readiness contracts\n"
        yield from (f"- {escaped(text)}" for text in report.contracts)
    if report.cost and (report.cost.lines or report.cost.unpriced):
        yield "\n<details><summary>Cost, line by line</summary>\n"
        yield "| resource | what | before | after | price |\n|---|---|---:|---:|---|"
        for name, what, old, new, price in report.cost.lines[: 5 if brief else 40]:
            yield f"| {code(name)} | {escaped(what)} | {usd(old)} | {usd(new)} | {escaped(price)} |"
        yield from (f"\nNot priced: {escaped(what)}." for what in report.cost.unpriced[:10])
        yield f"\nFrom {escaped(report.cost.sheet)}.\n\n</details>"
    for warning in report.warnings[:10]:
        yield f"\n> warning: {escaped(warning[:500])}"
    judged = ", ".join(report.packs) if report.packs else "nobody"
    yield f"\n<sub>Judged by {escaped(judged)}.{f' [Full report]({full}).' if full else ''}</sub>"
