"""Commands of the toolchain."""

from dataclasses import asdict
from typing import Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, toolchain_app
from infra.ops.console import Steps, screen


@toolchain_app.command("status")
def toolchain_status(as_json: Json = False) -> None:
    """Say which parts are installed, in which version, and where they came from."""
    from infra.local import toolchain

    parts = toolchain.status()
    if as_json:
        screen.json([asdict(part) for part in parts])
        return
    for part in parts:
        shade = "green" if part.state == "installed" else "yellow"
        size = f", {part.mib:.0f} MiB" if part.mib else ""
        screen.out.print(f"[{shade}]{part.state:>9}[/]  {part.name} {part.version}: {part.title}")
        screen.out.print(f"           [dim]{part.origin}{size}; {part.folder}[/]")


@toolchain_app.command("build")
def toolchain_build(
    parts: Annotated[list[str] | None, typer.Argument(help="Parts to make; all when none is named.")] = None,
    report: Annotated[
        str | None, typer.Option("--report", help="'json' prints CPU and wall seconds of each part.")
    ] = None,
) -> None:
    """Make every part that is missing: an official release by hash, or a build from pinned Go modules.

    Done once for all clones; a run that is cut off goes on where it stopped.
    """
    from infra.local import toolchain
    from infra.ops import changes

    if report not in {None, "json"}:
        raise PlinthError(f"There is no report '{report}'.", fix="--report json", code=Exit.USAGE)
    steps = Steps()
    with steps.shown(), steps.step("toolchain"):
        rows = toolchain.build(lambda event: steps.say(changes.told(event)), parts or None)
    if report:
        total = {key: round(sum(getattr(r, key) for r in rows), 1) for key in ("wall_seconds", "cpu_seconds")}
        screen.json({"parts": [asdict(row) for row in rows], "total": total})
        return
    for row in rows:
        when = "made now" if row.now else "was there"
        screen.out.print(
            f"{row.name} {row.version}: {when}; took {row.wall_seconds:.0f} s, {row.cpu_seconds:.0f} s of CPU"
        )


@toolchain_app.command("verify")
def toolchain_verify(as_json: Json = False) -> None:
    """Prove that what is installed is what the files say: recipe, hashes, versions."""
    from infra.local import toolchain

    problems = toolchain.verify()
    if as_json:
        screen.json([asdict(problem) for problem in problems])
    else:
        for problem in problems:
            screen.out.print(f"[red]problem[/]  {problem.part}: {problem.path}: {problem.what}")
        if not problems:
            screen.out.print("Everything that is installed is what the files say.")
    if problems:
        raise typer.Exit(Exit.PLATFORM)
