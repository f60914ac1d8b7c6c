"""What CI does with a change: which stacks it concerns, and how their reports reach the reviewer."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import PlinthError, SettingsError
from infra.local.paths import repo_root
from infra.ops.forge import Forge
from infra.preview import data, markdown, words
from infra.preview.stream import UnreadablePreviewError

CONTEXT = "plinth/preview"
"""Name of the check, followed by the stack's name; branch protection requires it by this name."""
_ONE_STACK = "stacks/Pulumi."
_NO_STACK = (
    "tests/",
    "stacks/README.md",
    "infra/decisions/",
    ".ci/",
    ".github/",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
)
"""Paths with which nothing that runs changes."""
_ALL_STACKS = (".github/workflows/preview",)
"""Paths that change how previews are made: then all of them are made."""


def stacks(root: Path | None = None) -> list[str]:
    """Return the name of every stack."""
    files = ((root or repo_root()) / "stacks").glob("Pulumi.*.yaml")
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in files)


def affected(paths: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the stacks that a change of files concerns. Pure; in doubt all of them."""
    every, found = sorted(known), set()
    for path in paths:
        if path.startswith(_ALL_STACKS):
            return every
        if path.startswith(_ONE_STACK) and path.endswith(".yaml"):
            found.add(path.removeprefix(_ONE_STACK).removesuffix(".yaml"))
        elif not path.startswith(_NO_STACK) and not path.endswith("/README.md"):
            return every
    return sorted(found & set(every))


def changed_files(base: str, root: Path | None = None) -> list[str]:
    """Return the files that differ from the last commit that this one shares with a base, removed ones too.

    Raises:
        SettingsError: The base is not there.
    """
    done = subprocess.run(
        ["git", "diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD", "--"],
        cwd=root or repo_root(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SettingsError(
            f"There is no base '{base}' to compare with.",
            where="git diff",
            fix="Fetch it first (git fetch origin), or name another one with --base.",
        )
    return [path for path in done.stdout.split("\0") if path]


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What was told to the forge."""

    stack: str
    accepted: bool
    description: str
    comment: str


def post(
    forge: Forge, report: Path, *, stack: str, change: int, commit: str, links: str = "", full: str = ""
) -> Posted:
    """Post the report of a stack as the one comment of it, then set the check.

    The comment is written by this program from the report's data, never taken from whoever made the report:
    a change from a fork can send values, not markup. A report that is missing or broken is said and fails.

    Args:
        forge: Where.
        report: ``report.json`` of the preview.
        stack: Which stack it must be about.
        change: Number of the pull request.
        commit: Commit that gets the check.
        links: Address under which the files can be read.
        full: Address of the full report.

    Raises:
        PlinthError: The forge refuses; no check says success then.
    """
    marker = markdown.marker(stack)
    try:
        made = data.read(report.read_text(encoding="utf-8"))
        if made.stack != stack:
            raise UnreadablePreviewError(f"it is about stack '{made.stack}', not '{stack}'.")
    except (OSError, UnicodeDecodeError, PlinthError) as error:
        why = (
            error.what
            if isinstance(error, PlinthError)
            else "the preview left no report; see the log of its job"
        )
        body = f"{marker}\n## ⛔ Preview of `{stack}`\n\n**Refused: {markdown.escaped(why)}**\n"
        accepted, description = False, why
    else:
        body = markdown.render(made, links=links, limit=forge.limit, full=full)
        accepted, description = not made.refusals, words.verdict(made)
    where = forge.comment(change, marker, body)
    forge.status(
        commit, f"{CONTEXT} ({stack})", "success" if accepted else "failure", description, full or ""
    )
    return Posted(stack=stack, accepted=accepted, description=description, comment=where)


def post_all(forge: Forge, reports: Path, *, commit: str, links: str = "", full: str = "") -> list[Posted]:
    """Post the report of every stack that a change concerns, and set the check of every stack.

    Which stacks it concerns is worked out here, from the forge's own list of files: a preview that left a
    stack out, for whatever reason, has no report for it, and that fails.

    Args:
        forge: Where.
        reports: Folder with ``preview-STACK/report.json`` for each.
        commit: Last commit of the change.
        links: Address under which the files can be read.
        full: Address of the full reports.

    Raises:
        PlinthError: The forge refuses.
    """
    change = forge.change_of(commit)
    concerned = affected(forge.files(change), stacks())
    posted = []
    for stack in stacks():
        if stack in concerned:
            report = reports / f"preview-{stack}" / "report.json"
            posted.append(
                post(forge, report, stack=stack, change=change, commit=commit, links=links, full=full)
            )
        else:
            said = "does not concern this stack"
            forge.status(commit, f"{CONTEXT} ({stack})", "success", said, full)
            posted.append(Posted(stack=stack, accepted=True, description=said, comment=""))
    return posted
