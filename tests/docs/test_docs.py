"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest
import typer.main

from infra.local.paths import repo_root
from infra.ops import compliance, docs
from infra.ops.cli import app

ROOT = repo_root()
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/**/*.md")]
    if not any(part.startswith(".") and part != ".github" for part in path.relative_to(ROOT).parts)
)


def commands() -> dict[str, set[str]]:
    """Command words to the options that the command line knows."""
    known: dict[str, set[str]] = {}

    def walk(command: object, words: str) -> None:
        for name, sub in command.commands.items():  # type: ignore[attr-defined]
            if hasattr(sub, "commands"):
                walk(sub, f"{words}{name} ")
            else:
                known[f"{words}{name}"] = {o for p in sub.params for o in [*p.opts, *p.secondary_opts]}

    walk(typer.main.get_command(app), "")
    return known


def test_generated_tables_are_current() -> None:
    stale = [path.name for path, text in docs.renewed().items() if path.read_text(encoding="utf-8") != text]

    assert stale == [], "run ./plinth docs"


def test_the_readme_can_be_read_in_one_go() -> None:
    assert README.count("\n") < 200


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_command_in_a_page_exists_with_its_options(page: Path) -> None:
    known = commands()
    wrong = []
    for line in re.findall(r"\./plinth((?: [\w.\-='\"/]+)*)", page.read_text(encoding="utf-8")):
        words = line.split()
        if not words or words[0].startswith("-"):
            continue
        two = " ".join(words[:2])
        name = two if two in known else words[0]
        options = {w.split("=")[0] for w in words if w.startswith("--")} - {"--help", "--"}
        if name not in known or not options <= known[name]:
            wrong.append(line.strip())

    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:infra|policies|services|stacks|tests|\.github)/[\w./-]+)`", page.read_text("utf-8")
    )
    missing = [name for name in named if not (ROOT / name).exists()]

    assert missing == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]

    assert broken == []


def test_a_document_without_its_block_is_told() -> None:
    with pytest.raises(ValueError, match="no block named x"):
        docs.render("text", "x", "table")


def test_the_compliance_map_is_current() -> None:
    stale = [path.name for path, text in compliance.documents().items() if path.read_text("utf-8") != text]

    assert stale == [], "run ./plinth docs"
