"""What a month of a stack costs, from its settings alone: no engine, no account, no network."""

import datetime as dt
from pathlib import Path
from typing import Any

from infra.ops import graph, sources
from infra.ops.console import screen
from infra.preview import cost
from infra.settings import Settings

SHEET_DAYS = 365
"""Days after which a price is said to be old: AWS has changed about one price in each service a year."""


def lines(file: Path) -> tuple[Settings, list[cost.Line]]:
    """Return the settings of a stack file and everything that a month of it costs."""
    settings = graph.stack_settings(file)
    items = (
        cost.Item(type=one.type, name=one.name, part=one.part, inputs=one.inputs)
        for one in sources.registered(settings)
    )
    return settings, cost.estimate(items, region=settings.aws.region, environment=settings.environment)


def document(settings: Settings, found: list[cost.Line], *, today: dt.date) -> dict[str, Any]:
    """Return the cost as data: every number with the row and the amount that it comes from."""
    usage = cost.usage(settings.environment)
    return {
        "stack": settings.environment,
        "region": settings.aws.region,
        "usd_per_month": float(cost.total(found)),
        "budget_usd": settings.cost.monthly_budget_usd,
        "within_budget": cost.total(found) <= settings.cost.monthly_budget_usd,
        "usage_share": {"part": float(usage.share), "why": usage.share_reason},
        "parts": {part: float(usd) for part, usd in cost.by_part(found).items()},
        "lines": [_line(line) for line in found],
        "unpriced": [f"{line.name}: {line.what}" for line in cost.unpriced(found)],
        "old_prices": old_prices(found, today=today),
    }


def old_prices(found: list[cost.Line], *, today: dt.date) -> list[str]:
    """Return the rows of the sheet in use that somebody should look at again."""
    old = {
        f"{line.price.service} {line.price.type}, {line.price.date.isoformat()}"
        for line in found
        if line.price and (today - line.price.date).days > SHEET_DAYS
    }
    return sorted(old)


def show(settings: Settings, found: list[cost.Line], *, today: dt.date, each: bool) -> None:
    """Print the cost by part; line by line with quantity, reason and price where ``each`` asks for it."""
    for part, usd in cost.by_part(found).items():
        screen.out.print(f"[bold]{usd:>10,.2f}  {part}[/]")
        for line in (one for one in found if each and one.part == part):
            price = line.price.told() if line.price else "[red]no row in infra/prices.yaml[/]"
            quantity = f"{line.quantity.normalize():f} ({line.because})"
            screen.out.print(f"{line.usd:>14,.2f}  {line.name}: {line.what}: {quantity} x {price}")
    usage = cost.usage(settings.environment)
    screen.out.print(
        f"[bold]{cost.total(found):,.2f} USD a month[/] in {settings.aws.region}, budget "
        f"{settings.cost.monthly_budget_usd:,} USD; {usage.share:f} of prod's usage, {usage.share_reason}."
    )
    screen.out.print("List prices without tax and discounts, as dated above; usage: infra/usage.yaml.")
    for row in old_prices(found, today=today):
        screen.out.print(f"[yellow]older than {SHEET_DAYS} days[/]: {row}")


def _line(line: cost.Line) -> dict[str, Any]:
    price = line.price
    return {
        "part": line.part,
        "resource": line.name,
        "what": line.what,
        "quantity": float(line.quantity),
        "because": line.because,
        "usd": float(line.usd),
        "price": None
        if price is None
        else {
            "row": [price.service, price.region, price.type, price.unit],
            "usd": float(price.usd),
            "date": price.date.isoformat(),
            "source": price.source,
            "estimated": price.estimated,
        },
    }
