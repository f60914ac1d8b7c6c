"""Commands that break something on purpose and measure what happens then."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from infra.errors import Exit
from infra.ops.cli.base import Json, drill_app
from infra.ops.console import Steps, screen

if TYPE_CHECKING:
    from infra.ops.chaos.runs import Each

Seed = Annotated[int, typer.Option(help="First seed; the same seed meets the same faults.")]
AtOnce = Annotated[
    int, typer.Option(min=1, max=32, help="Runs at the same time, each with an AWS API of its own.")
]
GoOn = Annotated[
    bool, typer.Option("--go-on", help="Keep the rows of earlier runs and do only the seeds that lack one.")
]
Rows = Annotated[Path | None, typer.Option(hidden=True, help="File that gets a row of each run.")]


@drill_app.command("aws-faults")
def drill_aws_faults(  # noqa: PLR0917 - Typer gives them by name
    runs: Annotated[int, typer.Option(min=1, max=5000, help="How many runs of the small stack.")] = 20,
    seed: Seed = 1,
    at_once: AtOnce = 1,
    go_on: GoOn = False,
    rows: Rows = None,
    as_json: Json = False,
) -> None:
    """Let AWS throttle, fail, hang and break connections over whole `up`s of a small stack.

    Real engine, real AWS provider, an AWS API of its own. Each run must end in success or with a reason;
    the next `up` must converge and nothing may exist beside the state. Exit code 1 otherwise. A row of
    each run is kept in .plinth/drills.
    """
    from infra.ops.chaos import runs as module

    _run(
        module.with_faults,
        "aws-faults",
        range(seed, seed + runs),
        at_once,
        rows,
        go_on=go_on,
        as_json=as_json,
    )


@drill_app.command("engine-kills")
def drill_engine_kills(  # noqa: PLR0917 - Typer gives them by name
    runs: Annotated[int, typer.Option(min=1, max=5000, help="How many kills.")] = 20,
    seed: Seed = 1,
    at_once: AtOnce = 1,
    go_on: GoOn = False,
    rows: Rows = None,
    as_json: Json = False,
) -> None:
    """Kill the engine (kill -9) at random moments of an `up` of a small stack; half with its plugins.

    The next `up` must converge, with nothing made twice and nothing lost. Exit code 1 otherwise. A row of
    each run is kept in .plinth/drills.
    """
    from infra.ops.chaos import runs as module

    _run(
        module.with_kills,
        "engine-kills",
        range(seed, seed + runs),
        at_once,
        rows,
        go_on=go_on,
        as_json=as_json,
    )


def _run(
    each: "Each", kind: str, seeds: range, at_once: int, rows: Path | None, *, go_on: bool, as_json: bool
) -> None:
    from infra.ops import lock
    from infra.ops.chaos import many
    from infra.ops.chaos import runs as module
    from infra.ops.recovery import statements

    steps, path = Steps(), rows or many.rows_file(kind)
    if rows is None and not go_on:
        path.unlink(missing_ok=True)
    done = {one.seed for one in many.kept(path, seeds)[0]} if go_on else set()
    todo = many.shares([seed for seed in seeds if seed not in done], at_once)
    with lock.exclusive(f"drill {kind}"), steps.shown(), steps.step("runs"):
        if at_once > 1:
            many.in_processes(kind, path, todo, at_once, steps.say)
        else:
            for share in todo:
                many.here(each, path, share, steps.say, statements.commit())
    found, commits = many.kept(path, seeds)
    told = {**module.summary(found), "commits": commits}
    told["good"] = told["good"] and len(found) == len(seeds)
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


@drill_app.command("disaster")
def drill_disaster(
    here: Annotated[
        bool, typer.Option("--here", help="Lose this clone's own local stack, not one made for the drill.")
    ] = False,
    and_back: Annotated[
        bool, typer.Option("--and-back", help="Return to the original region afterwards.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Lose the local stack's whole region under load and rebuild it in the other one, then count.

    Measured: time until users are answered again, what each store lost, every acknowledged decision in the
    restored and verified log, resources that differ. Goal: five minutes and no manual step. Exit code 1
    when one of them is missed. Takes an environment of its own, about ten minutes.
    """
    from infra.ops import contracts, lock
    from infra.ops.drills import disaster, places, proof

    steps = Steps()
    with places.own("disaster", here=here), lock.exclusive("drill disaster"), steps.shown():
        told = disaster.run(steps, and_back=and_back)
    contracts.leave_evidence(disaster.LOST, proof.of_disaster(told, datetime.now(UTC)))
    if as_json:
        screen.json(told)
    else:
        _say_disaster(told)
    if not told["good"]:
        raise typer.Exit(Exit.FAILED)


