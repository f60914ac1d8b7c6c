"""The report of a preview: made of what the engine said, written in every form, held against the budget."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from infra.errors import PlinthError, RefusedError
from infra.local.paths import repo_root
from infra.ops.events import Run
from infra.preview import data, markdown, recording, report, stream, text
from infra.preview.masking import mask
from infra.preview.report import Report
from infra.settings import Settings

FORMATS = ("text", "markdown", "html", "json")


def of(run: Run, settings: Settings, where: Mapping[str, str] | None = None) -> Report:
    """Return the report of a preview.

    Args:
        run: What the engine said.
        settings: Settings of the stack.
        where: Type and name of a resource to the line of code that makes it.

    Raises:
        UnreadablePreviewError: The engine's stream is cut off or broken, so nothing may be concluded from it.
    """
    preview = stream.read([*run.lines, recording.ending(run.exit_code or 0)])
    return report.build(preview, context(settings, where=where or {}))


def context(settings: Settings, *, where: Mapping[str, str]) -> report.Context:
    """Return what a report of a stack needs beside the preview."""
    folders = {
        service: f"services/{service.replace('-', '_')}/contract.yaml" for service in settings.services
    }
    return report.Context(
        stack=settings.environment,
        environment=settings.environment,
        region=settings.aws.region,
        budget_usd=settings.cost.monthly_budget_usd,
        sources=where,
        contracts={name: path for name, path in folders.items() if (repo_root() / path).is_file()},
    )


def failed(stack: str, error: PlinthError) -> Report:
    """Return the report of a preview that did not come about: refused, with the one message in it."""
    return Report(
        stack=mask(stack),
        entries=(),
        unchanged=0,
        judged=(),
        packs=(),
        errors=(mask(error.what),),
        warnings=(),
        cost=None,
    )


def stopped(made: Report, error: PlinthError) -> Report:
    """Return the report of a preview that a gate stops afterwards: a change that a person has to take on."""
    return replace(made, notes=(*made.notes, mask(f"{error.what} {error.fix or ''}".strip())))


def require_budget(made: Report) -> None:
    """Refuse a change after which a month would cost more than the environment's budget.

    Raises:
        RefusedError: It would.
    """
    if made.cost and made.cost.exceeds:
        raise RefusedError(
            f"A month of stack '{made.stack}' would cost {made.cost.after:,.2f} USD, and its budget is "
            f"{made.cost.budget:,} USD.",
            where=f"stacks/Pulumi.{made.stack}.yaml, key plinth:cost.monthly_budget_usd",
            fix=f"./plinth cost --stack {made.stack} shows each line. Make it smaller, or raise the budget.",
        )


def render(made: Report, form: str, *, links: str = "") -> str:
    """Return a report in one of ``FORMATS``."""
    if form == "markdown":
        return markdown.render(made, links=links)
    if form == "html":
        from infra.preview import page  # noqa: PLC0415 - draws; most runs draw nothing

        return page.render(made, links=links)
    return data.render(made) if form == "json" else text.render(made)


def write(made: Report, folder: Path, *, links: str = "") -> None:
    """Write the report in every form into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in forms(made, links=links).items():
        (folder / name).write_text(content, encoding="utf-8")


def forms(made: Report, *, links: str = "") -> dict[str, str]:
    """Return the name of each file of a report with what it holds."""
    from infra.preview import page, picture  # noqa: PLC0415 - as above

    return {
        "report.txt": text.render(made),
        "report.md": markdown.render(made, links=links),
        "report.html": page.render(made, links=links),
        "report.svg": picture.draw(made),
        "report.json": data.render(made),
    }
