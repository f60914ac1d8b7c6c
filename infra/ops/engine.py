"""Runs the Pulumi engine and turns what goes wrong into sentences."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import psutil

from infra.errors import BusyError, PlinthError, StateError, Stopped
from infra.local.paths import home, repo_root
from infra.ops.events import Run

KEPT_LOGS = 20
"""Event logs that are kept: a working day of ups and previews."""
SILENT_SECONDS = {"preview": 180, "refresh": 900, "up": 3600, "destroy": 3600}
"""Longest silence of the engine, in seconds. A preview waits for nothing but its own work; a change may
wait for a cloud to make a cluster or a node group, which takes up to half an hour and says nothing."""
AT_ONCE = 32
"""Resources that the engine works on at the same time. Most of them wait: the provider looks at each bucket's
lifecycle for 45 s until S3 answers the same often enough. The engine's own number is four for each core."""
CHANGES = frozenset({"up", "refresh", "destroy"})
"""Operations that do."""
INTERRUPT_SECONDS = 120
"""Seconds that a cancelled engine gets to finish the resource it is working on and write its state."""
ENGINE_VARIABLE = "PLINTH_ENGINE"
"""Environment variable of an engine and of everything that it starts; holds the home it works for."""
Listener = Callable[[Run], None]


class Engine:
    """The Pulumi engine for one stack.

    Args:
        stack: Name of the stack.
        environ: Complete environment of the engine; only ``ENGINE_VARIABLE`` is added to it.
        program: The ``pulumi`` executable.
        root: The working tree whose program it runs; this one when left out.
    """

    def __init__(
        self, stack: str, environ: Mapping[str, str], program: Path, root: Path | None = None
    ) -> None:
        """Remember them; nothing is run yet."""
        self.stack = stack
        self._root = root or repo_root()
        self._environ = {**environ, ENGINE_VARIABLE: str(home())}
        self._program = program

    def adopt(self, file: Path) -> None:
        """Take the resources that an import file names into the state; nothing in the world changes.

        Raises:
            PlinthError: One of them cannot be read.
        """
        self._plain(
            "import", "--file", str(file), "--yes", "--skip-preview", "--generate-code=false",
            "--protect=false", "--stack", self.stack,
        )  # fmt: skip

    def unprotect(self) -> None:
        """Take the protection off every resource in the state; nothing in the world changes.

        Raises:
            PlinthError: The state cannot be read.
        """
        self._plain("state", "unprotect", "--all", "--yes", "--stack", self.stack)

    def run(self, operation: str, *options: str, listener: Listener | None = None) -> Run:
        """Run ``preview``, ``up``, ``refresh`` or ``destroy`` and return what the engine said.

        A run that fails because of policies or of the program returns with the errors in it; a run
        that could not start raises.

        Raises:
            StateError: State or passphrase are not readable.
            BusyError: Another run holds the stack.
            PlinthError: The engine could not start.
        """
        command = [
            str(self._program),
            operation,
            "--json",
            "--non-interactive",
            "--stack",
            self.stack,
            *(("--parallel", str(AT_ONCE)) if operation in CHANGES else ()),
            *options,
        ]
        run = Run()
        with _log_file(operation) as log:
            process = subprocess.Popen(
                command,
                cwd=self._root,
                env=self._environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C comes to us first; we pass on exactly one
            )
            assert process.stdout is not None
            assert process.stderr is not None
            errors: list[str] = []
            reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
            reader.start()
            watch = _Watch(process, SILENT_SECONDS[operation])
            try:
                for line in process.stdout:
                    watch.heard()
                    event = run.take(line)
                    if event is not None and "debug" not in event.get("diagnosticEvent", {}).get(
                        "severity", ""
                    ):
                        log.write(line)
                    if listener is not None:
                        listener(run)
            except Stopped:
                _end(process)
                raise
            finally:
                process.wait()
                watch.close()
                reader.join(timeout=5)
                process.stdout.close()
                process.stderr.close()
                if process.returncode < 0:  # killed: it could not end what it had started
                    end_leftovers()
        run.exit_code = process.returncode
        text = "".join(errors).strip()
        if watch.silent:
            raise PlinthError(
                f"pulumi {operation} of stack '{self.stack}' said nothing for {SILENT_SECONDS[operation]} s "
                "and was ended.",
                where=str(home() / "logs"),
                fix="./plinth doctor. A policy pack that cannot be loaded does this: ./plinth test unit",
            )
        if process.returncode != 0 and not run.finished:
            raise explain(text, operation, self.stack, errors=run.errors)
        if process.returncode != 0 and text and not run.errors and not run.violations:
            run.errors.append(text)
        return run

    def _plain(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._program), *arguments, "--non-interactive"],
            cwd=self._root,
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise explain(
                (done.stderr.strip() or done.stdout.strip())[-3000:], " ".join(arguments[:2]), self.stack
            )
        return done.stdout


