"""What Plinth asks of a forge: comments, checks and changes. GitHub and GitLab.

An answer that is not what was asked for is an error with one message: the check stays failed, because nobody
has seen the report.
"""

from typing import Literal, Protocol

from infra.ops.forge.github import GitHub
from infra.ops.forge.gitlab import GitLab

__all__ = ["Forge", "GitHub", "GitLab", "State"]
State = Literal["success", "failure"]


class Forge(Protocol):
    """A forge and one project on it."""

    limit: int
    """Characters of a comment."""

    def comment(self, change: int, marker: str, body: str) -> str:
        """Write the comment with this marker, or bring it up to date; return its address."""

    def status(self, commit: str, context: str, state: State, description: str, target: str) -> None:
        """Set the check of a commit."""

    def change_of(self, commit: str) -> int:
        """Return the open change that ends with a commit."""

    def files(self, change: int) -> list[str]:
        """Return the files that a change touches, under their old names as well."""

    def propose(self, branch: str, title: str, body: str) -> str:
        """Open the change of a pushed branch, or renew its text; return its address."""
