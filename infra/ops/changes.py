"""Preview and up: nothing is changed that was not previewed and accepted."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra import gate
from infra.errors import PlinthError
from infra.local import isolation, session, toolchain
from infra.ops import (
    baseline,
    carrying,
    contracts,
    environment,
    preflight,
    releases,
    reports,
    state,
)
from infra.ops.account import Account
from infra.ops.console import Steps, screen
from infra.ops.engine import Engine, end_leftovers
from infra.ops.events import UNCHANGED, Run
from infra.ops.inventory import things_in
from infra.ops.verdicts import judge, require_compared, require_lossless
from infra.preview.report import Report
from infra.settings import Settings
from infra.settings_sources import RELEASES_VARIABLE
from infra.settings_tokens import TOKENS_VARIABLE

TAKE_BACK = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
"""What makes the Kubernetes provider take back a field that somebody else wrote. Without it the API server
answers with a conflict, which is right for every run that nobody told to put things back."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A stack that can be worked on: its settings, its engine, what it was before."""

    settings: Settings
    engine: Engine
    state: str
    behind: bool
    """True when the whole state may lag behind the world, so that a refresh of everything must come first."""
    cut_off: tuple[str, ...] = ()
    """URNs of the resources whose last change was cut off or failed half-way; of the others the state is as
    good as ever."""


