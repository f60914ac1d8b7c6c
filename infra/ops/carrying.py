"""Carries a change out: the engine's part of an ``up``, once everybody has agreed to it."""

from collections.abc import Callable, Iterable, Sequence

from infra.errors import PlinthError
from infra.ops import adopt, state
from infra.ops.console import Steps
from infra.ops.engine import Engine
from infra.ops.events import Run, Step
from infra.ops.inventory import Thing

Look = Callable[[Iterable[str]], list[Thing]]


def carry_out(
    engine: Engine, steps: Steps, look: Look, *, total: int, behind: bool, adopt_existing: bool
) -> Run:
    """Let the engine change what it has to, taking into the state what is there already.

    Args:
        engine: The engine of the stack.
        steps: Where progress is shown.
        look: Lists what there is, of some kinds.
        total: Resources that are expected to change.
        behind: Whether the state may lag behind the world, so that a refresh comes first.
        adopt_existing: Take what the account already has into the state instead of failing on it.

    Raises:
        PlinthError: The account has something that the state does not know, and nobody said to take it.
    """
    run = _change(engine, steps, total, behind=behind)
    adopted: set[str] = set()
    # The engine stops at the first things that exist already, and more may come to light after them.
    while found := [step for step in adopt.collisions(run) if step.urn not in adopted]:
        names = ", ".join(sorted({step.name for step in found}))
        if not adopt_existing:
            raise PlinthError(
                f"This account already has {names}, and the state of stack '{engine.stack}' does not know "
                "them.",
                where="left behind by a run that was cut off, or made by hand",
                fix=f"Look at them. When they are this stack's: ./plinth up --stack {engine.stack} --adopt",
            )
        with steps.step("adopt"):
            steps.say(names)
            taken = [*adopt.named(found), *_looked_for(found, engine, look)]
            if taken:
                engine.adopt(adopt.write(taken, engine.stack))
        adopted |= {step.urn for step in found}
        run = _change(engine, steps, total, behind=behind)
    adopt.remember(run, engine.stack)
    return run


def unfinished(stack: str) -> tuple[str, ...]:
    """Return the URNs of what the last change left unclear: cut off, half made, or failed while created."""
    return tuple(sorted({*state.cut_off(stack), *(step.urn for step in adopt.remembered(stack))}))


def _looked_for(found: Iterable[Step], engine: Engine, look: Look) -> list[adopt.Taken]:
    found = list(found)
    kinds = adopt.kinds(found)
    return adopt.orphans(found, state.ids(engine.stack), look(kinds), engine.stack) if kinds else []


def catch_up(engine: Engine, cut_off: Sequence[str], steps: Steps, look: Look) -> Run | None:
    """Ask the world about what was cut off, and about nothing else: the engine writes down each step's end.

    What was being created has no id yet, so the engine cannot ask for it. Where AWS drew the id, the thing is
    looked for and taken into the state; the change that follows meets the others by name (see ``adopt``).

    Args:
        engine: The engine of the stack.
        cut_off: Resources whose change was cut off, or failed half-way.
        steps: Where progress is shown.
        look: Lists what there is, of some kinds.

    Returns:
        What the engine said; None when the state knows nothing yet, so that a whole refresh must come with
        the change.
    """
    known, begun = state.known(engine.stack), [*state.begun(engine.stack), *adopt.remembered(engine.stack)]
    if not known:
        return None
    # Without a target everything would be asked; the stack itself costs nothing.
    targets = [urn for urn in cut_off if urn in known] or known[:1]
    with steps.step("catch up"):
        steps.say(f"{len(cut_off)} resources whose change did not come to its end")
        options = [option for urn in targets for option in ("--target", urn)]
        run = engine.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates", *options)
    if not adopt.kinds(begun) or run.exit_code:
        return run
    with steps.step("adopt"):
        found = _looked_for(begun, engine, look)
        steps.say(", ".join(step.name for step, _ in found) or "nothing was left behind")
        if found:
            engine.adopt(adopt.write(found, engine.stack))
    return run


def _change(engine: Engine, steps: Steps, total: int, *, behind: bool) -> Run:
    with steps.step("change"):
        options = ["--refresh"] if behind else []
        return engine.run(
            "up",
            "--yes",
            "--skip-preview",
            *options,
            listener=lambda run: steps.say(f"{run.done} of {total} resources"),
        )
