"""Runs Go commands for one part: downloads modules, compiles, and adds up what it took."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.errors import PlatformError
from infra.local.toolchain.recipe import COMPILER, LINKER, Build, Part

ATTEMPTS = 3
"""How often modules are asked for before the build gives up; Go keeps those that came."""
SHOWN_LINES = 12
"""Lines of a failed command that the message shows."""

Say = Callable[[str, str, float | None], None]
"""Called with the phase, a message, and how far the phase is."""


@dataclass
class GoRunner:
    """Runs Go commands for one part.

    Args:
        part: The part, for messages.
        go: The Go program.
        environment: What every command runs in.
        say: Told of progress.
    """

    part: Part
    go: Path
    environment: dict[str, str]
    say: Say
    cpu_seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)

    def run(self, arguments: list[str], work: Path, on_line: Callable[[str], None] | None = None) -> str:
        """Run a Go command to its end and return what it printed.

        Raises:
            PlatformError: It failed.
        """
        last: deque[str] = deque(maxlen=SHOWN_LINES)
        # Standard output goes to a file: a pipe could fill while the other one is read.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            process = subprocess.Popen(
                [self.go, *arguments],
                cwd=work,
                env=self.environment,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            assert process.stderr is not None
            try:
                for line in process.stderr:
                    last.append(line.rstrip())
                    if on_line:
                        on_line(line.strip())
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            except BaseException:
                # The compilers have a session of their own, so Ctrl-C reaches us only; none may stay.
                _kill_group(process)
                raise
            finally:
                process.stderr.close()
            self.cpu_seconds += usage.ru_utime + usage.ru_stime
            output.seek(0)
            said = output.read()
        if process.returncode:
            raise failed(self.part, f"go {arguments[0]}", "\n".join(last))
        return said

    def download(self, package: str, work: Path) -> int:
        """Get every module that the package needs; return how many packages it is made of."""
        begun = time.monotonic()
        for attempt in range(ATTEMPTS):
            self.say("download", "Go modules", None)
            try:
                listed = self.run(["list", "-deps", package], work, self._on_download)
            except PlatformError:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(2.0**attempt)
            else:
                self._add_phase("download", begun)
                return len(listed.split())
        raise AssertionError

    def _on_download(self, line: str) -> None:
        if found := re.match(r"go: downloading (\S+)", line):
            self.say("download", found[1], None)

    def module_folder(self, module: str, work: Path) -> Path:
        """Return the folder of a module's files in the module cache, downloading it if need be.

        Raises:
            PlatformError: It cannot be had, or is not what go.sum says.
        """
        begun = time.monotonic()
        answer = json.loads(self.run(["mod", "download", "-json", module], work))
        pinned = (work / "go.sum").read_text(encoding="utf-8")
        if f"{answer['Path']} {answer['Version']} {answer['Sum']}\n" not in pinned:
            raise failed(
                self.part, f"checking {module}", f"its hash {answer['Sum']} is not in {work / 'go.sum'}"
            )
        self._add_phase("download", begun)
        return Path(answer["Dir"])

    def compile(self, build: Build, work: Path, target: Path, packages: int) -> None:
        """Compile and link one binary."""
        begun = time.monotonic()
        done = 0

        def on_line(line: str) -> None:
            nonlocal done
            if re.fullmatch(r"[\w.\-/~]+", line):
                done += 1
                self.say("compile", f"{target.name}: {line}", min(done / packages, 0.99))

        linker = " ".join([LINKER, *(f"-X {name}={value}" for name, value in build.set.items())])
        self.say("compile", target.name, 0.0)
        arguments = [
            "build",
            "-v",
            "-o",
            str(target),
            f"-gcflags=all={COMPILER}",
            f"-ldflags={linker}",
            build.package,
        ]
        self.run(arguments, work, on_line)
        self._add_phase("compile", begun)

    def _add_phase(self, name: str, begun: float) -> None:
        self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - begun


def _kill_group(process: "subprocess.Popen[str]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def failed(part: Part, step: str, reason: str) -> PlatformError:
    """Return the error for a step that failed, with what the tool said."""
    said = reason.strip()
    full = " The disk is full." if "no space left on device" in said.lower() else ""
    return PlatformError(
        f"The toolchain's part {part.name} ({part.title} {part.version}) could not be made: "
        f"{step} failed.{full}\n{said}",
        where="infra/local/toolchain/parts.toml",
        fix="Run ./plinth toolchain build again; it goes on where it stopped.",
    )
