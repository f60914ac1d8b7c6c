"""Commands of the policies: what there is, what a file breaks, what stands live, how good the checks are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, Stack, policy_app
from infra.ops.console import screen

Environment = Annotated[
    str,
    typer.Option("--environment", "-e", help="Decides what is advice; prod, the strictest, when left out."),
]

Pack = Annotated[
    list[str] | None,
    typer.Option(
        help="Only the controls of one pack: security, compliance, readiness or cost; repeatable. "
        "All four when left out."
    ),
]

SHOWN = 10
"""Missing things of one item that are shown; a screen of them says no more."""


@policy_app.command("list")
def policy_list(
    family: Annotated[str | None, typer.Option(help="Only the controls of one family.")] = None,
    pack: Pack = None,
    as_json: Json = False,
) -> None:
    """List every control: id, severity, what must hold."""
    with told():
        from policies.core import PolicySettings
        from policies.packs import selected
        from policies.procedure import all_controls

        chosen = PolicySettings.parse({"packs": pack or None})
    families = sorted({control.family for control in all_controls()})
    rows = [
        control
        for control in all_controls()
        if family in (None, control.family) and selected(control.id, chosen)
    ]
    if family is not None and family not in families:
        raise PlinthError(
            f"There is no family '{family}'.", fix=f"Use one of: {', '.join(families)}.", code=Exit.USAGE
        )
    if as_json:
        screen.json([control.model_dump(mode="json") for control in rows])
        return
    for control in rows:
        screen.out.print(f"{control.severity:>8}  {control.pack:<10}  [bold]{control.id}[/]: {control.title}")
    screen.out.print(f"{len(rows)} controls. ./plinth policy explain ID says more of each.")


@policy_app.command("explain")
def policy_explain(
    control_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a control, as `list` shows it.")],
    as_json: Json = False,
) -> None:
    """Say all of one control: why, where it blocks, how to fix, and which frameworks ask for it."""
    from policies.compliance import explain
    from policies.procedure import all_controls, control_of

    known = {control.id for control in all_controls()}
    if control_id not in known:
        from difflib import get_close_matches

        near = get_close_matches(control_id, known, n=3)
        raise PlinthError(
            f"There is no control '{control_id}'.",
            fix=f"Perhaps {', '.join(near)}?" if near else "./plinth policy list",
            code=Exit.USAGE,
        )
    if as_json:
        screen.json(control_of(control_id).model_dump(mode="json"))
    else:
        screen.out.print(explain(control_of(control_id)), markup=False, highlight=False)


@policy_app.command("check")
def policy_check(  # noqa: PLR0917 - options of the command line, which nobody calls by position
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Kubernetes YAML or JSON, `pulumi stack export`, `-`."),
    ],
    environment: Environment = "prod",
    account: Annotated[
        list[str] | None, typer.Option(help="Account id whose identities policies may name; repeatable.")
    ] = None,
    registry: Annotated[
        list[str] | None,
        typer.Option(help="Pattern of a whole host name from which images may come; repeatable."),
    ] = None,
    waivers: Annotated[str | None, typer.Option(help="File of waivers; none when left out.")] = None,
    pack: Pack = None,
    output: Annotated[
        Literal["text", "json", "sarif"], typer.Option("--format", "-f", help="How to print the verdict.")
    ] = "text",
) -> None:
    """Judge files, of this or of any other project: all FILEs together are one stack.

    Exit codes: 0 nothing blocks, 4 a mandatory control fails or cannot be decided, 2 wrong usage, 3 a
    file (or the waiver file) cannot be judged, in which case there is no verdict at all.
    """
    with told():
        from policies import inputs, sarif
        from policies.core import PolicySettings
        from policies.judgement import judge
        from policies.waivers import load

        raw: dict[str, Any] = {"environment": environment, "accounts": account, "registries": registry}
        raw["packs"] = pack or None
        settings = PolicySettings.parse({key: value for key, value in raw.items() if value is not None})
        excepted = load(Path(waivers)) if waivers else ()
        found = inputs.read(files)
        judgement = judge(found.resources, settings, excepted, today=datetime.now(UTC).date())
    if output == "sarif":
        screen.json(sarif.render(judgement, found.places))
    elif output == "json":
        screen.json(judgement.as_json())
    else:
        screen.out.print(judgement.as_text(), markup=False, highlight=False)
    if judgement.blocking:
        raise typer.Exit(Exit.REFUSED)
    if not judgement.judged:
        raise PlinthError(
            "No control speaks of any resource in these files: nothing was judged, and nothing passed.",
            where=", ".join(files),
            fix="./plinth policy list shows what is judged.",
        )


@contextmanager
def told() -> Iterator[None]:
    """Turn what the policies refuse to read into an error of the command line."""
    from policies.core import PolicyError

    try:
        yield
    except PolicyError as error:
        raise PlinthError(error.what, where=error.where, fix=error.fix, code=Exit.SETTINGS) from None


@policy_app.command("mutate")
def policy_mutate(as_json: Json = False) -> None:
    """Change each field of the clean stacks in every way, and count which changes the right control finds.

    Exit code 1 when fewer than 95 % are found, or a control fires where none should.
    """
    with told():
        from policies import proof

        found = proof.mutation()
    met = found.rate >= proof.LOWEST_KILL_RATE and not found.alarms
    if as_json:
        screen.json({**asdict(found), "rate": found.rate, "met": met})
    else:
        for text in (*found.survived, *found.alarms):
            screen.out.print(text, markup=False)
        screen.out.print(
            f"{found.mutants} mutants: {found.harmful - len(found.survived)} of {found.harmful} harmful ones "
            f"found by the right control ({found.rate:.1%}), {len(found.alarms)} false alarms."
        )
    if not met:
        raise typer.Exit(Exit.FAILED)


@policy_app.command("coverage")
def policy_coverage(as_json: Json = False) -> None:
    """Measure the policies against the project's bar, item by item, each with its figure.

    With the platform up, its API server is asked too. Exit code 1 when an item that could be measured is
    not met.
    """
    with told():
        from infra.ops import admitted, coverage

        items = coverage.measure(admitted.server())
    if as_json:
        screen.json(coverage.as_json(items))
    else:
        shades = {True: ("green", "met"), False: ("red", "not met"), None: ("yellow", "unmeasured")}
        for item in items:
            shade, word = shades[item.met]
            screen.out.print(
                f"[{shade}]{word:>10}[/]  {item.number}. {item.says}: "
                f"[bold]{item.figure}[/] (bar: {item.bar})"
            )
            if item.met is False:
                for text in item.missing[:SHOWN]:
                    screen.out.print(f"            {text}", markup=False)
                if len(item.missing) > SHOWN:
                    screen.out.print(f"            {len(item.missing) - SHOWN} more; --json lists all")
    if any(item.met is False for item in items):
        raise typer.Exit(Exit.FAILED)


@policy_app.command("audit")
def policy_audit(stack: Stack = "local", as_json: Json = False) -> None:
    """Judge what is deployed: properties read from AWS and the cluster just now, by the same controls.

    Says how often that agrees with what the state declares, what is gone, and what the state does not know.
    Exit codes: 0 nothing blocks, 4 a mandatory control is violated live, 1 something is gone or could not be
    asked.
    """
    with told():
        from infra.ops import audit as module
        from infra.ops import changes, emulated

        found = module.audit(changes.stack_settings(emulated.stack_file(stack)))
    if as_json:
        screen.json(found.as_json())
    else:
        _show_audit(found)
    if found.judgement.blocking:
        raise typer.Exit(Exit.REFUSED)
    if found.gone or found.unseen:
        raise typer.Exit(Exit.FAILED)


def _show_audit(found: Any) -> None:
    screen.out.print(found.judgement.as_text(), markup=False)
    kept = ", ".join(f"{kind} ({count})" for kind, count in found.kept.items())
    for title, rows in (
        ("declared and live differ", found.differences),
        ("gone", found.gone),
        ("not asked", [f"{name}: {why}" for name, why in found.unseen.items()]),
        ("not in the state", found.strange),
    ):
        for row in rows:
            screen.out.print(f"{title}: {row}", markup=False)
    screen.out.print(f"Judged as the state has them, for want of a reader: {kept or 'none'}.", markup=False)
    screen.out.print(
        f"{found.read} resources read live; declared and live verdicts agree in {found.agreement:.1%} of "
        f"{found.compared}."
    )
