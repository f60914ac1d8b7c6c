"""Commands that break something on purpose and measure what happens then."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import Exit
from infra.ops.cli.base import Json, drill_app
from infra.ops.console import Steps, screen

if TYPE_CHECKING:
    from infra.ops.chaos.runs import Outcome

Runs = Callable[[int, int, Callable[[str], None]], Iterator["Outcome"]]
Seed = Annotated[int, typer.Option(help="First seed; the same seed meets the same faults.")]


@drill_app.command("aws-faults")
def drill_aws_faults(
    runs: Annotated[int, typer.Option(min=1, max=5000, help="How many runs of the small stack.")] = 20,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Let AWS throttle, fail, hang and break connections over whole `up`s of a small stack.

    Real engine, real AWS provider, an AWS API of its own. Each run must end in success or with a reason;
    the next `up` must converge and nothing may exist beside the state. Exit code 1 otherwise.
    """
    from infra.ops.chaos import runs as module

    _run(module.with_faults, runs, seed, "drill aws-faults", as_json=as_json)


@drill_app.command("engine-kills")
def drill_engine_kills(
    runs: Annotated[int, typer.Option(min=1, max=5000, help="How many kills.")] = 20,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Kill the engine (kill -9) at random moments of an `up` of a small stack; half with its plugins.

    The next `up` must converge, with nothing made twice and nothing lost. Exit code 1 otherwise.
    """
    from infra.ops.chaos import runs as module

    _run(module.with_kills, runs, seed, "drill engine-kills", as_json=as_json)


def _run(each: "Runs", runs: int, seed: int, command: str, *, as_json: bool) -> None:
    from infra.ops import lock
    from infra.ops.chaos import runs as module

    steps = Steps()
    with lock.exclusive(command), steps.shown(), steps.step("runs"):
        found = list(each(runs, seed, steps.say))
    told = module.summary(found)
    if as_json:
        screen.json(told)
    else:
        for row in told["not_mended"]:
            screen.out.print(
                f"seed {row['seed']}: {row['problem']} {row['surplus']}", style="red", markup=False
            )
        ended = ", ".join(f"{count} {word}" for word, count in told["first"].items())
        screen.out.print(
            f"[bold]{told['runs']} runs[/]: {ended}; {told['mended_by_the_next_up']} as they must be after "
            f"the next up; {told['created_twice_or_orphaned']} things beside the state, {told['lost']} lost; "
            f"{sum(told['hits'].values())} of {told['requests']} requests were hit."
        )
    if not told["good"]:
        raise typer.Exit(Exit.FAILED)
