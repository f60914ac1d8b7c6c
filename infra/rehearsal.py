"""No update that was not judged: the program is judged as a whole before it registers anything.

Pulumi never forces a policy pack onto ``pulumi up``, and a pack's relations are judged after the
resources exist when the preview is skipped. So the program defends itself. Before an update registers
anything, a child process runs the same program with the same settings against a recorder in place of
the engine, which answers as a first preview does, and the core judges everything that was asked for. A
violation ends the update with nothing touched. Each resource is judged once more while it is registered,
with its true values, and one that the rehearsal did not see is refused.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pulumi

from infra import gate, guard
from infra.errors import RefusedError
from infra.policy_settings import policy_settings
from infra.settings import Settings

PACK_VARIABLE = "PULUMI_OPTION_POLICY_PACK"
"""Variable by which the engine itself is told to load the pack; its verdicts are then the better report."""
LONGEST_SECONDS = 300
"""Seconds that a rehearsal may take: a hundred times what it takes, so that only a hang is cut off."""
_CHILD = "infra.ops.rehearse"


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a program did when nobody but a recorder listened."""

    asked: frozenset[tuple[str, str]]
    """Type and name of everything that it asked for."""
    violations: tuple[str, ...]
    """What breaks a mandatory control or is undecided, each as a text for a reader."""


def require_judged(settings: Settings, environ: Mapping[str, str] | None = None) -> None:
    """Refuse, inside the program, to register anything that was not judged.

    A preview with the pack goes on, since the pack says more. An update goes on at once where an accepted
    preview covers this very program; else it is rehearsed first.

    Args:
        settings: Settings of the stack.
        environ: Variables of this process; its own when left out.

    Raises:
        RefusedError: A mandatory control is violated or undecided, or the rehearsal broke.
    """
    variables = os.environ if environ is None else environ
    preview = pulumi.runtime.is_dry_run()
    if preview and variables.get(PACK_VARIABLE):
        return
    named = variables.get(gate.ACCEPTANCE_VARIABLE)
    acceptance = gate.Acceptance.read(Path(named)) if named else None
    seen = None
    if preview or gate.objection(acceptance, settings, now=datetime.now(UTC)) is not None:
        seen = rehearsed(settings)
    if not preview:
        guard.install(policy_settings(settings), seen)


def rehearsed(settings: Settings) -> frozenset[tuple[str, str]]:
    """Rehearse in a child process; return type and name of everything that the program asked for.

    Raises:
        RefusedError: As :func:`require_judged`.
    """
    found = rehearse(settings)
    if found.violations:
        head = f"Stack '{settings.environment}' is not changed, and nothing was touched."
        raise RefusedError(
            "\n\n".join([head, *found.violations]), where=guard.WHERE, fix="Correct what is named above."
        )
    return found.asked


def rehearse(settings: Settings) -> Rehearsal:
    """Run the program in a child process against a recorder, and judge all that it asked for.

    Raises:
        RefusedError: The program does not run, or the child broke.
    """
    order = {"stack": settings.environment, "settings": json.loads(settings.model_dump_json())}
    try:
        done = subprocess.run(
            # -P: the folder infra/, where the engine runs programs, must not shadow the standard library.
            [sys.executable, "-P", "-m", _CHILD],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        answer = json.loads(done.stdout)
        broken = str(answer["broken"])
        found = Rehearsal(
            asked=frozenset((kind, name) for kind, name in answer["resources"]),
            violations=tuple(answer["violations"]),
        )
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        raise RefusedError(
            f"The program could not be judged before it registers anything ({type(error).__name__}), so it "
            "does not go on.",
            where=guard.WHERE,
            fix="./plinth preview says what is wrong.",
        ) from None
    if broken:
        raise RefusedError(broken, where=guard.WHERE, fix="Correct what is named above.")
    return found
