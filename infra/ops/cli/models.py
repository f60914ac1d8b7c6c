"""Commands of the model's life: data, training, registry."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from infra.ops.cli.base import Json, Stack, app, data_app, registry_app
from infra.ops.cli.contracts import settings_of
from infra.ops.console import Steps, screen

Service = Annotated[str, typer.Argument(help="Name of the service.")]
Store = Annotated[
    Literal["folder", "aws"],
    typer.Option(help="Where models and data are kept: a folder of this clone, or the stack's AWS account."),
]
Name = Annotated[str, typer.Argument(help="Version, stage or digest of a registered model.")]


@app.command()
def train(  # noqa: PLR0917 - options of the command line, which nobody calls by position
    service: Service,
    stack: Stack = "local",
    store: Store = "folder",
    delivery: Annotated[
        list[Path] | None, typer.Option(help="CSV file or folder with new data; may be given again.")
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="Keys in the data store that hold new data.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Reviewers' labels, as the review queue exports them.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Key of a builder; the clone's own locally.")] = None,
    as_json: Json = False,
) -> None:
    """Train a model: data, features, training, gates, registry. What passes is a candidate.

    Without new data it trains on what has come in before, or on the data that an installed package
    carries. The same commit and data give the same model digest. Exit code 4: a schema, a limit on the
    data, or a gate of the contract refused it.
    """
    from infra.ops import lifecycle

    steps = Steps()
    with steps.shown(), steps.step(f"train {service}"):
        done = lifecycle.train(
            service,
            settings_of(stack),
            place=store,
            key_file=key,
            deliveries=delivery or [],
            prefix=prefix,
            labels=labels,
            say=steps.say,
        )
    if as_json:
        screen.json(asdict(done))
        return
    version = done.version
    screen.out.print(f"[bold]{service} version {version.version}[/] is {version.stage}: {version.digest}")
    for figure, value in version.figures.items():
        if figure.endswith((".auc", ".accuracy", ".worst_auc")) or figure.startswith("fairness.cross"):
            screen.out.print(f"  {figure}: {value:g}")
    screen.out.print(f"  trained on {len(done.batches)} batch(es), {done.quarantined} row(s) quarantined")
    screen.out.print(f"  record: {done.record}")


@app.command()
def batch(  # noqa: PLR0917 - see train
    service: Service,
    source: Annotated[Path, typer.Option("--input", "-i", help="File with a JSON document in each line.")],
    out: Annotated[Path, typer.Option(help="File for the answers, one line each; written whole or not.")],
    model: Annotated[str, typer.Option(help="Version, stage or digest.")] = "candidate",
    stack: Stack = "local",
    store: Store = "folder",
    as_json: Json = False,
) -> None:
    """Answer a file of requests with a registered model, as the service would answer each of them.

    A line that breaks the schema is answered with its problems; the others are answered all the same.
    """
    from infra.ops import lifecycle

    done = lifecycle.batch(service, settings_of(stack), store, name=model, source=source, out=out)
    if as_json:
        screen.json(done)
        return
    screen.out.print(
        f"{done['answered']} answered, {done['refused']} refused, by {done['model_digest']}: {out}"
    )


@app.command()
def stream(  # noqa: PLR0917 - see train
    service: Service,
    model: Annotated[str, typer.Option(help="Version, stage or digest.")] = "candidate",
    idle: Annotated[
        float, typer.Option(min=1, max=86400, help="Ends when nothing has come for so many seconds.")
    ] = 60,
    stack: Stack = "local",
    store: Store = "folder",
    as_json: Json = False,
) -> None:
    """Answer the requests in a service's queue with a registered model, as the service would answer them.

    Each message is decided once: one that comes again gets the answer that is in the decision log. What can
    never be answered goes to the queue of failures with the reason. Ctrl-C ends it; nothing is lost.
    """
    from infra.ops import streaming

    done = streaming.run(service, settings_of(stack), store, name=model, idle_seconds=idle)
    if as_json:
        screen.json(done)
        return
    screen.out.print(
        f"{done['answered']} answered ({done['repeated']} again), {done['failed']} failed, "
        f"{done['left']} left for another try, by {done['model_digest']}"
    )


@registry_app.command("list")
def registry_list(
    service: Service, stack: Stack = "local", store: Store = "folder", as_json: Json = False
) -> None:
    """List the registered models of a service: version, stage, digest, last move."""
    from infra.ops import lifecycle

    found = lifecycle.versions(service, settings_of(stack), store)
    if as_json:
        screen.json([asdict(one) for one in found])
        return
    for one in found:
        last = one.history[-1]
        screen.out.print(
            f"{one.version}  {one.stage:<10}  {one.digest}  {last['at']} by {last['by']}: {last['why']}"
        )
    if not found:
        screen.out.print(f"No model of {service} is registered; ./plinth train {service} makes one.")


@registry_app.command("move")
def registry_move(  # noqa: PLR0917 - see train
    service: Service,
    name: Name,
    stage: Annotated[str, typer.Argument(help="candidate, shadow, canary, production, rejected, retired.")],
    why: Annotated[str, typer.Option(help="Reason, kept with the model.")],
    stack: Stack = "local",
    store: Store = "folder",
) -> None:
    """Move a model to the next stage; what was in production before can come back at once."""
    from infra.ops import lifecycle

    moved = lifecycle.move(service, settings_of(stack), store, name=name, stage=stage, why=why)
    screen.out.print(f"{service} version {moved.version} is {moved.stage}.")


@registry_app.command("fetch")
def registry_fetch(
    service: Service,
    name: Name,
    out: Annotated[Path, typer.Option(help="New folder for the model's files.")],
    stack: Stack = "local",
    store: Store = "folder",
) -> None:
    """Fetch a model: signature, manifest and every file are checked before the folder appears."""
    from infra.ops import lifecycle

    lifecycle.fetch(service, settings_of(stack), store, name=name, out=out)
    screen.out.print(f"{out}: signature and every digest fit.")


@data_app.command("reports")
def data_reports(
    service: Service, stack: Stack = "local", store: Store = "folder", as_json: Json = False
) -> None:
    """Show what has come in: rows, quarantined rows, figures, limits that a batch breaks."""
    from infra.ops import lifecycle
    from services.lifecycle.pipeline import of

    with lifecycle.told():
        pipeline = of(service)
    found = lifecycle.reports(pipeline, settings_of(stack), store)
    if as_json:
        screen.json(found)
        return
    for one in found:
        verdict = "[red]blocked[/]" if one["breaches"] else "[green]good[/]"
        screen.out.print(
            f"{verdict}  {one['source_digest'][:19]}  {one['received_at']}: {one['rows']} rows, "
            f"{one['quarantined']} quarantined; owner {one['owner']['owner']}"
        )
        for breach in one["breaches"]:
            screen.out.print(f"    - {breach}")
    if not found:
        screen.out.print(f"No data of {service} have come in; ./plinth train {service} --delivery FILE.")


@data_app.command("publish")
def data_publish(
    service: Service,
    stack: Stack = "local",
    store: Store = "folder",
    key: Annotated[Path | None, typer.Option(help="Key of a builder; the clone's own locally.")] = None,
) -> None:
    """Write what is known of every subject to the stack's online feature store, signed.

    A request to /v1/decisions/known may then name a subject, such as row-00000012, in place of its data.
    """
    from infra.ops import lifecycle

    count = lifecycle.publish(service, settings_of(stack), store, key_file=key)
    screen.out.print(f"{count} subject(s) of {service} written; newer items were left as they are.")


@data_app.command("accept-schema")
def data_accept_schema(service: Service) -> None:
    """Write down the schema of a new version; one that stands for another schema is refused."""
    from infra.ops import lifecycle
    from services.lifecycle import datasets
    from services.lifecycle.pipeline import of

    with lifecycle.told():
        pipeline = of(service)
        new = datasets.accept_version(pipeline.spec, pipeline.folder)
    spec = pipeline.spec
    state = "is written down now" if new else "was written down already"
    screen.out.print(f"Version {spec.version} of {spec.name} {state}.")


@app.command("new-service")
def new_service(
    name: Annotated[str, typer.Argument(help="Lower-case words joined by dashes, such as spam-filter.")],
) -> None:
    """Make a new service that works as it stands, and say the four steps that make it yours."""
    from infra.ops import lifecycle

    count = lifecycle.new_service(name)
    module = name.replace("-", "_")
    screen.out.print(f"1. Made: {count} files in services/{module}/ and tests/services/{module}/.")
    screen.out.print(
        f"2. Your fields and data: services/{module}/schema.py and dataset.py; "
        f"./plinth data accept-schema {name}\n"
        f"3. What it promises: services/{module}/contract.yaml; ./plinth contract check {name}\n"
        f"4. Your model: services/{module}/training.py; ./plinth train {name}\n"
        f"5. Run it: '{name}: {{}}' under plinth:services in stacks/Pulumi.local.yaml; ./plinth up, then "
        f"./plinth predict --service {name}"
    )
