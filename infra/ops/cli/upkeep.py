"""Commands that care for the clone: its health, its logs, its tests, its lock."""

import subprocess
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.local.paths import repo_root
from infra.ops.cli.base import Json, Stack, app
from infra.ops.console import screen


@app.command()
def doctor(stack: Stack = "local", as_json: Json = False) -> None:
    """Check whether this machine and this clone are fit, and say what to do where they are not."""
    from infra.local.unproven import UNPROVEN
    from infra.ops import doctor as module

    findings = module.examine(stack)
    if as_json:
        screen.json([asdict(finding) for finding in findings])
    else:
        shades = {"ok": "green", "warning": "yellow", "problem": "red"}
        for finding in findings:
            shade = shades[finding.verdict]
            screen.out.print(f"[{shade}]{finding.verdict:>7}[/]  {finding.check}: {finding.seen}")
            if finding.fix:
                screen.out.print(f"         [bold]fix:[/] {finding.fix}")
        screen.out.print(f"\nUnproven without AWS, {len(UNPROVEN)} things that a local run accepts:")
        for row in UNPROVEN:
            screen.out.print(
                f"  {row.resource.rsplit(':', 1)[-1]}: {row.what}\n      checked instead: {row.instead}"
            )
    if any(finding.verdict == "problem" for finding in findings):
        raise typer.Exit(Exit.PLATFORM)


@app.command()
def logs(
    part: Annotated[str, typer.Argument(help="A platform part, a service, or 'engine'.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines from the end.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until Ctrl-C.")] = False,
) -> None:
    """Show what a part of the platform, a service or the engine said."""
    from infra.ops import logs as module

    path = module.find(part)[-1]
    screen.note(str(path))
    for line in module.tail(path, lines):
        sys.stdout.write(f"{line}\n")
    if follow:
        for line in module.follow(path):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(
    context: typer.Context,
    tiers: Annotated[
        list[str] | None,
        typer.Argument(help="unit, parts, serving, lint, toolchain, local, faults; all but faults."),
    ] = None,
) -> None:
    """Run the tests, in tiers: unit, parts, serving, lint, toolchain, local (the real engine); or all.

    What follows `--` goes to pytest:  ./plinth test unit -- -k naming
    """
    from infra.ops import testing

    known = {*testing.TIERS, "all"}
    words = [*(tiers or []), *context.args]
    names = [word for word in words if word in known]
    extra = [word for word in words if word not in known]
    if extra and not extra[0].startswith("-"):
        raise PlinthError(
            f"There is no tier '{extra[0]}'.", fix=f"Use: {', '.join(sorted(known))}.", code=Exit.USAGE
        )
    raise typer.Exit(testing.run(tuple(names), tuple(extra)))


@app.command()
def lock() -> None:
    """Renew requirements.lock from pyproject.toml: names, versions and hashes, no download addresses."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal",
        "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links",
        "--no-header", "--no-annotate", "--quiet", "--output-file", "requirements.lock",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=repo_root(), check=False)
    if done.returncode:
        raise PlinthError(
            "The lock could not be renewed; it was left as it was.",
            where="requirements.lock",
            fix="Read uv's message above.",
        )


@app.command(hidden=True)
def docs() -> None:
    """Renew golden graphs and the generated tables in the documentation; for those who work on Plinth."""
    from infra.ops import compliance, dashboards, graph
    from infra.ops import docs as module

    boards = {repo_root() / name: text for name, text in dashboards.files().items()}
    for path, text in {**graph.golden(), **module.renewed(), **compliance.documents(), **boards}.items():
        path.write_text(text, encoding="utf-8")
        screen.out.print(str(path.relative_to(repo_root())))
