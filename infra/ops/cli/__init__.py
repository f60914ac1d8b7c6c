"""The command line. Each command parses, calls one module, and prints; nothing else lives here."""

import contextlib
import inspect
import os
import signal
import sys
import traceback

import typer

from infra.errors import Exit, PlinthError, Stopped
from infra.local.paths import home
from infra.ops.cli import (
    alerting,
    backends,
    benches,
    ci,
    ci_jobs,
    contracts,
    drills,
    enders,
    environments,
    experimenting,
    lookers,
    models,
    money,
    policy,
    previews,
    promotions,
    quotas,
    records,
    recovering,
    retraining,
    serving,
    steering,
    tools,
    trust,
    upkeep,
    watching,
)
from infra.ops.cli.base import app
from infra.ops.cli.panels import arrange
from infra.ops.console import screen

__all__ = [
    "alerting",
    "app",
    "backends",
    "benches",
    "ci",
    "ci_jobs",
    "contracts",
    "drills",
    "enders",
    "environments",
    "experimenting",
    "lookers",
    "main",
    "models",
    "money",
    "policy",
    "previews",
    "promotions",
    "quotas",
    "records",
    "recovering",
    "retraining",
    "serving",
    "steering",
    "tools",
    "trust",
    "upkeep",
    "watching",
]


def _reflow(group: typer.Typer) -> None:
    """Let help fill the reader's terminal: lines of a paragraph are joined, paragraphs stay."""
    for command in group.registered_commands:
        told = inspect.getdoc(command.callback) if command.callback else None
        if told:
            paragraphs = (
                part if part.startswith((" ", "-")) else " ".join(part.split()) for part in told.split("\n\n")
            )
            command.help = "\n\n".join(paragraphs)
    for inner in group.registered_groups:
        if inner.typer_instance:
            _reflow(inner.typer_instance)


_reflow(app)
arrange(app)


def main() -> None:
    """Run the command line; every known mistake ends in one message and its exit code."""
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        app(prog_name="./plinth")
    except PlinthError as error:
        screen.error(error)
        raise SystemExit(int(error.code)) from None
    except Stopped:
        screen.err.print("stopped; what was done is kept, and the same command goes on from there")
        raise SystemExit(Exit.STOPPED) from None
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(int(Exit.FAILED)) from None
    except Exception as error:  # noqa: BLE001 - the last resort: a defect of ours, said as such
        screen.error(_defect(error))
        raise SystemExit(int(Exit.FAILED)) from None


def _defect(error: Exception) -> PlinthError:
    """Keep the traceback in a file and return what a person should read."""
    path = home() / "logs" / "defect.txt"
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return PlinthError(
        f"This is a defect of Plinth, not a mistake of yours: {type(error).__name__}: {error}",
        where=str(path),
        fix="Please report it with that file (it may name paths of this machine). Nothing was lost.",
    )


def _interrupted(number: int, _: object) -> None:
    """Turn the first signal into an orderly way out; a second one is taken at its word."""
    signal.signal(number, signal.SIG_DFL)
    raise Stopped
