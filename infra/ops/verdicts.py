"""What a run of the engine found wrong, and what of it stops a stack: all at once, each with its fix."""

from infra import rehearsal
from infra.errors import PlinthError, RefusedError
from infra.ops.events import Run
from infra.rollout import sense
from infra.settings import Settings
from policies import changes as rules
from policies.procedure import control_of


def judge(run: Run, stack: str, settings: Settings | None = None) -> None:
    """Raise what a run of the engine found wrong, everything at once.

    Args:
        run: The run.
        stack: Name of the stack.
        settings: Settings of the stack, where the violations that the engine did not come to are wanted too.

    Raises:
        RefusedError: Mandatory policies are violated.
        PlinthError: The program or a provider failed.
    """
    if run.blocking:
        lines = [f"{len(run.blocking)} violation(s) of mandatory policies in stack '{stack}':"]
        for violation in run.blocking:
            resource = violation.urn.rsplit("::", 1)[-1]
            lines.append(f"  - {resource}: {violation.policy}: {violation.message}")
        if rest := _not_reached(run, settings):
            lines.append(f"The engine stops soon after the first one; {len(rest)} more in the whole program:")
            lines += [f"  - {text}" for text in rest]
        raise RefusedError(
            "\n".join(lines),
            where="policies/, judged by the engine before any resource was touched",
            fix="Correct the resources above; each line ends with its remedy.",
        )
    if run.exit_code:
        detail = "\n".join(f"  - {line}" for line in run.errors) or "  - the engine gave no reason"
        raise PlinthError(
            f"Stack '{stack}' could not be worked out or changed:\n{detail}",
            where="./plinth logs engine",
            fix="Correct the cause and run the same command again; it goes on from what was done.",
        )


def require_compared(run: Run, stack: str) -> None:
    """Refuse a change that makes a version the stable one which nothing was ever compared with.

    Raises:
        RefusedError: It does; nothing was touched.
    """
    if found := sense.unseen(_steps(run)):
        raise RefusedError(
            "\n".join([f"Stack '{stack}' would begin releases with an unproven version:", *_items(found)]),
            where=f"stacks/Pulumi.{stack}.yaml, key plinth:rollout.engine",
            fix="Switch the engine on with the version that is in service, './plinth up', then release.",
        )


def _steps(run: Run) -> list[rules.Step]:
    return [
        rules.Step(operation=s.operation, urn=s.urn, type=s.type, old=s.old, new=s.inputs) for s in run.steps
    ]


def _items(lines: list[str]) -> list[str]:
    return [f"  - {line}" for line in lines]


def _not_reached(run: Run, settings: Settings | None) -> list[str]:
    """Return the violations of the program that the engine did not come to, so that all are told at once."""
    if settings is None:
        return []
    told = "\n".join(violation.message for violation in run.blocking)
    try:
        found = rehearsal.rehearse(settings).violations
    except RefusedError:  # the engine's own verdict stands without it
        return []
    return [text for text in found if text.partition("\n")[0] not in told]


def require_lossless(run: Run, stack: str) -> None:
    """Refuse what would lose data or open something, unless a person takes it on by name.

    Raises:
        RefusedError: The change gate stops a step; nothing was touched.
    """
    findings = rules.judge(_steps(run), stack)
    if findings:
        lines = [f"  - {f.name}: {control_of(f.control).title}: {f.message} [{f.control}]" for f in findings]
        raise RefusedError(
            "\n".join([f"The change gate stops {len(findings)} step(s) of stack '{stack}':", *lines]),
            where="policies/changes.py, judged on the steps of the preview before anything was touched",
            fix=f"Undo them, or take them on: ./plinth preview --stack {stack} --accept-as 'YOUR NAME'",
        )
