"""Draws a dashboard's data as one SVG file, light and dark. Pure.

Grafana draws for those who have it; these pictures are for the documentation, and show that every query finds
something. One file serves both: it follows what the reader's system asks for.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import svg

from infra.monitoring.panels import COLUMNS, Dashboard, Panel

WIDTH, PANEL_HEIGHT, GAP = 1100, 318, 16
PLOT_TOP, PLOT_HEIGHT, PLOT_LEFT = 62, 160, 62
CHARACTER = 6.2
"""Width of a character of 11 pixels, generously."""
MOST_LINES = 8
"""Lines that are drawn in one panel; the others are counted."""
GAP_SHARE = 0.025
"""Share of the time axis without a point after which a line is broken: three points are missing."""
NEAR = 4.0
"""A border further above the data than this many times is told in words, else the data would be flat."""

_LIGHT = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#cf222e", "#9a6700", "#0b7285", "#59636e")
_DARK = ("#4493f8", "#f0883e", "#3fb950", "#ab7df8", "#f85149", "#d29922", "#39c5cf", "#9198a1")


def _colours(colours: Sequence[str]) -> str:
    return "\n".join(f".c{i} {{ stroke: {c}; }} .k{i} {{ fill: {c}; }}" for i, c in enumerate(colours))


_STYLE = f"""
text {{ font: 11px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; }}
.title {{ font-size: 13px; font-weight: 600; }} .head {{ font-size: 17px; font-weight: 600; }}
.page {{ fill: #f6f8fa; }} .card {{ fill: #ffffff; stroke: #d1d9e0; }} .quiet {{ fill: #59636e; }}
.grid {{ stroke: #d1d9e0; }} .line {{ fill: none; stroke-width: 1.8; }}
.border {{ stroke: #cf222e; stroke-dasharray: 5 4; stroke-width: 1.2; }}
{_colours(_LIGHT)}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #f0f6fc; }} .page {{ fill: #010409; }} .card {{ fill: #0d1117; stroke: #3d444d; }}
  .quiet {{ fill: #9198a1; }} .grid {{ stroke: #3d444d; }} .border {{ stroke: #f85149; }}
{_colours(_DARK)}
}}
"""
STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""What the top of an axis may be, times a power of ten."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series.

    Args:
        name: Its legend.
        points: Time in seconds since 1970, and value.
    """

    name: str
    points: Sequence[tuple[float, float]]


def draw(
    dashboard: Dashboard,
    lines: Mapping[str, Sequence[Line]],
    *,
    start: float,
    end: float,
    synthetic: Collection[str] = (),
) -> str:
    """Return the picture.

    Args:
        dashboard: What is drawn.
        lines: Series of each panel, by its title.
        start: Left end of all time axes, seconds since 1970.
        end: Their right end.
        synthetic: Titles of panels whose series were made up.
    """
    elements: list[svg.Element] = []
    left, top = 0, 64
    for panel in dashboard.panels:
        if left + panel.width > COLUMNS:
            left, top = 0, top + PANEL_HEIGHT + GAP
        width = (WIDTH - GAP) * panel.width / COLUMNS - GAP
        x = GAP + (WIDTH - GAP) * left / COLUMNS
        drawing = _Plot(panel, list(lines.get(panel.title, ())), start, end, width - PLOT_LEFT - 14)
        drawing.synthetic = panel.title in synthetic
        elements.append(svg.G(transform=[svg.Translate(round(x, 1), top)], elements=drawing.elements(width)))
        left += panel.width
    height = top + PANEL_HEIGHT + GAP
    span = f"{_clock(start)} to {_clock(end)} UTC, {datetime.fromtimestamp(end, UTC):%d %B %Y}"
    return (
        str(
            svg.SVG(
                width=WIDTH,
                height=height,
                viewBox=svg.ViewBoxSpec(0, 0, WIDTH, height),
                elements=[
                    svg.Title(text=_xml(f"{dashboard.title}: {span}")),
                    svg.Style(text=_STYLE),
                    svg.Rect(x=0, y=0, width=WIDTH, height=height, class_=["page"]),
                    _text(GAP, 28, f"{dashboard.title}, {span}", "head"),
                    _text(GAP, 48, dashboard.tells, "quiet"),
                    *elements,
                ],
            )
        )
        + "\n"
    )


class _Plot:
    """One panel."""

    synthetic = False

    def __init__(self, panel: Panel, lines: list[Line], start: float, end: float, width: float) -> None:
        self.panel = panel
        # Where not all can be drawn, those are that are highest at the end.
        self.lines = lines if len(lines) <= MOST_LINES else sorted(lines, key=_last, reverse=True)
        self.start, self.span, self.width = start, max(1.0, end - start), width
        highest = max((v for line in lines for _, v in line.points if math.isfinite(v)), default=0.0)
        self.lowest = min((v for line in lines for _, v in line.points if math.isfinite(v)), default=0.0)
        self.lowest = min(0.0, self.lowest)
        border = panel.border
        self.border_drawn = border is not None and (highest == 0 or border <= NEAR * highest)
        top = max(highest, border if border is not None and self.border_drawn else 0.0)
        self.top = _nice(top) if top > 0 else 1.0

    def _x(self, when: float) -> float:
        return PLOT_LEFT + self.width * min(1.0, max(0.0, (when - self.start) / self.span))

    def _y(self, value: float) -> float:
        share = (value - self.lowest) / (self.top - self.lowest)
        return PLOT_TOP + PLOT_HEIGHT * (1.0 - share)

    def elements(self, width: float) -> list[svg.Element]:
        panel = self.panel
        found: list[svg.Element] = [
            svg.Rect(x=0, y=0, width=round(width, 1), height=PANEL_HEIGHT, rx=6, class_=["card"]),
            _text(14, 22, panel.title, "title"),
            *_wrapped(14, 39, panel.tells, width - 28),
        ]
        if not self.lines:
            why = f"No data here: {panel.elsewhere}." if panel.elsewhere else "No data."
            return [*found, *_wrapped(14, PLOT_TOP + 70, why, width - 28)]
        for share in (0.0, 0.5, 1.0):
            value = self.lowest + (self.top - self.lowest) * share
            y = round(self._y(value), 1)
            found.append(svg.Line(x1=PLOT_LEFT, x2=PLOT_LEFT + self.width, y1=y, y2=y, class_=["grid"]))
            found.append(_text(PLOT_LEFT - 6, y + 4, shown(value, panel.unit), "quiet", anchor="end"))
        found += [
            _text(PLOT_LEFT, PLOT_TOP + PLOT_HEIGHT + 16, _clock(self.start), "quiet"),
            _text(
                PLOT_LEFT + self.width,
                PLOT_TOP + PLOT_HEIGHT + 16,
                _clock(self.start + self.span),
                "quiet",
                anchor="end",
            ),
        ]
        if panel.border is not None and self.border_drawn:
            y = round(self._y(panel.border), 1)
            found.append(svg.Line(x1=PLOT_LEFT, x2=PLOT_LEFT + self.width, y1=y, y2=y, class_=["border"]))
        for number, line in enumerate(self.lines[:MOST_LINES]):
            found += [_stroke(part, number) for part in self._parts(line)]
        return [*found, *self._legend(width)]

    def _parts(self, line: Line) -> list[list[tuple[float, float]]]:
        """Return the pieces of a line between gaps."""
        parts: list[list[tuple[float, float]]] = [[]]
        before = -math.inf
        for when, value in line.points:
            if when - before > self.span * GAP_SHARE and parts[-1]:
                parts.append([])
            before = when
            if math.isfinite(value):
                parts[-1].append((round(self._x(when), 1), round(self._y(value), 1)))
            elif parts[-1]:
                parts.append([])
        return [part for part in parts if part]

    def _legend(self, width: float) -> list[svg.Element]:
        found: list[svg.Element] = []
        x, y = 14.0, PLOT_TOP + PLOT_HEIGHT + 36
        for number, line in enumerate(self.lines[:MOST_LINES]):
            words = f"{line.name}: {shown(_last(line), self.panel.unit)}"
            room = len(words) * CHARACTER + 26
            if x + room > width and x > 14:  # noqa: PLR2004 - the left edge
                x, y = 14.0, y + 15
            found.append(svg.Rect(x=x, y=y - 8, width=9, height=9, class_=[f"k{number % len(_LIGHT)}"]))
            found.append(_text(x + 13, y, words, ""))
            x += room
        rest = ["synthetic series"] if self.synthetic else []
        if len(self.lines) > MOST_LINES:
            rest.append(f"and {len(self.lines) - MOST_LINES} more")
        if self.panel.border is not None:
            rest.append(f"border {shown(self.panel.border, self.panel.unit)}")
        if rest:
            found.append(_text(width - 14, 22, ", ".join(rest), "quiet", anchor="end"))
        return found


def _last(line: Line) -> float:
    return next((value for _, value in reversed(line.points) if math.isfinite(value)), 0.0)


def shown(value: float, unit: str) -> str:
    """Return a number with its unit, as short as a legend wants it."""
    if not math.isfinite(value):
        return "none"
    if unit == "percentunit":
        return f"{value:.3%}" if 0 < abs(value) < 0.001 else f"{value:.1%}"  # noqa: PLR2004
    if unit == "s":
        return _time(value)
    sign = {"reqps": "/s", "percent": " %", "celsius": " °C", "watt": " W"}.get(unit, "")
    return f"{value:.3g}{sign}" if abs(value) < 1000 else f"{value:,.0f}{sign}"  # noqa: PLR2004


def _time(seconds: float) -> str:
    if seconds and abs(seconds) < 1:
        return f"{seconds * 1000:.3g} ms"
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


def _nice(value: float) -> float:
    """Return the next number above that is 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        step * power for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999
    )


def _stroke(part: list[tuple[float, float]], number: int) -> svg.Element:
    colour = number % len(_LIGHT)
    if len(part) == 1:
        return svg.Circle(cx=part[0][0], cy=part[0][1], r=2.5, class_=[f"k{colour}"])
    return svg.Polyline(points=[svg.Point(x, y) for x, y in part], class_=["line", f"c{colour}"])


def _wrapped(x: float, y: float, words: str, width: float) -> list[svg.Element]:
    most = max(20, int(width / CHARACTER * 1.12))
    lines, line = [], ""
    for word in words.split():
        if line and len(line) + 1 + len(word) > most:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [_text(x, y + 14 * n, one, "quiet") for n, one in enumerate([*lines, line])]


def _text(x: float, y: float, words: str, kind: str, *, anchor: str = "start") -> svg.Element:
    return svg.Text(
        x=round(x, 1),
        y=round(y, 1),
        text=_xml(words),
        class_=[kind] if kind else None,
        text_anchor="end" if anchor == "end" else None,
    )


def _xml(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(when: float) -> str:
    return f"{datetime.fromtimestamp(when, UTC):%H:%M}"