def _say_disaster(told: dict[str, Any]) -> None:
    for phase, seconds in told["rto_seconds"].items():
        screen.out.print(f"  {phase:<12} {seconds} s")
    for store, seconds in told["rpo_seconds"].items():
        stated = told["stated_rpo_seconds"].get(store, told["stated_rpo_seconds"]["objects"])
        screen.out.print(f"  lost of {store}: the last {seconds} s; {stated:,} s may be")
    decisions = told["decisions"]
    screen.out.print(
        f"[bold]{decisions['acknowledged']} decisions[/] were acknowledged, {decisions['restored']} are in "
        f"the restored log, {decisions['lost_beyond_the_stated_rpo']} lost beyond the stated RPO; "
        f"{decisions['log_findings']} findings in the log; resources "
        f"{'equal but for names and region' if told['graph']['equal'] else 'DIFFER'}."
    )


@drill_app.command("gameday")
def drill_gameday(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Which scenarios; all of them when none is named.")
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="On this clone's own local stack, not one made for the drill.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Break one part after the other under load: API server, AWS, objects, key, clock, disk, zone, cluster.

    For each: what was injected, what users saw, seconds until it was noticed and until all was well again,
    what was lost, and the commands of its runbook. Exit code 1 when something was lost or not mended.
    """
    from infra.ops import contracts, lock
    from infra.ops.drills import gamedays, places, proof

    steps, wanted = Steps(), gamedays.chosen(scenarios or [])
    with places.own("gameday", here=here), lock.exclusive("drill gameday"), steps.shown():
        rows = gamedays.run(wanted, steps)
    told = gamedays.as_json(rows)
    contracts.leave_evidence(places.STACK, proof.of_gameday(told, datetime.now(UTC)))
    if as_json:
        screen.json(told)
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("scenario", "users saw", "noticed", "well again", "lost", "noticed by"):
            table.add_column(column)
        for row in rows:
            seen = ", ".join(f"{count} {outcome}" for outcome, count in row.users_saw.items())
            lost = ", ".join(f"{count} {what}" for what, count in row.lost.items()) or "nothing"
            said = row.problem or row.noticed_by
            table.add_row(
                row.name, seen, f"{row.seconds_to_notice} s", f"{row.seconds_to_mend} s", lost, said
            )
        screen.out.print(table)
    if not all(row.good for row in rows):
        raise typer.Exit(Exit.FAILED)


@drill_app.command("rollout")
def drill_rollout(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Versions (good, errors, ...) and kills (kill-flagger, ...); all by default."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Release a good version and bad ones under load; kill what decides in the middle of a release.

    Real Flagger, Envoy, Prometheus and BentoML processes; the program's own objects of one service. For each
    bad version: where it was caught, seconds to detect and to restore, bad answers that users got, requests
    that the rollout itself failed (goal: 0, and restored within 60 s). Exit code 1 when one did not end as it
    should. Takes a platform of its own, and about a quarter of an hour for all.
    """
    from infra.ops import lock
    from infra.ops.drills import places
    from infra.ops.drills.rollout import run

    steps, wanted = Steps(), run.chosen(names or [])
    with places.own("rollout", here=False), lock.exclusive("drill rollout"), steps.shown():
        told = run.run(wanted, steps)
    if as_json:
        screen.json(told)
    else:
        for row in told["rows"]:
            screen.out.print(
                f"[{'green' if row['good'] else 'red'}]{row['name']:<16}[/] {row['outcome']:<10}"
                f"{row['caught_at']:<8} detected {row['seconds_to_detect']} s, restored "
                f"{row['seconds_to_restore']} s, {row['bad_answers']} bad answers, "
                f"{row['failed_by_the_rollout']} requests lost"
            )
    if not told["good"]:
        raise typer.Exit(Exit.FAILED)
