"""What was changed outside the program, as a change that a reviewer can take or leave."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from infra.errors import PlinthError
from infra.ops import drift_settings, graph, proposals
from infra.ops.drift import Difference, Drift, steps_of
from infra.ops.drift_settings import Setting
from infra.ops.promotion import with_key
from infra.preview.markdown import code, escaped
from infra.preview.masking import mask, mask_value


def branch(stack: str) -> str:
    """Return the branch of a stack's proposal; each run renews it."""
    return f"{proposals.OWN}drift-{stack}"


def of(file: Path, drifts: Sequence[Drift]) -> proposals.Proposal:
    """Return the change that is proposed for what was found in a stack.

    What a setting can say is written into the stack file, so that merging keeps it. What none can say is
    listed: it is put back, or somebody writes it into the program.

    Args:
        file: The stack file.
        drifts: What was changed outside the program; at least one resource.
    """
    settings = graph.stack_settings(file)
    stack = settings.environment
    before = file.read_text(encoding="utf-8")
    text, kept = before, []
    for setting in drift_settings.search(settings, drifts):
        try:
            text = _written(text, setting)
        except PlinthError:  # a comment of somebody's would be lost; it stays in the list below
            continue
        kept.append(setting)
    count = len(drifts)
    return proposals.Proposal(
        branch=branch(stack),
        title=f"Drift in {stack}: {count} resource{'' if count == 1 else 's'} changed outside the program",
        body=body(stack, drifts, kept),
        message="\n".join(f"- {s.key}: {s.was} -> {s.now}" for s in kept) or "Nothing that a setting says.",
        files={f"stacks/{file.name}": text} if text != before else {},
    )


def body(stack: str, drifts: Sequence[Drift], kept: Sequence[Setting]) -> str:
    """Return what a reviewer reads, as Markdown; values are masked, and nothing in them is markup. Pure."""
    settled = {(setting.resource, setting.at) for setting in kept}
    lines = [f"`./plinth drift --stack {escaped(stack)}` found what the program did not do.\n"]
    if kept:
        lines += [
            "**Merging keeps this:** the setting then says what somebody set by hand.\n",
            "| setting | today | becomes | as was set on | changes as well |\n|---|---|---|---|---|",
            *(
                f"| {_code(s.key)} | {_code(s.was)} | {_code(s.now)} "
                f"| {_code(f'{s.resource}: {s.at}')} | {_code(', '.join(s.others)) or 'nothing'} |"
                for s in kept
            ),
            "",
        ]
    rest = [
        (drift, difference)
        for drift in drifts
        for difference in drift.differences
        if (drift.name, difference.path) not in settled
    ]
    gone = [drift for drift in drifts if drift.gone]
    if rest or gone:
        lines += [
            "**No setting says this:** it is put back, unless somebody writes it into the program here.\n",
            "| resource | property | program | found |\n|---|---|---|---|",
            *(
                f"| {_code(drift.name)} | {_code(one.path)} | {_value(one, one.was)} "
                f"| {_value(one, one.now)} |"
                for drift, one in rest
            ),
            *(f"| {_code(drift.name)} | | {_code(drift.type)} | **is gone** |" for drift in gone),
            "",
        ]
    lines.append(
        f"`./plinth up --stack {escaped(stack)} --refresh` puts back whatever the program does not say; "
        "close this change to have everything put back."
    )
    return "\n".join(lines) + "\n"


def _written(text: str, setting: Setting) -> str:
    """Return the stack file with a setting in it.

    Raises:
        PlinthError: It stands beside comments, which would be lost.
    """
    top, *inner = setting.path
    key = f"plinth:{top}"
    if not inner:
        return with_key(text, key, setting.now)
    block = (yaml.safe_load(text).get("config") or {}).get(key) or {}
    return with_key(text, key, drift_settings.changed(block, inner, setting.now))


def _value(difference: Difference, value: object) -> str:
    name = str((steps_of(difference.path) or [""])[-1])
    return _code(mask_value({name: value})[name])


def _code(value: object) -> str:
    return code(mask("not set" if value is None else str(value)))
