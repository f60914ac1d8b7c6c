"""No change without an accepted preview.

``./plinth preview`` writes an acceptance: which program, settings, policies and state were judged,
and who accepted what they saw. ``./plinth up`` refuses without one that fits. Where a person must
accept (setting ``approval: person``), the program itself refuses too, so that plain ``pulumi up``
is no way around it.

An acceptance is a local file and is as trustworthy as the account that wrote it; it stops
mistakes and shortcuts, not an administrator of the machine.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.errors import RefusedError
from infra.settings import Settings

ACCEPTANCE_VARIABLE = "PLINTH_ACCEPTANCE"
"""Environment variable that names the acceptance file of the current stack."""
VALID_HOURS = 24
"""Hours for which an acceptance holds: a working day; after that the world has moved on."""
_ROOT = Path(__file__).resolve().parents[1]
_JUDGED = ("Pulumi.yaml", "requirements.lock", "infra", "policies")
_UNJUDGED = ("infra/ops", "infra/local")


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """That one preview was looked at and accepted.

    Args:
        stack: Name of the stack.
        subject: Digest of program, policies and settings, from :func:`subject`.
        state: Digest of the stack's state before the change.
        accepted_by: ``gates`` or the name of a person.
        accepted_at: Time in UTC, ISO 8601.
        changes: Operation to number of resources, as previewed.
    """

    stack: str
    subject: str
    state: str
    accepted_by: str
    accepted_at: str
    changes: Mapping[str, int]

    def write(self, path: Path) -> None:
        """Write the acceptance whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Acceptance | None":
        """Return the acceptance in a file, or None when there is none that can be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def subject(settings: Settings, root: Path = _ROOT) -> str:
    """Return the digest of what a preview judges: program, lock, policies, settings with releases."""
    digest = hashlib.sha256(settings.model_dump_json().encode())
    for path in sorted(_judged_files(root)):
        digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()}"


def _judged_files(root: Path) -> Iterable[Path]:
    for entry in _JUDGED:
        top = root / entry
        if top.is_file():
            yield top
        for path in top.rglob("*"):
            relative = path.relative_to(root).as_posix()
            skipped = any(relative.startswith(f"{prefix}/") for prefix in _UNJUDGED)
            if path.is_file() and not skipped and "__pycache__" not in path.parts:
                yield path


def objection(
    acceptance: Acceptance | None, settings: Settings, *, now: datetime, state: str | None = None
) -> str | None:
    """Return why an acceptance does not cover a change, or None when it does.

    Args:
        acceptance: What was found, if anything.
        settings: Settings of the stack that is to change.
        now: Current time, with a time zone.
        state: Digest of the current state; not compared when None.
    """
    if acceptance is None:
        return "no preview of it was accepted"
    age = now - datetime.fromisoformat(acceptance.accepted_at)
    reasons = (
        (
            acceptance.stack != settings.environment,
            f"the accepted preview is of stack '{acceptance.stack}'",
        ),
        (
            not timedelta(0) <= age <= timedelta(hours=VALID_HOURS),
            f"the acceptance of {acceptance.accepted_at} is not from the last {VALID_HOURS} hours",
        ),
        (
            acceptance.subject != subject(settings),
            "the program, the policies or the settings changed after the preview was accepted",
        ),
        (
            state is not None and acceptance.state != state,
            "the environment changed after the preview was accepted",
        ),
        (
            settings.approval == "person" and acceptance.accepted_by == "gates",
            "a person has to accept it, and only the gates did",
        ),
    )
    return next((reason for holds, reason in reasons if holds), None)


def require(acceptance: Acceptance | None, settings: Settings, *, state: str | None = None) -> None:
    """Refuse a change that no accepted preview covers.

    Raises:
        RefusedError: With the reason and the command that gets an acceptance.
    """
    reason = objection(acceptance, settings, now=datetime.now(UTC), state=state)
    if reason is not None:
        raise RefusedError(
            f"Stack '{settings.environment}' is not changed: {reason}.",
            where="control change-needs-accepted-preview",
            fix=f"./plinth preview --stack {settings.environment} --accept-as 'YOUR NAME', then run up again",
        )


def require_accepted_preview(settings: Settings) -> None:
    """Refuse, inside the program, an update that a person has not accepted.

    A preview passes: it is what gets accepted. The state is compared by ``./plinth up``, which
    holds the lock; inside the engine it is already being written.

    Raises:
        RefusedError: The stack asks for a person's acceptance and there is none that fits.
    """
    import pulumi  # noqa: PLC0415 - the engine's programs have it loaded; commands need not wait for it

    if settings.approval == "gates" or pulumi.runtime.is_dry_run():
        return
    named = os.environ.get(ACCEPTANCE_VARIABLE)
    require(Acceptance.read(Path(named)) if named else None, settings)
