"""The application that all commands belong to, and the options that they share."""

import os
from typing import Annotated

import typer

from infra.ops.console import screen

app = typer.Typer(
    name="plinth",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Production AI services from one Pulumi program, on a laptop or on AWS.\n\n"
    "Start with [bold]./plinth up[/], then [bold]./plinth predict[/]. Ctrl-C is safe at any time: "
    "what was done is kept and the next [bold]up[/] goes on.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong settings, 4 refused by a gate, 5 busy, "
    "6 platform or toolchain, 7 state, 8 differs from what it should be, 130 stopped by Ctrl-C.",
)
toolchain_app = typer.Typer(no_args_is_help=True, help="The engine, providers and cluster programs.")
app.add_typer(toolchain_app, name="toolchain")
policy_app = typer.Typer(no_args_is_help=True, help="Controls: what must hold before any deploy.")
app.add_typer(policy_app, name="policy")
contract_app = typer.Typer(no_args_is_help=True, help="What services promise, and who signed it.")
app.add_typer(contract_app, name="contract")
registry_app = typer.Typer(no_args_is_help=True, help="Models: versions, stages, lineage, signatures.")
app.add_typer(registry_app, name="registry")
audit_app = typer.Typer(no_args_is_help=True, help="The decision log: find a decision, prove the chain.")
app.add_typer(audit_app, name="audit")
review_app = typer.Typer(no_args_is_help=True, help="Cases that wait for a person: claim, label, escalate.")
app.add_typer(review_app, name="review")
bench_app = typer.Typer(no_args_is_help=True, help="Measurements, printed as figures.")
app.add_typer(bench_app, name="bench")
data_app = typer.Typer(no_args_is_help=True, help="Data that came in, and their schemas.")
app.add_typer(data_app, name="data")
dashboards_app = typer.Typer(no_args_is_help=True, help="What Grafana shows, and its data drawn.")
app.add_typer(dashboards_app, name="dashboards")

record_app = typer.Typer(no_args_is_help=True, help="What was built from what: signed, and still so?")
app.add_typer(record_app, name="record")

backup_app = typer.Typer(no_args_is_help=True, help="What an environment is rebuilt from, and how old it is.")
app.add_typer(backup_app, name="backup")
experiment_app = typer.Typer(no_args_is_help=True, help="A/B tests of two models.")
app.add_typer(experiment_app, name="experiment")
retrain_app = typer.Typer(no_args_is_help=True, help="Training that nobody has to start.")
app.add_typer(retrain_app, name="retrain")
drill_app = typer.Typer(no_args_is_help=True, help="Breaks something on purpose and measures what happens.")
app.add_typer(drill_app, name="drill")

ci_app = typer.Typer(no_args_is_help=True, help="Steps of the workflow that shows previews on changes.")
app.add_typer(ci_app, name="ci", hidden=True)  # for workflows; infra/preview/README.md tells of it

Stack = Annotated[
    str, typer.Option("--stack", "-s", envvar="PLINTH_STACK", help="Which environment: a file in stacks/.")
]
Refresh = Annotated[
    bool,
    typer.Option(
        "--refresh", help="Look at what is really there first, so that what was changed outside is put back."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@app.callback()
def options(
    no_colour: Annotated[
        bool, typer.Option("--no-color", help="No colours (NO_COLOR does the same).")
    ] = False,
) -> None:
    """Set what holds for every command."""
    screen.set_colour(wanted=not (no_colour or os.environ.get("NO_COLOR")))
