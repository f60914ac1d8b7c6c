"""What a person sees: results on standard output, progress and problems on standard error."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from infra.errors import PlinthError

WIDE = 200
"""Columns where no terminal says how wide it is: a pipe or a file cuts nothing off."""
QUIET_SECONDS = 15
"""Seconds between two progress lines where no terminal redraws them, as in CI logs."""


class Screen:
    """The two streams of the command line; colours follow NO_COLOR, the terminal and ``--no-color``."""

    def __init__(self) -> None:
        """Start with what the environment says."""
        self.set_colour(wanted=not os.environ.get("NO_COLOR"))

    def set_colour(self, *, wanted: bool) -> None:
        """Switch colours on where the streams are terminals, or off."""
        width = None if sys.stdout.isatty() else WIDE
        self.out = Console(no_color=not wanted, highlight=False, soft_wrap=True, width=width)
        self.err = Console(no_color=not wanted, highlight=False, soft_wrap=True, stderr=True)

    def json(self, value: Any) -> None:
        """Print one JSON document on standard output, the same bytes for the same value."""
        sys.stdout.write(json.dumps(value, indent=2, sort_keys=True) + "\n")

    def error(self, error: PlinthError) -> None:
        """Print what went wrong, where, and what to do."""
        self.err.print(Text("error: ", style="bold red") + Text(error.what))
        if error.where:
            self.err.print(Text("  where: ", style="dim") + Text(error.where))
        if error.fix:
            self.err.print(Text("  fix:   ", style="bold") + Text(error.fix))

    def note(self, text: str) -> None:
        """Print a line of progress that stays."""
        self.err.print(Text(text, style="dim"))


screen = Screen()


class Steps:
    """The steps of a long command: which one runs, for how long, and how far it is."""

    def __init__(self) -> None:
        """Begin with an empty list."""
        self._rows: list[list[Any]] = []
        self._live: Live | None = None
        self._last_print = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator["Steps"]:
        """Show a step while the body runs; a step that fails is marked and the error goes on."""
        row = [title, "running", "", time.monotonic(), None]
        self._rows.append(row)
        self._draw(force=True)
        try:
            yield self
        except BaseException:
            row[1], row[4] = "failed", time.monotonic()
            self._draw(force=True)
            raise
        row[1], row[4] = "done", time.monotonic()
        self._draw(force=True)

    def say(self, detail: str) -> None:
        """Say how far the running step is."""
        for row in reversed(self._rows):
            if row[1] == "running":
                row[2] = detail
                break
        self._draw()

    @contextmanager
    def shown(self) -> Iterator["Steps"]:
        """Draw the steps while the body runs: redrawn on a terminal, a line each elsewhere."""
        if screen.err.is_terminal:
            with Live(console=screen.err, get_renderable=self._table, refresh_per_second=4) as live:
                self._live = live
                try:
                    yield self
                finally:
                    self._live = None
        else:
            yield self

    def seconds(self) -> dict[str, float]:
        """Return the duration of each finished step."""
        return {str(row[0]): round(row[4] - row[3], 1) for row in self._rows if row[4] is not None}

    def _draw(self, *, force: bool = False) -> None:
        if self._live is not None or screen.err.is_terminal:
            return
        now = time.monotonic()
        row = next((r for r in reversed(self._rows) if force or r[1] == "running"), None)
        if row is None or (not force and now - self._last_print < QUIET_SECONDS):
            return
        self._last_print = now
        took = f" ({now - row[3]:.0f} s)" if row[1] != "running" or not force else ""
        detail = f": {row[2]}" if row[2] else ""
        screen.err.print(f"{row[1]:>7}  {row[0]}{took}{detail}")

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        marks = {"running": "[cyan]•[/]", "done": "[green]✓[/]", "failed": "[red]✗[/]"}
        for title, state, detail, started, ended in self._rows:
            seconds = (ended or time.monotonic()) - started
            table.add_row(marks[state], title, f"[dim]{seconds:.0f} s[/]", Text(str(detail), style="dim"))
        return table
