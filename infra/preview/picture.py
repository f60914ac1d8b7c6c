"""A picture of what changes: each part with its changed resources, the dangerous first. Pure.

Drawn with ``svg.py``. One file for light and dark: it follows what the reader's system asks for.
"""

import svg

from infra.preview.levels import Level
from infra.preview.report import Entry, Report
from infra.preview.words import SIGNS, counted

WIDTH = 960
"""Pixels: as wide as a comment of a forge shows it on a laptop."""
_LEFT, _CHIP_HEIGHT, _GAP, _ROW = 190, 24, 6, 30
_CHARACTER = 6.7
"""Width of a character of 12 pixels, in pixels, for wide letters; most names end a little earlier."""
_LONGEST_NAME = 30
MOST_CHIPS = 14
"""Resources of one part that are drawn one by one; the others are counted."""
MOST_PARTS = 24
"""Parts that are drawn; the others are counted."""
_STYLE = """
text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; }
.back { fill: #ffffff; } .title { font-size: 14px; font-weight: 600; } .quiet { fill: #59636e; }
.line { stroke: #d1d9e0; } .chip { stroke-width: 1.5; }
.create { fill: #dafbe1; stroke: #1a7f37; } .update { fill: #fff8c5; stroke: #9a6700; }
.replace { fill: #fbefff; stroke: #8250df; } .delete { fill: #ffebe9; stroke: #cf222e; }
.import { fill: #ddf4ff; stroke: #0969da; } .more { fill: none; stroke: #818b98; stroke-dasharray: 3 2; }
.hot { stroke-width: 3.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .back { fill: #0d1117; } .quiet { fill: #9198a1; } .line { stroke: #3d444d; }
  .create { fill: #12261e; stroke: #3fb950; } .update { fill: #272115; stroke: #d29922; }
  .replace { fill: #211830; stroke: #ab7df8; } .delete { fill: #25171c; stroke: #f85149; }
  .import { fill: #121d2f; stroke: #4493f8; } .more { stroke: #656c76; }
}
"""
_MEANING = (("create", "new"), ("update", "changed"), ("replace", "replaced"), ("delete", "deleted"))


def draw(report: Report) -> str:
    """Return the picture as SVG."""
    parts: dict[str, list[Entry]] = {}
    for entry in report.entries:  # the most dangerous first, so its part comes first too
        parts.setdefault(entry.part, []).append(entry)
    elements: list[svg.Element] = []
    top = 70
    for part, entries in list(parts.items())[:MOST_PARTS]:
        drawn, top = _part(part, entries, top)
        elements += drawn
    if len(parts) > MOST_PARTS:
        elements.append(_text(16, top + 16, f"and {len(parts) - MOST_PARTS} more parts", "quiet"))
        top += _ROW
    if not parts:
        elements.append(
            _text(16, top + 16, "Nothing changes." if not report.errors else "The preview failed.", "quiet")
        )
        top += _ROW
    height = top + 12
    title = f"What changes in {report.stack}"
    return (
        str(
            svg.SVG(
                width=WIDTH,
                height=height,
                viewBox=svg.ViewBoxSpec(0, 0, WIDTH, height),
                elements=[
                    svg.Title(text=_xml(f"{title}: {counted(report)}")),
                    svg.Style(text=_STYLE),
                    svg.Rect(x=0, y=0, width=WIDTH, height=height, class_=["back"]),
                    _text(16, 26, title, "title"),
                    _text(16, 48, counted(report), "quiet"),
                    *_legend(),
                    *elements,
                ],
            )
        )
        + "\n"
    )


def _legend() -> list[svg.Element]:
    drawn: list[svg.Element] = []
    left = WIDTH - 430
    for operation, word in _MEANING:
        drawn.append(svg.Rect(x=left, y=16, width=14, height=14, rx=3, class_=["chip", operation]))
        drawn.append(_text(left + 20, 27, f"{SIGNS[operation]} {word}"))
        left += 96
    return [*drawn, _text(WIDTH - 430, 48, "thick border: high or critical risk", "quiet")]


def _part(part: str, entries: list[Entry], top: int) -> tuple[list[svg.Element], int]:
    drawn: list[svg.Element] = [
        svg.Line(x1=16, y1=top, x2=WIDTH - 16, y2=top, class_=["line"]),
        _text(16, top + 24, _short(part, 26), "title"),
    ]
    left, row = _LEFT, top + 8
    shown = entries[:MOST_CHIPS]
    labels = [
        (f"{SIGNS.get(e.operation, '?')} {_short(e.name, _LONGEST_NAME)}", e.operation, e.level)
        for e in shown
    ]
    if len(entries) > len(shown):
        labels.append((f"and {len(entries) - len(shown)} more", "more", Level.NONE))
    for label, kind, danger in labels:
        width = round(len(label) * _CHARACTER + 16)
        if left + width > WIDTH - 16:
            left, row = _LEFT, row + _ROW
        classes = ["chip", kind, *(["hot"] if danger >= Level.HIGH else [])]
        drawn.append(svg.Rect(x=left, y=row, width=width, height=_CHIP_HEIGHT, rx=5, class_=classes))
        drawn.append(_text(left + 8, row + 16, label))
        left += width + _GAP
    return drawn, row + _ROW + 8


def _text(x: int, y: int, text: str, kind: str = "") -> svg.Text:
    return svg.Text(x=x, y=y, text=_xml(text), class_=[kind] if kind else None)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _xml(text: str) -> str:
    """Return a text that is nothing but text in XML; the library writes texts as they are."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(c for c in safe if c >= " ")
