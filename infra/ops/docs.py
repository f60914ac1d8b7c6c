"""The tables in the documentation that are made from the code, so that they cannot go stale."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from infra.local.paths import repo_root
from infra.naming import PROJECT
from infra.ops.testing import TIERS
from infra.outputs import Outputs
from infra.settings import Settings


def settings_table() -> str:
    """Return a row for every key of a stack file: meaning, what is allowed, default."""
    rows = [
        "| key | meaning | allowed | default |",
        "|---|---|---|---|",
        *(
            f"| `{PROJECT}:{key}` | {entry.description} | {_allowed(entry)} | {_default(entry)} |"
            for key, entry in _fields(Settings, "")
        ),
    ]
    return "\n".join(rows)


def outputs_table() -> str:
    """Return a row for every output of a stack."""
    rows = [f"| `{name}` | {text} |" for name, text in Outputs.descriptions().items()]
    return "\n".join(["| output | meaning |", "|---|---|", *rows])


def tiers_table() -> str:
    """Return a row for every tier of tests."""
    rows = [f"| `./plinth test {tier.name}` | {tier.proves} |" for tier in TIERS.values()]
    return "\n".join(["| command | proves |", "|---|---|", *rows])


def commands_table() -> str:
    """Return a row for every command and every group: its name and the first sentence of its help."""
    rows = [
        f"| `./plinth {name}` | {_first(sub)}{_inner(sub)} |"
        for names in _panels().values()
        for name, sub in names.items()
    ]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def all_commands() -> str:
    """Return a table for every panel of commands, those of groups one by one."""
    parts = []
    for panel, names in _panels().items():
        rows = [
            f"| `./plinth {name}` | {text} |" for top, sub in names.items() for name, text in _each(top, sub)
        ]
        parts.append("\n".join([f"## {panel}", "", "| command | what it does |", "|---|---|", *rows]))
    return "\n\n".join(parts)


BLOCKS = {
    "README.md": {"commands": commands_table, "tiers": tiers_table},
    "infra/ops/README.md": {"all commands": all_commands},
    "stacks/README.md": {"settings": settings_table, "outputs": outputs_table},
}
"""File to the generated blocks in it; each stands between two marks that name it."""


def render(text: str, name: str, table: str) -> str:
    """Return a document with one generated block replaced.

    Raises:
        ValueError: The document has no such block.
    """
    begin, end = f"<!-- generated: {name} -->", "<!-- end -->"
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no block named {name}")
    return pattern.sub(lambda _: f"{begin}\n{table}\n{end}", text, count=1)


def renewed(root: Path | None = None) -> dict[Path, str]:
    """Return every document with generated blocks, as it should be."""
    documents = {}
    for name, blocks in BLOCKS.items():
        path = (root or repo_root()) / name
        text = path.read_text(encoding="utf-8")
        for block, make in blocks.items():
            text = render(text, block, make())
        documents[path] = text
    return documents


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, entry in model.model_fields.items():
        nested, step = _nested(entry.annotation)
        if nested is None:
            yield f"{prefix}{name}", entry
        else:
            yield from _fields(nested, f"{prefix}{name}{step}")


def _nested(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, "."
    if get_origin(annotation) is dict:
        inner = get_args(annotation)[1]
        return (inner, ".<name>.") if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, "")
    return None, ""


def _allowed(entry: Any) -> str:
    kind = entry.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    if get_origin(kind) in (list, dict):
        last = get_args(kind)[-1]
        each = _rules(_metadata(last)) or _rules(entry.metadata) or "text"
        return ("a list of: " if get_origin(kind) is list else "a mapping to: ") + each
    return _rules(entry.metadata) or {str: "text", int: "a number"}.get(kind, f"`{kind.__name__}`")


def _metadata(annotation: Any) -> list[Any]:
    """Return the rules of an annotated type, pydantic's own bundles of them opened."""
    found: list[Any] = []
    for rule in getattr(annotation, "__metadata__", ()):
        found += getattr(rule, "metadata", None) or [rule]
    return found


def _rules(metadata: Any) -> str:
    parts = []
    for rule in metadata:
        for attribute, words in (
            ("ge", "at least"),
            ("le", "at most"),
            ("min_length", "characters: at least"),
        ):
            if getattr(rule, attribute, None) is not None:
                parts.append(f"{words} {getattr(rule, attribute)}")
        if getattr(rule, "pattern", None):
            parts.append("`" + rule.pattern.replace("|", "\\|") + "`")
    return ", ".join(parts)


def _default(entry: Any) -> str:
    if entry.default is PydanticUndefined:
        return "required"
    if entry.default in ("", [], {}):
        return "empty"
    return f"`{str(entry.default).lower() if isinstance(entry.default, bool) else entry.default}`"


def _panels() -> dict[str, dict[str, Any]]:
    """Return panel to the commands and groups in it, in the order of the help."""
    from infra.ops.cli import app  # noqa: PLC0415 - the command line imports this module
    from infra.ops.cli.panels import panel_of, rank  # noqa: PLC0415

    found: dict[str, dict[str, Any]] = {}
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name in sorted(known, key=rank):
        if not known[name].hidden:
            found.setdefault(panel_of(name), {})[name] = known[name]
    return found


def _each(name: str, command: Any) -> Iterator[tuple[str, str]]:
    if not hasattr(command, "commands"):
        yield name, _first(command)
        return
    for inner, sub in command.commands.items():
        if not sub.hidden:
            yield from _each(f"{name} {inner}", sub)


def _inner(command: Any) -> str:
    names = [name for name, sub in getattr(command, "commands", {}).items() if not sub.hidden]
    return f" *{', '.join(names)}*" if names else ""


def _first(command: Any) -> str:
    return (command.help or "").strip().split("\n\n")[0].replace("\n", " ")
