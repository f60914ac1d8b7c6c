"""The options of every command that speaks with a forge."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import Exit, PlinthError

if TYPE_CHECKING:
    from infra.ops.forge import Forge

TOKEN_VARIABLE = "PLINTH_FORGE_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable with the forge's token; an option would show it to every process of the machine."""
GITHUB = "https://api.github.com"
Repository = Annotated[str, typer.Option(help="owner/name on GitHub; number or path on GitLab.")]
Api = Annotated[str, typer.Option(help="Address of the forge's API.")]
ForgeKind = Annotated[str, typer.Option(help="github or gitlab.")]
Remote = Annotated[str, typer.Option(help="Name or address of the repository that git pushes to.")]


def forge_of(kind: str, api: str, repository: str) -> "Forge":
    """Return the forge, with the token from the environment.

    Raises:
        PlinthError: There is no token, or no such forge.
    """
    from infra.ops import forge as forges

    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise PlinthError(
            "There is no token for the forge.", where=TOKEN_VARIABLE, fix="Set it from the job's own token."
        )
    known: dict[str, Callable[[str, str, str], Forge]] = {"github": forges.GitHub, "gitlab": forges.GitLab}
    if kind not in known:
        raise PlinthError(f"There is no forge '{kind}'.", fix="--forge github or gitlab", code=Exit.USAGE)
    return known[kind](api, repository, token)