def explain(text: str, operation: str, stack: str, errors: Sequence[str] = ()) -> PlinthError:
    """Turn what the engine printed into an error that says what to do. Pure."""
    lower = text.lower()
    if "incorrect passphrase" in lower or "passphrase must be set" in lower:
        return StateError(
            f"The passphrase does not open stack '{stack}'.",
            where="PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE in your environment",
            fix="unset PULUMI_CONFIG_PASSPHRASE PULUMI_CONFIG_PASSPHRASE_FILE; then run the command again.",
        )
    if "currently locked" in lower:
        return BusyError(
            f"Another Pulumi run holds stack '{stack}'.",
            where=text.splitlines()[-1].strip() if text else None,
            fix="Wait until it has ended. When it was killed: "
            f'eval "$(./plinth env)" && pulumi cancel --yes --stack {stack}',
        )
    if "disabledexception" in lower or "kmsinvalidstateexception" in lower:
        return StateError(
            f"The KMS key of stack '{stack}' is disabled or waits for its deletion, so its secrets stay "
            f"closed: {text.splitlines()[-1]}",
            where=f"stacks/Pulumi.{stack}.yaml, key secretsprovider",
            fix=f"./plinth bootstrap --stack {stack} says which key, and how it is enabled again.",
        )
    if "nosuchbucket" in lower:
        return StateError(
            f"The state bucket of stack '{stack}' is not there.",
            where="PULUMI_BACKEND_URL",
            fix=f"./plinth bootstrap --stack {stack}, once, as an administrator of the account.",
        )
    if "failed to load checkpoint" in lower or "unmarshal" in lower or "could not deserialize" in lower:
        return StateError(
            f"The state of stack '{stack}' cannot be read: {text.splitlines()[-1]}",
            where=str(home() / "state"),
            fix="Run './plinth up': it restores the newest good backup and keeps the damaged file.",
        )
    detail = "\n".join([*errors, text]).strip() or "it gave no reason"
    return PlinthError(
        f"pulumi {operation} of stack '{stack}' did not run: {detail}",
        fix="./plinth doctor, and ./plinth logs engine for everything that the engine said.",
    )


class _Watch:
    """Ends an engine that has gone silent, together with the plugins that it started."""

    def __init__(self, process: "subprocess.Popen[str]", limit_seconds: float) -> None:
        """Begin to watch."""
        self.silent = False
        self._process = process
        self._limit = limit_seconds
        self._last = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def heard(self) -> None:
        """Note that the engine said something."""
        self._last = time.monotonic()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(1.0):
            if time.monotonic() - self._last > self._limit:
                self.silent = True
                _end(self._process)
                return


def _end(process: "subprocess.Popen[str]") -> None:
    """Ask the engine to stop after the current resource; end it and its plugins when it does not."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(INTERRUPT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    _, left = psutil.wait_procs(family, timeout=5)
    for child in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def end_leftovers() -> None:
    """End what engines of this home have left running.

    A command that was killed could not end its engine, and an engine that was killed could not end its
    language hosts and plugins, which wait for it for ever. The caller holds the home's lock, so that
    nobody needs them any more. An engine is asked first: it then writes down what it has done.
    """
    left = [process for process in psutil.process_iter(["name"]) if _is_marked(process)]
    engines = [process for process in left if process.info["name"] == "pulumi"]
    for engine in engines:
        with contextlib.suppress(psutil.NoSuchProcess):
            engine.send_signal(signal.SIGINT)
    psutil.wait_procs(engines, timeout=INTERRUPT_SECONDS)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def _is_marked(process: psutil.Process) -> bool:
    try:
        return bool(process.environ().get(ENGINE_VARIABLE) == str(home()))
    except (psutil.Error, OSError):  # ended meanwhile, or somebody else's
        return False


def _log_file(operation: str) -> IO[str]:
    folder = home() / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in sorted(folder.glob("engine-*.jsonl"))[: -KEPT_LOGS + 1]:
        old.unlink(missing_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    path = folder / f"engine-{stamp}-{operation}.jsonl"
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8")
