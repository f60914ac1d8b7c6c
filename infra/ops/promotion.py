"""Promotion: what one environment runs and another one does not yet, as a change of the other's stack file.

Only what has been tried moves: versions, models and which services run. Sizes, addresses, accounts and money
belong to their environment and are shown, not moved.
"""

import difflib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.errors import PlinthError, RefusedError
from infra.ops import contracts
from infra.ops.proposals import Proposal
from infra.preview.markdown import code, escaped
from infra.settings import Settings

MOVES = (
    "plinth:cluster.version",
    "plinth:cluster.addons",
    "plinth:gpu.device_plugin_image",
    "plinth:gpu.exporter_image",
    "plinth:releases",
)
"""Keys that are promoted as they are: what runs, not how much of it. New services are promoted by name."""
_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """The difference of two environments.

    Args:
        source: Where it was tried.
        target: Where it goes.
        moves: Key, value in the target, value that it gets; ``None`` for not set.
        stays: Keys that differ and belong to their environment, with both values.
        text: The target's stack file after the promotion.
        diff: The same as a unified diff.
    """

    source: str
    target: str
    moves: tuple[tuple[str, Any, Any], ...]
    stays: tuple[tuple[str, Any, Any], ...]
    text: str
    diff: str

    def document(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "from": self.source,
            "to": self.target,
            "moves": [{"key": k, "before": old, "after": new} for k, old, new in self.moves],
            "stays": [{"key": k, self.target: old, self.source: new} for k, old, new in self.stays],
            "diff": self.diff,
        }


def plan(source: Path, target: Path) -> Promotion:
    """Return what a promotion from one stack file to another would change.

    Raises:
        SettingsError: The target's file would not load afterwards; says which keys are wrong.
        PlinthError: A key cannot be moved without losing what somebody wrote beside it.
    """
    tried, current = _config(source), _config(target)
    moves: list[tuple[str, Any, Any]] = []
    stays: list[tuple[str, Any, Any]] = []
    keys = sorted({*_flat(tried), *_flat(current)})
    for key in keys:
        new, old = _flat(tried).get(key, _ABSENT), _flat(current).get(key, _ABSENT)
        if new == old:
            continue
        row = (key, None if old is _ABSENT else old, None if new is _ABSENT else new)
        (moves if key.startswith(MOVES) and new is not _ABSENT else stays).append(row)
    added = sorted(set(tried.get("plinth:services") or {}) - set(current.get("plinth:services") or {}))
    moves += [(f"plinth:services.{service}", None, {}) for service in added]
    before = target.read_text(encoding="utf-8")
    text = before
    for key, _, value in moves:
        text = with_key(text, key, value)
    _check(text, target)
    names = [path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in (source, target)]
    return Promotion(
        source=names[0],
        target=names[1],
        moves=tuple(moves),
        stays=tuple(
            row
            for row in stays
            if not row[0].startswith(tuple(f"plinth:services.{s}" for s in added) or ("\0",))
        ),
        text=text,
        diff="".join(
            difflib.unified_diff(
                before.splitlines(keepends=True),
                text.splitlines(keepends=True),
                f"a/stacks/{target.name}",
                f"b/stacks/{target.name}",
            )
        ),
    )


def require_contracts(promotion: Promotion, source: Path, *, made: bool = True) -> None:
    """Refuse to promote models whose contracts do not hold where they were tried.

    The target's own signatures come later: its owners sign what the change proposes, and its preview refuses
    everything else.

    Args:
        promotion: What is to be promoted.
        source: Stack file of where it was tried.
        made: Whether a change is made; to look costs nothing.

    Raises:
        RefusedError: With every reason of every service.
    """
    if not made or not any(key.startswith("plinth:releases") for key, _, _ in promotion.moves):
        return
    tried = Settings.from_file(source, environ={})
    if reasons := contracts.objections(tried):
        lines = [f"What '{promotion.source}' runs may not be promoted:", *(f"  - {one}" for one in reasons)]
        raise RefusedError(
            "\n".join(lines),
            where=f"stacks/{source.name}; nothing was opened",
            fix=f"./plinth contract status --stack {promotion.source}",
        )


def proposal(promotion: Promotion, branch: str) -> Proposal:
    """Return a promotion as a change that can be committed and opened."""
    keys = "\n".join(f"- {key}: {_told(old)} -> {_told(new)}" for key, old, new in promotion.moves)
    rows = [f"| {code(key)} | {code(_told(old))} | {code(_told(new))} |" for key, old, new in promotion.moves]
    stays = [
        f"| {code(key)} | {code(_told(old))} | {code(_told(new))} |" for key, old, new in promotion.stays
    ]
    into, of = escaped(promotion.target), escaped(promotion.source)
    table = f"| setting | {into} has | {of} has |\n|---|---|---|"
    body = [
        f"{into} gets what was tried in {of}.\n",
        table,
        *rows,
        f"\n<details><summary>What belongs to its environment and stays: {len(stays)}</summary>\n",
        table,
        *stays,
        "\n</details>",
    ]
    return Proposal(
        branch=branch,
        title=f"Promote {promotion.source} to {promotion.target}",
        body="\n".join(body) + "\n",
        message=keys,
        files={f"stacks/Pulumi.{promotion.target}.yaml": promotion.text},
    )


def _config(path: Path) -> dict[str, Any]:
    Settings.from_file(path, environ={})  # every mistake at once, before anything is compared
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["config"])


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return keys two deep: ``plinth:cluster.version``; what stands deeper is one value."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": part for inner, part in value.items()}
        else:
            flat[key] = value
    return flat


def with_key(text: str, key: str, value: Any) -> str:
    """Return a stack file with one key set; every line outside its block stays as somebody wrote it."""
    top, _, inner = key.partition(".")
    block = re.compile(rf"^  {re.escape(top)}:(?:[^\n]*)\n(?:(?:    [^\n]*|[ \t]*)\n)*", re.MULTILINE)
    found = block.search(text)
    current = yaml.safe_load(found[0])[top] if found else {}
    if found and "#" in found[0]:
        raise PlinthError(
            f"The block {top} holds comments, which would be lost.",
            where="the target's stack file",
            fix=f"Set {key} by hand to: {value!r}",
        )
    wanted = {**(current or {}), inner: value} if inner else value
    lines = yaml.safe_dump({top: wanted}, sort_keys=False, width=100).splitlines()
    written = "".join(f"  {line}\n" for line in lines).replace(f"  {top}:", f"  {top}:", 1)
    written = re.sub(r"^  ('?)" + re.escape(top) + r"\1:", f"  {top}:", written)
    return text[: found.start()] + written + text[found.end() :] if found else f"{text.rstrip()}\n{written}"


def _check(text: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder:
        path = Path(folder) / target.name
        path.write_text(text, encoding="utf-8")
        Settings.from_file(path, environ={})


def _told(value: Any) -> str:
    return (
        "not set"
        if value is None
        else yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("...").strip()
    )
