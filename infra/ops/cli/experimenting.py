"""Commands of A/B tests: begin one, ask where a unit belongs, judge it, try its design."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, experiment_app
from infra.ops.cli.contracts import settings_of
from infra.ops.cli.models import Service, Store
from infra.ops.cli.steering import By, Why
from infra.ops.console import screen

Name = Annotated[str, typer.Argument(help="Name of the experiment.")]
Baseline = Annotated[
    float, typer.Option(help="Mean of the outcome today, such as the share of right answers.")
]
Effect = Annotated[float, typer.Option(help="Smallest difference of the means worth finding.")]
Alpha = Annotated[
    float, typer.Option(help="Chance of a finding where there is none, over all looks together.")
]
Power = Annotated[float, typer.Option(help="Chance to find a difference of that size.")]
ShareB = Annotated[float, typer.Option("--share-b", help="Share of units that see variant b.")]


@experiment_app.command("start")
def experiment_start(  # noqa: PLR0917 - options of the command line, which nobody calls by position
    service: Service,
    name: Name,
    b: Annotated[str, typer.Option("--b", help="Version, stage or digest of the new model.")],
    baseline: Baseline,
    effect: Effect,
    a: Annotated[str, typer.Option("--a", help="The same of the model to compare with.")] = "production",
    outcome: Annotated[
        str, typer.Option(help="correct (by reviewers' labels of the random sample) or decided (no person).")
    ] = "correct",
    unit: Annotated[str, typer.Option(help="What is assigned: caller or subject.")] = "subject",
    alpha: Alpha = 0.05,
    power: Power = 0.8,
    share_b: ShareB = 0.5,
    why: Why = "",
    by: By = None,
    stack: Stack = "local",
    store: Store = "aws",
    as_json: Json = False,
) -> None:
    """Begin an A/B test. What is to be found out is fixed now, so that looking often cannot bend it.

    Exit code 4: one runs already, both variants are one model, a model may not be shown to users, or no
    number of outcomes could tell.
    """
    from infra.ops import experiments as module

    if outcome not in {"correct", "decided"} or unit not in {"caller", "subject"}:
        raise typer.BadParameter("--outcome is correct or decided, --unit is caller or subject.")
    settings = settings_of(stack)
    begun = module.start(
        settings,
        module.Store.of(settings, store),
        service,
        name,
        a=a,
        b=b,
        outcome=outcome,  # type: ignore[arg-type]  # just compared
        unit=unit,  # type: ignore[arg-type]  # just compared
        design={
            "baseline": baseline, "effect": effect, "alpha": alpha, "power": power, "share_b": share_b,
        },
        by=by,
        why=why,
    )  # fmt: skip
    if as_json:
        screen.json({**asdict(begun), "most_outcomes": begun.plan.most})
        return
    screen.out.print(
        f"[bold]{name}[/] runs: at most {begun.plan.most:,} outcomes of {unit}s. "
        f"Requests of variant b carry '{module.HEADER}: b'; ./plinth experiment assign says who that is."
    )


@experiment_app.command("status")
def experiment_status(
    service: Service, stack: Stack = "local", store: Store = "aws", as_json: Json = False
) -> None:
    """List a service's experiments."""
    from infra.ops import experiments as module

    found = module.known(module.Store.of(settings_of(stack), store), service)
    if as_json:
        screen.json([{**asdict(one), "most_outcomes": one.plan.most} for one in found])
        return
    for one in found:
        state = f"ended {one.ended}" if one.ended else "running"
        screen.out.print(f"{one.name}  {state}  since {one.begun}  {one.outcome} by {one.unit}", markup=False)
    if not found:
        screen.out.print(f"No experiment of {service} is known; ./plinth experiment start begins one.")


