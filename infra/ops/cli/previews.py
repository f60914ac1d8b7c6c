"""The preview: what a change would do, as a table, as a report, or as data."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, Refresh, Stack, app
from infra.ops.console import Steps, screen

if TYPE_CHECKING:
    from infra.ops.changes import Ready
    from infra.ops.events import Run
    from infra.preview.report import Report

Format = Annotated[
    str | None, typer.Option("--format", "-f", help="Print the whole report: text, markdown, html or json.")
]
Folder = Annotated[
    Path | None,
    typer.Option("--report", help="Write the report into this folder in every form, also when refused."),
]
Base = Annotated[
    Path | None,
    typer.Option(
        help="With --emulate: compare with this redacted copy of the real state (./plinth ci redact)."
    ),
]
Links = Annotated[
    str, typer.Option(help="Address of the repository's files at this commit, for links to the code.")
]


@app.command()
def preview(  # noqa: PLR0917 - Typer reads options from parameters
    stack: Stack = "local",
    accept_as: Annotated[
        str | None, typer.Option(help="Your name: accept this preview, so that `up` may carry it out.")
    ] = None,
    emulate: Annotated[
        bool, typer.Option("--emulate", help="Work on a copy of the stack on a local platform of its own.")
    ] = False,
    refresh: Refresh = False,
    form: Format = None,
    folder: Folder = None,
    links: Links = "",
    base: Base = None,
    as_json: Json = False,
) -> None:
    """Show what `up` would change, judged by every policy; nothing is changed.

    The report (--format, --report) says what is created, changed property by property, replaced and
    deleted, how dangerous each change is and why, who can do what that could not, what the policies say,
    and what a month costs more. Where a month would cost more than the budget, the preview is refused.

    Where the stack says `approval: person`, `up` refuses until somebody ran this with --accept-as.
    With --emulate, a stack that lives on AWS is previewed without any account: same program, same
    settings, but for the account, the emulation, the gateway's controller and whose key signs
    contracts; whether the real stack's contracts hold is said at the end.
    """
    from infra.ops import changes, emulated, lock, reports, state

    if form is not None and form not in reports.FORMATS:
        raise PlinthError(
            f"There is no format '{form}'.", fix=f"Use one of: {', '.join(reports.FORMATS)}.", code=Exit.USAGE
        )

    if base is not None and not emulate:
        raise PlinthError("A base is for an emulated copy.", fix="--emulate --base FILE", code=Exit.USAGE)

    report = _Report(stack, folder, form, links)
    with report.of_whatever_happens(), contextlib.ExitStack() as during:
        steps = Steps()
        committed = emulated.stack_file(stack)
        changes.stack_settings(committed)
        file = during.enter_context(emulated.platform_of(stack)) if emulate else committed
        during.enter_context(lock.exclusive(f"preview --stack {stack}"))
        if base is not None:
            state.begin_from(stack, base)
        during.enter_context(steps.shown())
        ready = changes.prepare(file, steps, refresh=refresh)
        run = changes.preview(
            ready,
            steps,
            accept_as=None if emulate else accept_as,
            seen=report.seen if report.wanted else None,
        )
    if as_json:
        screen.json(changes.report(run))
    elif form is None:
        _table(run)
        _after(ready, committed, accept_as=accept_as, emulate=emulate)


class _Report:
    """The report that was asked for: written when the preview is made, and also when it is not."""

    def __init__(self, stack: str, folder: Path | None, form: str | None, links: str) -> None:
        self.wanted = folder is not None or form is not None
        self._stack, self._folder, self._form, self._links = stack, folder, form, links
        self._made: Report | None = None

    def seen(self, made: "Report") -> None:
        """Write and print it."""
        from infra.ops import reports

        self._made = made
        self._write(made)
        if self._form is not None:
            sys.stdout.write(reports.render(made, self._form, links=self._links))
            sys.stdout.flush()

    @contextlib.contextmanager
    def of_whatever_happens(self) -> Iterator[None]:
        """Say in the folder why there is no preview, or which gate stops it afterwards.

        Whoever reads the folder must not find the report of another day.
        """
        from infra.ops import reports

        try:
            yield
        except PlinthError as error:
            if self._made is None:
                self._write(reports.failed(self._stack, error))
            elif not self._made.refusals:
                self._write(reports.stopped(self._made, error))
            raise

    def _write(self, made: "Report") -> None:
        from infra.ops import reports

        if self._folder is not None:
            reports.write(made, self._folder, links=self._links)


def _table(run: "Run") -> None:
    from infra.ops import changes

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("operation", "type", "name", "differs in"):
        table.add_column(column)
    rows = changes.report(run)["steps"]
    for row in rows:
        table.add_row(row["operation"], row["type"], row["name"], ", ".join(row["differences"]))
    if rows:
        screen.out.print(table)
    summary = ", ".join(f"{n} {op}" for op, n in run.changes.items()) or "nothing to change"
    screen.out.print(f"[bold]{summary}[/]; policies: no mandatory violation.")


def _after(ready: "Ready", committed: Path, *, accept_as: str | None, emulate: bool) -> None:
    """Say what the preview is good for."""
    from infra.ops import changes, contracts

    if accept_as:
        screen.out.print(f"Accepted by {accept_as}; ./plinth up may carry it out within 24 hours.")
    elif emulate:
        screen.out.print("Previewed on an emulated copy; it accepts nothing for the real stack.")
        real = changes.stack_settings(committed).model_copy(update={"releases": ready.settings.releases})
        for reason in contracts.objections(real):
            screen.out.print(f"  the real stack would be refused: {reason}")
    elif ready.settings.approval == "person":
        screen.out.print("A person has to accept it: ./plinth preview --accept-as 'YOUR NAME'")
