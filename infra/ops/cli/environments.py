"""Commands that change an environment or look at it."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.local.paths import home
from infra.ops.cli.base import Json, Refresh, Stack, app
from infra.ops.console import Steps, screen


@app.command()
def up(
    stack: Stack = "local",
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take what the account already has into the state, on AWS too.")
    ] = False,
    refresh: Refresh = False,
    as_json: Json = False,
) -> None:
    """Bring an environment up, or bring it to what the program says: preview, gates, change.

    The first run gets or builds the toolchain (minutes, once for all clones). A run with nothing to
    change takes seconds. Refused changes (exit code 4) have touched nothing.
    """
    from infra.ops import changes, emulated, lock, status
    from infra.ops.account import Account
    from infra.ops.recovery import backups, records

    steps = Steps()
    file = emulated.stack_file(stack)
    changes.stack_settings(file)  # mistakes of the file show before anything is started
    with lock.exclusive(f"up --stack {stack}"), steps.shown():
        ready = changes.prepare(file, steps, refresh=refresh)
        planned, done = changes.up(ready, steps, adopt_existing=adopt or ready.settings.aws.emulated)
        with steps.step("status"):
            found = status.wait(stack)
        with steps.step("record"):
            record = records.after_up(ready.settings, planned)
        with steps.step("backup"):
            backups.run_if_due(ready.settings, Account.of(ready.settings))
    if as_json:
        screen.json(
            {
                "changes": (done or planned).changes,
                "warnings": (done or planned).warnings,
                "seconds": steps.seconds(),
                "status": status.as_json(found),
                "record": record.name,
            }
        )
    else:
        summary = ", ".join(f"{n} {op}" for op, n in planned.changes.items()) or "nothing to change"
        screen.out.print(f"[bold green]Stack {stack} is up[/]: {summary}.")
        for service in found.services:
            screen.out.print(f"  {service.name}: {service.url}   (./plinth predict --service {service.name})")
    if not found.healthy:
        raise PlinthError("; ".join(found.problems), fix="./plinth status")


@app.command()
def status(  # noqa: PLR0917 - options of the command line, which nobody calls by position
    stack: Stack = "local",
    page: Annotated[
        Path | None, typer.Option(help="Write it as a page, a file for any browser; needs no scripts.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for pictures of the page, light and dark; needs Chromium.")
    ] = None,
    serve: Annotated[
        float, typer.Option(min=0, max=720, help="Serve the page on loopback for so many minutes, then end.")
    ] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for --serve; 0 takes a free one.")] = 0,
    as_json: Json = False,
) -> None:
    """Say what is running, whether it may, and what is wrong. Exit code 0 only when everything is well.

    Also: contracts, alerts with their runbooks, last backup, last drill, cost. A fact that cannot be had says
    why. An alert that can wait for the next working day leaves the exit code at 0.
    """
    from infra.ops import changes, emulated, overview, status_page
    from infra.ops import status as module

    settings = changes.stack_settings(emulated.stack_file(stack))

    def look(*, refresh: int = 0) -> str:
        return status_page.page(overview.collect(stack, settings, estimate=True), refresh=refresh)

    if serve:
        server = status_page.Server(lambda: look(refresh=status_page.REFRESH_SECONDS), port=port)
        screen.out.print(f"{server.url} for {serve:g} min; Ctrl-C ends it sooner", highlight=False)
        server.run(serve * 60)
        return
    found = overview.collect(stack, settings, estimate=bool(page or pictures))
    if page is not None:
        page.write_text(status_page.page(found), encoding="utf-8")
        screen.note(f"written to {page}")
    for picture in status_page.pictures(found, pictures) if pictures else ():
        screen.note(f"written to {picture}")
    if as_json:
        screen.json(overview.as_json(found))
    elif not (page or pictures):
        module.show(found.status)
        overview.show(found)
    if not found.well:
        raise typer.Exit(Exit.FAILED)


@app.command()
def predict(
    stack: Stack = "local",
    service: Annotated[str, typer.Option(help="Which model service to ask.")] = "credit-risk",
    source: Annotated[
        str | None,
        typer.Option(
            "--input", "-i", help="JSON file with the request, '-' for standard input; else its example."
        ),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            help="In place of a request: somebody whose features are in the online store ('data publish')."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a deployed service for a decision, through the gateway, as a client would."""
    from infra.ops import emulated
    from infra.ops import predict as module

    emulated.stack_file(stack)
    answer = module.predict(stack, service, source, subject=subject)
    if as_json:
        screen.json(answer)
        return
    for key, value in answer.items():
        screen.out.print(f"[dim]{key}:[/] {value if isinstance(value, str) else json.dumps(value)}")


@app.command()
def down(
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove state, logs and keys of this clone as well.")
    ] = False,
) -> None:
    """Stop the local platform. Everything is kept and `up` brings it back, unless --purge is given."""
    from infra.local import session
    from infra.ops import engine, lock

    existed = home().exists()
    if existed:
        with lock.exclusive("down"):
            engine.end_leftovers()
            session.stop(purge=False)
    if purge and existed:
        session.stop(purge=True)
    if purge:
        screen.out.print(f"Stopped and removed: {home()}. The toolchain stays in the cache.")
    else:
        screen.out.print("Stopped. ./plinth up brings it back as it was; ./plinth down --purge removes it.")


@app.command()
def env(stack: Stack = "local", as_json: Json = False) -> None:
    """Print the variables for driving Pulumi yourself:  eval "$(./plinth env)" && pulumi preview.

    They bring engine, plugins, backend, policy pack, and the fence that keeps AWS traffic on loopback. For
    a stack on AWS they bring the backend in S3 and no fence: credentials are those of your shell.
    """
    from infra.local import session, toolchain
    from infra.ops import changes, emulated, environment

    file = emulated.stack_file(stack)
    settings = changes.stack_settings(file)
    if not settings.aws.emulated:
        _print_variables(environment.on_aws(settings, file, toolchain.ensure()), [], as_json=as_json)
        return
    platform = session.ready("point Pulumi at")
    values = environment.variables(settings, file, toolchain.ensure(), platform)
    _print_variables(values, environment.foreign(platform), as_json=as_json)


def _print_variables(values: dict[str, str], gone: list[str], *, as_json: bool) -> None:
    """Print variables as a shell or as a program reads them."""
    if as_json:
        screen.json({"set": values, "unset": gone})
        return
    for name in gone:
        sys.stdout.write(f"unset {name}\n")
    for name, value in sorted(values.items()):
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