@experiment_app.command("assign")
def experiment_assign(  # noqa: PLR0917 - see experiment_start
    service: Service,
    name: Name,
    keys: Annotated[list[str], typer.Argument(help="Units: callers or subjects.")],
    stack: Stack = "local",
    store: Store = "aws",
    as_json: Json = False,
) -> None:
    """Say which variant units belong to; the same unit always belongs to the same one."""
    from infra.ops import experiments as module

    found = module.find(module.Store.of(settings_of(stack), store), service, name)
    rows = {key: found.variant(key) for key in keys}
    if as_json:
        screen.json(rows)
        return
    for key, belongs in rows.items():
        screen.out.print(f"{key}  {belongs}", markup=False)


@experiment_app.command("result")
def experiment_result(
    service: Service, name: Name, stack: Stack = "local", store: Store = "aws", as_json: Json = False
) -> None:
    """Say what may be concluded now. Look as often as you like: the interval holds at all looks at once."""
    from infra.ops import experiments as module

    settings = settings_of(stack)
    _show(
        module.result(settings, module.find(module.Store.of(settings, store), service, name)), as_json=as_json
    )


@experiment_app.command("end")
def experiment_end(  # noqa: PLR0917 - see experiment_start
    service: Service,
    name: Name,
    why: Why = "",
    by: By = None,
    stack: Stack = "local",
    store: Store = "aws",
    as_json: Json = False,
) -> None:
    """End an A/B test; its last result, who ended it and why go into the decision log."""
    from infra.ops import experiments as module

    settings = settings_of(stack)
    done = module.end(settings, module.Store.of(settings, store), service, name, by=by, why=why)
    _show(done, as_json=as_json)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    from infra.ops import experiments as module

    if as_json:
        screen.json(module.as_json(found))
        return
    for variant, row in found["variants"].items():
        screen.out.print(
            f"  {variant}: {row['units']} units, {row['outcomes']} outcomes, mean {row['mean']:.4f}  "
            f"{row['model_digest'][:19]}"
        )
    screen.out.print(
        f"[bold]{found['verdict']}[/]: b less a is {found['difference']:+.4f}, between {found['low']:+.4f} "
        f"and {found['high']:+.4f} at {1 - found['alpha']:.0%} over all looks; {found['outcomes']} of at "
        f"most {found['most']} outcomes"
    )


@experiment_app.command("simulate")
def experiment_simulate(  # noqa: PLR0917 - see experiment_start
    baseline: Baseline = 0.75,
    effect: Effect = 0.05,
    alpha: Alpha = 0.05,
    power: Power = 0.8,
    share_b: ShareB = 0.5,
    runs: Annotated[
        int, typer.Option(min=100, max=200_000, help="Simulated experiments of each kind.")
    ] = 20_000,
    as_json: Json = False,
) -> None:
    """Try a design on simulated outcomes: how often is it wrong while people peek, how often does it find.

    Exit code 1 unless the false-positive rate is at most alpha and the power at least the designed one, both
    within two standard errors of the simulation.
    """
    from services.lifecycle import experiment_trial, experiments

    try:
        design = experiments.Design(
            baseline=baseline, effect=effect, alpha=alpha, power=power, share_b=share_b
        )
        told = experiment_trial.measure(design, runs=runs)
    except experiments.DesignError as error:
        raise typer.BadParameter(str(error).replace("\n", "; ")) from None
    if as_json:
        screen.json(told)
    else:
        usual = told["false_positive_rate_of_the_usual_interval"]
        screen.out.print(
            f"[bold]{told['runs']:,} experiments[/] of at most {told['plan']['most_outcomes']:,} outcomes, "
            f"each looked at {told['looks']} times:\n"
            f"  without a difference {told['false_positive_rate']:.2%} find one (allowed {alpha:.0%}; the "
            f"usual interval would {usual:.0%})\n"
            f"  with one of {effect:g} {told['power']:.1%} find it (asked for {power:.0%}), after "
            f"{told['with_the_difference']['outcomes_at_the_end']['median']:,} outcomes in the median"
        )
    if not told["as_designed"]:
        raise typer.Exit(Exit.FAILED)
