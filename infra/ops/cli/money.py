"""What an environment costs."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.errors import Exit, PlinthError
from infra.ops.cli.base import Json, Stack, app
from infra.ops.console import screen


@app.command()
def cost(
    stack: Stack = "local",
    each: Annotated[
        bool, typer.Option("--lines", help="Every line: quantity, its reason, price, its date.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a month of a stack costs, part by part; exit code 4 when that is more than its budget.

    Every number is a quantity times a row of infra/prices.yaml, which carries its date and source; what is
    paid by use is taken from infra/usage.yaml, which says why. No engine, no account, no network.
    """
    from infra.ops import costs, emulated
    from infra.preview.cost import total

    today = datetime.now(UTC).date()
    settings, found = costs.lines(emulated.stack_file(stack))
    if as_json:
        screen.json(costs.document(settings, found, today=today))
    else:
        costs.show(settings, found, today=today, each=each)
    if total(found) > settings.cost.monthly_budget_usd:
        raise PlinthError(
            f"A month of stack '{stack}' costs {total(found):,.2f} USD, more than its budget of "
            f"{settings.cost.monthly_budget_usd:,} USD.",
            where=f"stacks/Pulumi.{stack}.yaml, key plinth:cost.monthly_budget_usd",
            fix="Make the dearest part above smaller, or raise the budget.",
            code=Exit.REFUSED,
        )
