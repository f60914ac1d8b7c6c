"""Commands that run to their end or beside a test, and what they said."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from infra.errors import Exit

PATIENCE = 540
"""Seconds after which something that must happen counts as never happening: under the 600 of a whole test,
and far above what it takes on two busy cores, so that it tells a hang from a slow machine."""
POLL = 0.02
"""Seconds between two looks at something short-lived, such as an operation of the engine."""


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that must happen."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen: {what}"
        time.sleep(POLL)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    command: str
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that it printed."""
        return f"{self.out}\n{self.err}"

    @property
    def json(self) -> Any:
        """The one JSON document on its standard output."""
        return json.loads(self.out)

    def ended(self, code: Exit, *sentences: str) -> Self:
        """Require an exit code, sentences somewhere in what was printed, and no traceback."""
        told = f"{self.command} ended with {self.code}:\n{self.text}"
        assert self.code == code, told
        assert "Traceback" not in self.text, told
        missing = [sentence for sentence in sentences if sentence not in self.text]
        assert not missing, f"not said: {missing}\n{told}"
        return self


class Running:
    """A command that is at work; what it prints goes to files, so that it never waits for a reader."""

    def __init__(self, argv: list[str], cwd: Path, environ: Mapping[str, str], folder: Path) -> None:
        self.command = " ".join(argv)
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def said(self, sentence: str) -> bool:
        """Tell whether it has printed something as progress."""
        return sentence in self._err.read_text(encoding="utf-8")

    def over(self) -> bool:
        """Tell whether it has ended."""
        return self.process.poll() is not None

    def engine(self) -> psutil.Process:
        """Return the Pulumi engine that it runs."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if child.name() == "pulumi")

    def done(self) -> Done:
        """Wait for its end."""
        code = self.process.wait(PATIENCE)
        out, err = (path.read_text(encoding="utf-8") for path in (self._out, self._err))
        return Done(self.command, code, out, err)
