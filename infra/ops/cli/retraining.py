"""Commands of continuous training: look once, keep looking, tell what was done."""

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from infra.errors import Exit
from infra.ops.cli.base import Json, Stack, retrain_app
from infra.ops.cli.contracts import settings_of
from infra.ops.cli.models import Service, Store
from infra.ops.console import Steps, screen


@retrain_app.command("once")
def retrain_once(
    service: Service, stack: Stack = "local", store: Store = "aws", as_json: Json = False
) -> None:
    """Look at drift, settled reviews and deliveries; train when the contract says that it is time.

    What passes its gates is registered and moved to `shadow`; the rollout takes it from there. On AWS a
    scheduler runs this. Exit code 1 when a training failed, 4 when a gate refused its model.
    """
    from infra.ops import retraining as module

    steps = Steps()
    with steps.shown(), steps.step(f"retrain {service}"):
        done = module.once(module.of(settings_of(stack), service, store), steps.say)
    _show(done, as_json=as_json)
    if done["step"] in {"failed", "refused"}:
        raise typer.Exit(Exit.FAILED if done["step"] == "failed" else Exit.REFUSED)


@retrain_app.command("watch")
def retrain_watch(
    service: Service,
    minutes: Annotated[float, typer.Option(min=0.1, max=10_080, help="Ends after so many minutes.")] = 60,
    every: Annotated[float, typer.Option(min=1, max=3600, help="Seconds between two looks.")] = 60,
    stack: Stack = "local",
    store: Store = "aws",
) -> None:
    """Do `once` again and again, for a machine without a scheduler. Ctrl-C ends it."""
    from infra.ops import retraining as module

    ground = module.of(settings_of(stack), service, store)
    end, said = time.monotonic() + minutes * 60, ""
    while time.monotonic() < end:
        done = module.once(ground)
        if said != (said := f"{done['step']}: {done.get('why', '')}"):
            _show(done, as_json=False)
        time.sleep(min(every, max(0.0, end - time.monotonic())))


@retrain_app.command("status")
def retrain_status(
    service: Service, stack: Stack = "local", store: Store = "aws", as_json: Json = False
) -> None:
    """Say what is seen now, whether it asks for a training, and how the last run ended."""
    from infra.ops import retraining as module
    from services.lifecycle.retraining import stories

    ground = module.of(settings_of(stack), service, store)
    past = module.history(ground)
    signals, decision = module.look(ground, past)
    runs = [one for one in stories(past) if one.run != "waiting"]
    last = {"run": runs[-1].run, "step": runs[-1].last, "over": runs[-1].over} if runs else None
    told = {"service": service, "signals": asdict(signals), "decision": asdict(decision), "last_run": last}
    if as_json:
        screen.json(told)
        return
    drifted = ", ".join(signals.drifted) or "none"
    screen.out.print(
        f"drift: {drifted}; {signals.settled} settled cases and {signals.deliveries} deliveries are new"
    )
    screen.out.print(f"{'would train now' if decision.train else 'waits'}: {decision.why}", markup=False)
    if last:
        screen.out.print(f"last run {last['run']}: {last['step']}", markup=False)


@retrain_app.command("history")
def retrain_history(
    service: Service, stack: Stack = "local", store: Store = "aws", as_json: Json = False
) -> None:
    """Tell every run from its records: what asked for it, what was trained, what became of it."""
    from infra.ops import retraining as module
    from services.lifecycle.retraining import stories

    found = stories(module.history(module.of(settings_of(stack), service, store)))
    if as_json:
        screen.json([{"run": one.run, "over": one.over, "steps": one.steps} for one in found])
        return
    for story in found:
        screen.out.print(f"[bold]{story.run}[/]")
        for step in story.steps:
            screen.out.print(f"  {step['at']}  {step['step']:<12} {_words(step)}", markup=False)
    if not found:
        screen.out.print(f"Nothing was retrained for {service} yet.")


def _words(step: Any) -> str:
    known = ("trigger", "why", "version", "model_digest", "cpu_seconds", "labels")
    return ", ".join(f"{name} {step[name]}" for name in known if step.get(name) not in {None, ""})


def _show(done: Any, *, as_json: bool) -> None:
    if as_json:
        screen.json(done)
    else:
        screen.out.print(f"{done['step']}: {_words(done) or 'nothing asks for a training'}", markup=False)
