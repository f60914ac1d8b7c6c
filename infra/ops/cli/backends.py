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
