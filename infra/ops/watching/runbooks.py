"""Runbooks: found, filled with an environment's names, and the commands in them."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra import naming
from infra.errors import PlinthError
from infra.local.paths import repo_root
from infra.settings import Settings

FOLDER = Path("infra/monitoring/runbooks")
SECTIONS = ("Trigger", "Meaning", "Impact", "Diagnose", "Mitigate", "Resolve", "Verify")
_NAME = re.compile(r"\{(stack|service|region|cluster|vault|trail|budget)\}")
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """One runbook, filled in.

    Args:
        alert: Name of the alert.
        sections: Heading to text, in order.
    """

    alert: str
    sections: Mapping[str, str]

    def commands(self, section: str) -> list[list[str]]:
        """Return the commands of a section, as words."""
        return [
            shlex.split(line)
            for block in _BLOCK.findall(self.sections.get(section, ""))
            for line in block.splitlines()
            if line.strip() and not line.startswith("#")
        ]

    @property
    def text(self) -> str:
        """Return it as Markdown."""
        parts = [f"# {self.alert}"] + [f"## {name}\n\n{text}" for name, text in self.sections.items()]
        return "\n\n".join(parts) + "\n"


def known() -> list[str]:
    """Return the alerts that have a runbook."""
    return sorted(path.stem for path in (repo_root() / FOLDER).glob("*.md"))


def names(settings: Settings, *, service: str | None = None) -> dict[str, str]:
    """Return the names of an environment that runbooks speak of.

    Args:
        settings: Settings of the stack.
        service: The service that the alert is about; the stack's first when left out.
    """
    environment = settings.environment
    return {
        "stack": environment,
        "service": service or next(iter(sorted(settings.services)), "SERVICE"),
        "region": settings.aws.region,
        "cluster": naming.cluster(environment),
        "vault": naming.backup(environment, "backups"),
        "trail": naming.role(environment, "audit"),
        "budget": naming.role(environment, "budget"),
    }


def load(alert: str, filled: Mapping[str, str]) -> Runbook:
    """Return a runbook with names filled in.

    Raises:
        PlinthError: There is none of that name.
    """
    path = repo_root() / FOLDER / f"{alert}.md"
    if alert not in known():
        close = [name for name in known() if alert.lower() in name.lower()]
        raise PlinthError(
            f"There is no runbook of '{alert}'.",
            where=str(FOLDER),
            fix=f"Use one of: {', '.join(close or known())}.",
        )
    text = _NAME.sub(lambda found: filled[found[1]], path.read_text(encoding="utf-8"))
    parts = re.split(r"(?m)^## (.+)\n", text)
    sections = {name.strip(): body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    return Runbook(alert=alert, sections=sections)
