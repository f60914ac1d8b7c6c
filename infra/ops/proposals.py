"""Changes that a command proposes: a commit on a branch of its own, pushed, and opened on the forge.

Nothing of the working tree is touched: the commit is made beside it, from the current one.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.errors import Exit, PlinthError
from infra.local.paths import repo_root
from infra.ops.forge import Forge

OWN = "plinth/"
"""How branches begin that belong to a command: each run may put its own commit in the place of the last."""

_NOBODY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "plinth"), ("EMAIL", "plinth@localhost"))
}
"""Who commits where git knows nobody, as in a job of CI."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A change in words and files.

    Args:
        branch: Name of its branch.
        title: One line; also the commit's.
        body: What a reviewer reads, as Markdown.
        message: The commit's text below its title.
        files: Path in the repository to its whole text; none makes a commit that changes no file.
    """

    branch: str
    title: str
    body: str
    message: str
    files: Mapping[str, str]


def commit(proposal: Proposal, root: Path | None = None) -> str:
    """Make the commit of a proposal, from the current one; return its hash.

    Raises:
        PlinthError: Git refuses.
    """
    top = root or repo_root()
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git(top, "read-tree", "HEAD", environ=index)
        for path, text in sorted(proposal.files.items()):
            blob = git(top, "hash-object", "-w", "--stdin", stdin=text)
            git(top, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", environ=index)
        tree = git(top, "write-tree", environ=index)
    named = git(top, "config", "user.email", may_fail=True)
    return git(
        top,
        "commit-tree",
        tree,
        "-p",
        "HEAD",
        stdin=f"{proposal.title}\n\n{proposal.message}".strip() + "\n",
        environ={} if named else _NOBODY,
    )


def branch(proposal: Proposal, root: Path | None = None) -> str:
    """Commit a proposal on a new local branch; return the commit.

    Raises:
        PlinthError: The branch exists, or git refuses.
    """
    top = root or repo_root()
    require_name(proposal.branch)
    if git(top, "rev-parse", "--verify", "--quiet", f"refs/heads/{proposal.branch}", may_fail=True):
        raise PlinthError(
            f"There is a branch '{proposal.branch}' already.", fix="Name another one with --branch."
        )
    made = commit(proposal, top)
    git(top, "branch", proposal.branch, made)
    return made


def open_change(proposal: Proposal, forge: Forge, *, remote: str = "origin", root: Path | None = None) -> str:
    """Push a proposal and open it on the forge, or renew the open one of its branch; return its address.

    Only a branch that begins with ``OWN`` is put in the place of what it was.

    Args:
        proposal: What is proposed.
        forge: Where.
        remote: Name or address of the repository to push to.
        root: The clone.

    Raises:
        PlinthError: Git or the forge refuses; says which.
    """
    top = root or repo_root()
    require_name(proposal.branch)
    made = commit(proposal, top)
    force = "+" if proposal.branch.startswith(OWN) else ""
    git(top, "push", "--quiet", remote, f"{force}{made}:refs/heads/{proposal.branch}")
    return forge.propose(proposal.branch, proposal.title, proposal.body)


def require_name(name: str) -> None:
    """Refuse what is no name of a branch.

    Raises:
        PlinthError: It is none.
    """
    good = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", name) and ".." not in name
    if not good or name.endswith(("/", ".", ".lock")):
        raise PlinthError(
            f"{name!r} is no name of a branch.", fix="--branch with letters, digits and -", code=Exit.USAGE
        )


def git(
    root: Path,
    *arguments: str,
    stdin: str = "",
    environ: Mapping[str, str] | None = None,
    may_fail: bool = False,
) -> str:
    """Run git and return what it printed.

    Raises:
        PlinthError: It failed, unless that was expected. Addresses in its words lose what stands before
            the host, where a token may be.
    """
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        input=stdin,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and not may_fail:
        told = re.sub(r"//[^/@\s]+@", "//", done.stderr.strip())
        raise PlinthError(f"git {arguments[0]} failed: {told}", where=str(root), fix="git status")
    return done.stdout.strip()
