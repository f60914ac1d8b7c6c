"""Who may say that an environment goes."""

from collections.abc import Callable

from infra.errors import RefusedError

PRODUCTION = ("prod", "prod-dr")
"""Environments that go only when somebody typed their name."""


def require(stack: str, *, yes: bool, name: str | None, ask: Callable[[str], str]) -> None:
    """Refuse unless a person agreed. Production takes its name, typed out, and no ``--yes`` in its place.

    Args:
        stack: The environment that would go.
        yes: Whether the command line agrees already.
        name: The name as it stands on the command line; None when it does not.
        ask: Asks a question and returns the answer; empty when nobody is there.

    Raises:
        RefusedError: Nobody agreed; nothing was touched.
    """
    if stack in PRODUCTION:
        typed = name if name is not None else ask(f"Type '{stack}' to remove it with all its data")
        if typed.strip() != stack:
            raise RefusedError(
                f"Stack '{stack}' is production, and its name was not typed: nothing was touched.",
                fix=f"./plinth destroy --stack {stack} --name {stack}, if that is what you want.",
            )
    elif name is not None and name != stack:
        raise RefusedError(
            f"The name '{name}' is not that of stack '{stack}': nothing was touched.",
            fix=f"./plinth destroy --stack {name}, or --name {stack}.",
        )
    elif not yes and ask(f"Remove stack '{stack}' with all its data? Type yes") not in {"y", "yes"}:
        raise RefusedError(
            "Nobody said yes: nothing was touched.", fix=f"./plinth destroy --stack {stack} --yes"
        )