def stack_settings(file: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings in a stack file.

    Raises:
        SettingsError: With every mistake of the file.
    """
    return Settings.from_file(file, environ=os.environ if environ is None else environ)


def require_emulated(settings: Settings, file: Path) -> None:
    """Refuse to drive the engine for a stack that lives on AWS.

    Raises:
        PlinthError: It does; says what works instead.
    """
    stack = settings.environment
    if not settings.aws.emulated:
        raise PlinthError(
            f"Stack '{stack}' lives on AWS, and this version changes and previews emulated stacks only.",
            where=f"stacks/{file.name}, key plinth:aws.emulated",
            fix=f"./plinth preview --stack {stack} --emulate works on a copy of it on the local platform.",
        )


def prepare(file: Path, steps: Steps, *, refresh: bool = False) -> Ready:
    """Bring up everything that a preview needs: tools, platform, built services, readable state.

    Args:
        file: The stack file: a committed one, or the emulated copy of one.
        steps: Where progress is shown.
        refresh: Ask AWS and Kubernetes what is really there, instead of believing the state, and take
            back what others have written.

    Raises:
        PlinthError: One of them cannot be had; says which and what to do.
    """
    wanted = stack_settings(file)
    stack = wanted.environment
    require_emulated(wanted, file)
    with steps.step("toolchain"):
        tools = toolchain.ensure(progress=lambda event: steps.say(told(event)))
    with ThreadPoolExecutor(max_workers=1) as beside:
        built = beside.submit(releases.build, wanted)  # needs no platform: it is packed while that starts
        with steps.step("local platform"):
            platform = session.start(
                lambda part, part_state, message: steps.say(f"{part} {part_state} {message}".strip()),
                tools=tools,
            )
        with steps.step("services"):
            steps.say("training and packing what changed")
            built.result()
    with steps.step("state"):
        end_leftovers()
        restored = state.repair(stack)
        if restored is not None:
            screen.note(
                f"the state file was damaged; restored {restored.name}, and refreshing from the world"
            )
        state.clear_stale_locks(stack)
        recovered = not state.state_file(stack).exists() and _recovered(wanted)
        state.ensure_stack(stack)
        environ = environment.complete(environment.variables(wanted, file, tools, platform))
        isolation.require_proxy(environ)
        if not state.resource_count(stack) and baseline.read(stack) is None:
            baseline.record(stack, Account.of(wanted))  # what a teardown must leave
    return Ready(
        settings=stack_settings(file, {name: environ[name] for name in (RELEASES_VARIABLE, TOKENS_VARIABLE)}),
        engine=Engine(stack, {**environ, **(TAKE_BACK if refresh else {})}, tools.bin("pulumi")),
        state=state.digest(stack),
        behind=refresh or restored is not None or recovered,
        cut_off=carrying.unfinished(stack),
    )


def _recovered(settings: Settings) -> bool:
    """Bring a lost state back from the bucket of its environment; tell whether there was one."""
    from infra.ops.recovery import sources  # noqa: PLC0415 - for the day on which it is needed

    try:
        record = sources.recover_state(settings, Account.of(settings))
    except PlinthError as error:
        screen.note(
            f"the state is gone, and what its bucket keeps is not used ({error.what}); "
            "going on from what is there"
        )
        return False
    if record is None:
        return False
    screen.note(
        f"the state was gone; brought back that of record {record.name}, and refreshing from the world"
    )
    return True


def attach(settings: Settings, file: Path, steps: Steps) -> Engine:
    """Return the engine of a stack whose platform runs, for what needs no program: a look, a teardown.

    Raises:
        PlinthError: The stack lives on AWS, or the platform is down.
    """
    require_emulated(settings, file)
    platform = session.ready("work on")
    with steps.step("toolchain"):
        tools = toolchain.ensure(progress=lambda event: steps.say(told(event)))
    environ = environment.complete(environment.variables(settings, file, tools, platform))
    isolation.require_proxy(environ)
    end_leftovers()
    state.clear_stale_locks(settings.environment)
    return Engine(settings.environment, environ, tools.bin("pulumi"))


def preview(
    ready: Ready,
    steps: Steps,
    *,
    accept_as: str | None = None,
    seen: Callable[[Report], None] | None = None,
) -> Run:
    """Preview the stack, judge it, and write an acceptance when the gates (and the person) agree.

    Args:
        ready: The stack, prepared.
        steps: Where progress is shown.
        accept_as: Name of the person who accepts it.
        seen: Gets the report, also of a preview that is then refused; its lines of code are looked up while
            the engine works.

    Raises:
        RefusedError: A mandatory policy is violated, or a contract does not hold; nothing was touched.
        PlinthError: The program does not run.
    """
    with steps.step("preview"), ThreadPoolExecutor(max_workers=1) as beside:
        places = beside.submit(_places, ready.settings) if seen else None
        options = ["--refresh"] if ready.behind or ready.cut_off else []  # a preview writes no state
        run = ready.engine.run("preview", *options, listener=lambda r: steps.say(f"{len(r.steps)} resources"))
    report = reports.of(run, ready.settings, places.result() if places else None)
    if seen:
        seen(report)
    judge(run, ready.settings.environment, ready.settings)
    require_compared(run, ready.settings.environment)
    if accept_as is None and not _taken_on(ready):
        require_lossless(run, ready.settings.environment)
    reports.require_budget(report)
    subject = gate.subject(ready.settings)
    contracts.leave_evidence(
        ready.settings.environment, contracts.policy_verdicts(run, subject=subject, now=datetime.now(UTC))
    )
    for service in contracts.require(ready.settings):
        screen.note(f"contract of {service}: signed by this clone's key, for development only")
    by = accept_as or ("gates" if ready.settings.approval == "gates" else None)
    if by is not None:
        gate.Acceptance(
            stack=ready.settings.environment,
            subject=subject,
            state=ready.state,
            accepted_by=by,
            accepted_at=datetime.now(UTC).isoformat(timespec="seconds"),
            changes=run.changes,
        ).write(environment.acceptance_file(ready.settings.environment))
    return run


def up(ready: Ready, steps: Steps, *, adopt_existing: bool) -> tuple[Run, Run | None]:
    """Preview, check the acceptance, then change; nothing to change is done at once.

    Args:
        ready: The stack, prepared.
        steps: Where progress is shown.
        adopt_existing: Take what the account already has into the state instead of failing on it.

    Returns:
        What the preview said, and what the change said (None when there was nothing to change).

    Raises:
        RefusedError: A gate said no; nothing was touched.
        PlinthError: The change failed; what was done stands in the state and the next up goes on.
    """
    stack = ready.settings.environment
    if ready.settings.gpu.pools:
        with steps.step("quotas"):
            preflight.require(preflight.look(ready.settings))
    if ready.cut_off and not ready.behind:
        caught = carrying.catch_up(ready.engine, ready.cut_off, steps, _things(ready.settings))
        if caught is not None:
            judge(caught, stack)
        ready = replace(ready, behind=caught is None, state=state.digest(stack), cut_off=())
    planned = preview(ready, steps)
    if not planned.changes and not ready.behind:
        return planned, None
    gate.require(
        gate.Acceptance.read(environment.acceptance_file(stack)), ready.settings, state=state.digest(stack)
    )
    total = sum(planned.changes.values())
    run = carrying.carry_out(
        ready.engine,
        steps,
        _things(ready.settings),
        total=total,
        behind=ready.behind,
        adopt_existing=adopt_existing,
    )
    judge(run, stack)
    return planned, run


def _things(settings: Settings) -> carrying.Look:
    """Return what lists the things of a stack, in both of its regions."""
    return lambda kinds: things_in(Account.of(settings), settings.regions(), kinds=kinds).things


def _places(settings: Settings) -> Mapping[str, str]:
    """Return the line of code that makes each resource."""
    from infra.ops import sources  # noqa: PLC0415 - loads Pulumi's SDK, of which an `up` has no use

    return sources.of(settings)


def _taken_on(ready: Ready) -> bool:
    """Return whether a person, not the gates alone, accepted this very change of this very state."""
    accepted = gate.Acceptance.read(environment.acceptance_file(ready.settings.environment))
    if accepted is None or accepted.accepted_by == "gates":
        return False
    return gate.objection(accepted, ready.settings, now=datetime.now(UTC), state=ready.state) is None


def report(run: Run) -> dict[str, Any]:
    """Return a preview as data for ``--json``."""
    return {
        "changes": run.changes,
        "steps": [
            {"operation": s.operation, "type": s.type, "name": s.name, "differences": list(s.differences)}
            for s in run.steps
            if s.operation not in UNCHANGED
        ],
        "violations": [asdict(violation) for violation in run.violations],
        "warnings": run.warnings,
    }


def told(event: toolchain.Event) -> str:
    """Return one line about the making of a tool: what, how far, for how long."""
    share = "" if event.fraction is None else f" {event.fraction:.0%}"
    return f"{event.part}: {event.phase}{share}, {event.elapsed_seconds:.0f} s; {event.message}"
