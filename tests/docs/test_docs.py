"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from infra.local.paths import repo_root
from infra.ops import compliance, docs
from infra.ops.cli import app
from infra.ops.cli.panels import OTHER, panel_of

ROOT = repo_root()
MEANINGFUL_WORDS = 4
"""Fewest words of a sentence that says what a command does."""
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/**/*.md")]
    if not any(part.startswith(".") and part != ".github" for part in path.relative_to(ROOT).parts)
)


def commands() -> dict[str, set[str]]:
    """Words of commands and groups to the options that the command line knows."""
    known: dict[str, set[str]] = {}

    def walk(command: object, words: str) -> None:
        for name, sub in command.commands.items():  # type: ignore[attr-defined]
            known[f"{words}{name}"] = {o for p in sub.params for o in [*p.opts, *p.secondary_opts]}
            if hasattr(sub, "commands"):
                known[f"{words}{name}"] = set()  # a page may name the group
                walk(sub, f"{words}{name} ")

    walk(typer.main.get_command(app), "")
    return known


@pytest.mark.parts
def test_generated_tables_are_current() -> None:
    stale = [path.name for path, text in docs.renewed().items() if path.read_text(encoding="utf-8") != text]

    assert stale == [], "run ./plinth docs"


def test_every_command_that_is_shown_has_its_panel() -> None:
    shown = {name for name, sub in typer.main.get_command(app).commands.items() if not sub.hidden}  # type: ignore[attr-defined]

    assert {name for name in shown if panel_of(name) == OTHER} == set(), "name it in infra/ops/cli/panels.py"


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


RUN_BY = {
    "./plinth up": "tests/local/environment/test_up.py",
    "./plinth predict": "tests/local/environment/test_up.py",
    "./plinth test": ".ci/run",
    "./plinth verify": "tests/local/environment",
    "./plinth drift": "tests/local/environment",
    "./plinth up --refresh": "tests/local/environment",
    'eval "$(./plinth env)"': "tests/local/environment/test_up.py",
    "pulumi preview": "tests/local/environment/test_up.py",
}
"""Each command of the README's examples, and the file or folder that runs it."""


def _said_in(place: Path) -> str:
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path != Path(__file__))


def test_every_command_of_the_readme_s_examples_is_run_by_a_test() -> None:
    commands = {line.split("     #")[0].strip() for line in re.findall(r"^\$ (.+)$", README, re.MULTILINE)}
    assert commands == set(RUN_BY), "say in RUN_BY which test runs it"
    missing = []
    for command, place in RUN_BY.items():
        # A test says either the line itself, or its words as arguments.
        words = ", ".join(f'"{word}"' for word in command.removeprefix("./plinth ").split())
        if not any(text in _said_in(ROOT / place) for text in (command, f"({words}", f"[{words}")):
            missing.append(command)

    assert missing == []


@pytest.mark.parametrize("words", sorted(commands()))
def test_every_command_explains_itself(words: str) -> None:
    told = CliRunner().invoke(app, [*words.split(), "--help"])

    assert told.exit_code == 0
    assert "Usage" in told.output
    first = next(line for line in told.output.splitlines() if line.strip() and "Usage" not in line)
    assert len(first.split()) >= MEANINGFUL_WORDS, "say what the command does"


def test_a_document_without_its_block_is_told() -> None:
    with pytest.raises(ValueError, match="no block named x"):
        docs.render("text", "x", "table")


def test_the_compliance_map_is_current() -> None:
    stale = [path.name for path, text in compliance.documents().items() if path.read_text("utf-8") != text]

    assert stale == [], "run ./plinth docs"
