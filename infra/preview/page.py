"""The report as one page without scripts and without anything from elsewhere. Reads its template."""

import base64
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import jinja2

from infra.preview import picture, words
from infra.preview.levels import Level
from infra.preview.report import Report


def render(report: Report, *, links: str = "") -> str:
    """Return the report as HTML.

    Args:
        report: The report.
        links: Address under which the files of the change can be read, with a slash at its end.
    """
    safe = links if links.startswith("https://") else ""
    return _template().render(
        report=report,
        signs=words.SIGNS,
        done=words.done,
        usd=words.usd,
        counted=words.counted(report),
        told=words.told,
        refused=[one for one in report.judged if one.state == "refused"],
        others=[one for one in report.judged if one.state != "refused"],
        verdict=words.verdict(report),
        priced=words.priced(report.cost) if report.cost else "",
        dangerous=[entry for entry in report.entries if entry.level >= Level.MEDIUM],
        rest=[entry for entry in report.entries if entry.level < Level.MEDIUM],
        picture=base64.b64encode(picture.draw(report).encode()).decode(),
        links=safe,
        link=lambda source: f"{safe}{quote(source.rpartition(':')[0])}#L{source.rpartition(':')[2]}",
    )


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.from_string(Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8"))
