"""Commands for what a stack on AWS needs before its first change."""

import contextlib
from typing import Annotated

import typer

from infra.errors import PlinthError
from infra.ops.cli.base import Json, Stack, app
from infra.ops.console import Steps, screen


@app.command()
def bootstrap(
    stack: Stack,
    emulate: Annotated[
        bool, typer.Option("--emulate", help="Try it on a copy of the stack, on a local AWS API of its own.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a stack's state bucket and key on AWS, and lock its stack file with them.

    For somebody who administers the account, once for each stack on AWS; safe to run again, which corrects
    what was changed by hand and goes on where a run was cut off. Makes a KMS key that rotates, an
    encrypted, versioned, private bucket that takes TLS only, and writes `secretsprovider` and
    `encryptedkey` into the stack file: commit them. State, history and locks are then in the bucket:
    eval "$(./plinth env --stack STACK)".
    """
    from infra.ops import aws_access, changes, emulated
    from infra.ops import bootstrap as module

    committed = emulated.stack_file(stack)
    settings = changes.stack_settings(committed)
    if settings.aws.emulated:
        raise PlinthError(
            f"Stack '{stack}' lives on the laptop: its state is a file of this clone and needs no bucket.",
            fix="Name a stack on AWS: ./plinth bootstrap --stack prod, with --emulate to try it here.",
        )
    steps = Steps()
    with contextlib.ExitStack() as during:
        environ, file = None, committed
        if emulate:
            file = during.enter_context(emulated.platform_of(stack))
            settings = changes.stack_settings(file)
        during.enter_context(steps.shown())
        if emulate:
            environ = emulated.aws_only()
        with steps.step("state backend"):
            done = module.run(settings, file, aws_access.clients(settings.aws.region, environ), steps.say)
    if as_json:
        screen.json(
            {
                "stack": stack,
                "bucket": done.bucket,
                "key_arn": done.key_arn,
                "backend_url": done.url,
                "secretsprovider": done.provider,
                "steps": done.steps,
            }
        )
        return
    for name, outcome in done.steps.items():
        screen.out.print(f"  {name}: {outcome}")
    screen.out.print(f"[bold green]State of stack {stack}[/]: {done.url}")
    if not emulate:
        screen.out.print(f'Commit stacks/{file.name}, then: eval "$(./plinth env --stack {stack})"')


@app.command()
def deployer(stack: Stack = "local", as_json: Json = False) -> None:
    """Compare what the last `up` called on the local AWS API with what CI's roles may do there.

    Exit code 4 when the deployer lacks a permission, or one of the two roles of CI a look.
    """
    from infra.errors import Exit
    from infra.ops import changes, emulated
    from infra.ops import deployer as module

    report = module.compare(changes.stack_settings(emulated.stack_file(stack)))
    missing = bool(report.refused) or any(report.unseen.values())
    if as_json:
        screen.json(
            {
                "requests": report.requests,
                "questions": report.questions,
                "actions": len(report.actions),
                "refused": dict(report.refused),
                "administrators": dict(report.administrators),
                "unseen": report.unseen,
            }
        )
    else:
        screen.out.print(
            f"{report.requests} changes ask IAM {report.questions} questions, {len(report.actions)} actions "
            f"with reads: {sum(report.refused.values())} that ci-deploy may not do."
        )
        for what, count in sorted(report.refused.items()):
            screen.out.print(f"  [red]refused[/] {count} x {what}")
        for what in sorted(report.administrators):
            screen.out.print(f"  [dim]an administrator's, at the first up:[/] {what}")
        for duty, actions in report.unseen.items():
            screen.out.print(f"  {duty} may not see: {', '.join(actions) or 'nothing that was looked at'}")
    if missing:
        raise typer.Exit(Exit.REFUSED)
