"""Commands of trust: the decision log, the review queue, and what the guards are worth."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, audit_app, bench_app, review_app
from infra.ops.cli.contracts import settings_of
from infra.ops.console import screen
from services.readiness.review import STATES

Service = Annotated[str, typer.Option(help="Name of the service.")]
Reviewer = Annotated[
    str, typer.Option(help="Who reviews: a name that others know.", envvar="PLINTH_REVIEWER")
]
Decision = Annotated[str, typer.Argument(help="Id of the decision, as the answer gave it.")]


@audit_app.command("verify")
def audit_verify(service: Service = "credit-risk", stack: Stack = "local", as_json: Json = False) -> None:
    """Check every chain of a service's decision log. Exit code 1 when anything was tampered with.

    Finds each edited, dropped, swapped, duplicated or truncated record, and names it.
    """
    from infra.ops import trail

    report = trail.verify(settings_of(stack), service)
    if as_json:
        screen.json(asdict(report))
    else:
        for finding in report.findings:
            screen.out.print(
                f"[red]{finding.kind}[/]  {finding.writer} record {finding.seq}: {finding.detail}"
            )
        screen.out.print(
            f"{report.records} records in {report.chains} chain(s), {report.sealed} sealed; "
            + (f"{len(report.findings)} finding(s)." if report.findings else "whole.")
        )
        if report.open:
            screen.note(f"{report.open} chain(s) end with records that no checkpoint covers yet")
    if report.findings:
        raise typer.Exit(Exit.FAILED)


@audit_app.command("search")
def audit_search(
    identity: Annotated[str, typer.Argument(help="Id of a decision or of a request.")],
    service: Service = "credit-risk",
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Show every record of a decision, with the proof that it is in a sealed segment."""
    from infra.ops import trail

    found = trail.reader(settings_of(stack), service).search(identity)
    if as_json:
        screen.json(found)
    for hit in [] if as_json else found:
        screen.out.print(f"[bold]{hit['writer']} record {hit['seq']}[/] {hit['hash']}")
        for key, value in hit["body"].items():
            screen.out.print(f"  [dim]{key}:[/] {value}", markup=True)
        proof = hit["proof"]
        screen.out.print(
            f"  [dim]sealed:[/] checkpoint {proof['checkpoint']}, {len(proof['steps'])} hashes to the root, "
            f"{'holds' if proof['holds'] else 'DOES NOT HOLD'}"
            if proof
            else "  [dim]sealed:[/] not yet"
        )
    if not found:
        screen.note(f"no record of '{identity}' in the log of {service}")
        raise typer.Exit(Exit.FAILED)


