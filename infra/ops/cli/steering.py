"""Commands with which people steer a model that serves: stop it, bring it back."""

from dataclasses import asdict
from typing import Annotated

import typer

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, app, drill_app
from infra.ops.cli.contracts import settings_of
from infra.ops.cli.models import Service
from infra.ops.console import Steps, screen

Why = Annotated[str, typer.Option("--why", help="Reason, for whoever asks later; kept with the act.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who answers for it; the login's name.", envvar="PLINTH_PERSON")
]


@app.command()
def stop(  # noqa: PLR0917 - options of the command line, which nobody calls by position
    service: Service,
    why: Why = "",
    by: By = None,
    show: Annotated[
        bool, typer.Option("--show", help="Change nothing; say how the switch stands and who turned it when.")
    ] = False,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Take a service's model out of service within seconds; the service goes on with its designed fallback.

    Each pod looks at the switch once a second. It stays stopped over restarts, `up` and a rebuild, until a
    person resumes it. Needs the right to write this one item (the overseer's role), nothing of the cluster.
    """
    from infra.ops import stopping

    settings = settings_of(stack)
    if show:
        switch = stopping.standing(settings, service)
        rows = stopping.history(settings, service)
        if as_json:
            screen.json({"service": service, **asdict(switch), "history": rows})
            return
        screen.out.print(f"[bold]{service}[/] is {'STOPPED' if switch.stopped else 'in service'}.")
        for row in rows:
            screen.out.print(f"  {row['at']}  {row['done']:<6}  {row['by']}: {row['why']}", markup=False)
        return
    _turn(service, stack, stop=True, by=by, why=why, as_json=as_json)


@app.command()
def resume(
    service: Service, why: Why = "", by: By = None, stack: Stack = "local", as_json: Json = False
) -> None:
    """Bring a stopped model back into service. Who did it and why is written to the decision log first."""
    _turn(service, stack, stop=False, by=by, why=why, as_json=as_json)


def _turn(service: str, stack: str, *, stop: bool, by: str | None, why: str, as_json: bool) -> None:
    from infra.ops import stopping

    done = stopping.turn(settings_of(stack), service, stop=stop, by=by, why=why)
    if as_json:
        screen.json(asdict(done))
        return
    state = "out of service" if stop else "in service"
    what = "is" if done.changed else "was already"
    screen.out.print(
        f"The model of [bold]{service}[/] {what} {state}, by {done.switch.by}: {done.switch.why}"
    )
    if stop:
        screen.out.print(
            f"  pods follow within seconds; bring it back with ./plinth resume {service} --why ..."
        )


@drill_app.command("stop")
def drill_stop(
    here: Annotated[
        bool, typer.Option("--here", help="On this clone's own local stack, not one made for the drill.")
    ] = False,
    again: Annotated[bool, typer.Option(help="Also run an `up` while the model is stopped.")] = True,
    as_json: Json = False,
) -> None:
    """Stop a model under load, through new pods and an `up`, and bring it back.

    Measured at the gateway: seconds from the command to the first answer of the fallback and to the last of
    the model, and failed requests. Exit code 1 when one failed, or the model answered while it was stopped.
    """
    from infra.ops import lock
    from infra.ops.drills import places
    from infra.ops.drills import stopping as module

    steps = Steps()
    with places.own("stop", here=here), lock.exclusive("drill stop"), steps.shown():
        told = module.run(steps, again=again)
    if as_json:
        screen.json(told)
    else:
        for row in told["rounds"]:
            screen.out.print(
                f"  first answer of the fallback after {row['first_fallback_seconds']} s, last of the model "
                f"after {row['last_model_seconds']} s; back after {row['first_model_again_seconds']} s"
            )
        screen.out.print(
            f"[bold]{told['requests']} requests[/], {told['failed_requests']} failed; "
            f"{told['stopped_meanwhile']['answers_of_the_model']} answers of the model while it was stopped."
        )
    if not told["good"]:
        raise typer.Exit(Exit.FAILED)