@review_app.command("list")
def review_list(
    service: Service = "credit-risk",
    state: Annotated[str | None, typer.Option(help=f"Only this state: {', '.join(STATES)}.")] = None,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Show the cases that wait for a person, the most urgent first."""
    from infra.ops import trail

    wanted = [one for one in STATES if one == state] if state else ["escalated", "open", "claimed"]
    if not wanted:
        raise typer.BadParameter(f"There is no state '{state}'; use one of: {', '.join(STATES)}.")
    cases = trail.reviews(settings_of(stack), service).cases(*wanted)
    if as_json:
        screen.json(trail.as_rows(cases))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("decision", "state", "asked", "reason", "reviewer"):
        table.add_column(column)
    for case in cases:
        table.add_row(case.decision, case.state, case.asked_at, case.reason, case.reviewer)
    screen.out.print(table if cases else "Nothing waits for a person.")


@review_app.command("claim")
def review_claim(
    reviewer: Reviewer,
    decision: Annotated[str | None, typer.Argument(help="Which case; else the most urgent.")] = None,
    service: Service = "credit-risk",
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Take a case. Nobody else can take it while the claim holds."""
    from infra.ops import trail

    case = trail.claim(settings_of(stack), service, reviewer=reviewer, decision=decision)
    if as_json:
        screen.json(asdict(case) if case else None)
    elif case is None:
        screen.out.print("Nothing waits for a person.")
    else:
        for key, value in asdict(case).items():
            screen.out.print(f"[dim]{key}:[/] {value}")


@review_app.command("label")
def review_label(  # noqa: PLR0917 - options of the command line, which nobody calls by position
    decision: Decision,
    label: Annotated[str, typer.Argument(help="What is true of the case, such as good or bad.")],
    reviewer: Reviewer,
    service: Service = "credit-risk",
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Settle a case that you claimed. Who labelled what is written to the decision log first."""
    from infra.ops import trail

    case = trail.label(settings_of(stack), service, decision=decision, reviewer=reviewer, value=label)
    if as_json:
        screen.json(asdict(case))
    else:
        screen.out.print(f"Case {case.decision} is labelled '{case.label}' by {case.reviewer}.")


@review_app.command("escalate")
def review_escalate(service: Service = "credit-risk", stack: Stack = "local", as_json: Json = False) -> None:
    """Bring in cases that only the log has, then mark those that wait longer than the contract says."""
    from infra.ops import trail

    settings = settings_of(stack)
    added = trail.sync(settings, service)
    late = trail.reviews(settings, service).escalate()
    if as_json:
        screen.json(
            {"added": [case.decision for case in added], "escalated": [case.decision for case in late]}
        )
    else:
        screen.out.print(f"{len(added)} case(s) brought from the log, {len(late)} escalated.")


@review_app.command("export")
def review_export(
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    service: Service = "credit-risk",
    stack: Stack = "local",
) -> None:
    """Write all labels with input and provenance, for the next training."""
    from infra.ops import trail

    screen.out.print(f"{trail.export(settings_of(stack), service, out)} label(s) written to {out}.")


@bench_app.command("trust")
def bench_trust(
    splits: Annotated[int, typer.Option(min=1, max=50, help="Splits of the data to average over.")] = 10,
    service: Service = "credit-risk",
    write: Annotated[bool, typer.Option("--write", help="Put the tables into the service's README.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a service's guards on shifted data: detection, conformal coverage, fairness, explanations.

    The tables in the service's README are these figures (`--write`); a test measures again and compares.
    """
    from infra.local.paths import repo_root
    from infra.ops.lifecycle import trust_figures
    from services.lifecycle import trust_tables

    found = trust_figures(service)(splits)
    if write:
        trust_tables.write(repo_root() / "services" / service.replace("-", "_") / "README.md", found)
    if as_json:
        screen.json(found)
        return
    screen.out.print(f"[bold]Guard[/], share flagged at 1 % and 5 % (mean of {splits} splits):")
    rows = {"ordinary rows (false alarms)": found["guard"]["false_alarms"], **found["guard"]["found"]}
    for name, shares in rows.items():
        screen.out.print(f"  {name}: {shares['at_1_percent']:.3f}, {shares['at_5_percent']:.3f}")
    for name, figures in found["conformal"].items():
        screen.out.print(f"[bold]Conformal {name}[/]: coverage {figures['coverage']:.3f}")


@bench_app.command("faults")
def bench_faults(
    requests: Annotated[int, typer.Option(min=17, max=1_000_000, help="Requests over all faults.")] = 10_000,
    as_json: Json = False,
) -> None:
    """Break credit-risk in every way that its contract names. Exit code 1 unless all answers are by design.

    Runs the whole HTTP application in this process, with the real model and a real log on disk.
    """
    from infra.ops import bench_faults as module

    module.quiet()
    found = module.run(requests)
    if as_json:
        screen.json(found)
    else:
        for fault, row in found["faults"].items():
            answers = ", ".join(f"{count} x {kind}" for kind, count in row["answered"].items())
            screen.out.print(f"  {fault}: {answers}")
    counts = ("unexplained", "hangs", "undesigned", "unlogged", "tampering_found")
    screen.note(f"{found['requests']} requests; " + ", ".join(f"{found[name]} {name}" for name in counts))
    if any(found[name] for name in counts):
        raise typer.Exit(Exit.FAILED)
