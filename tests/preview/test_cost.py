"""What a month costs: every number is a quantity times a row, for all five stacks."""

import json
from decimal import Decimal

import pytest

from infra.local.paths import repo_root
from infra.ops import costs, graph
from infra.preview import cost
from infra.prices import sheet
from infra.settings import Settings

STACKS = ("local", "dev", "staging", "prod", "prod-dr")


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[Settings, list[cost.Line]]]:
    """Return every stack's settings and lines, from its golden graph: building five programs costs 15 s."""
    return {name: priced(name) for name in STACKS}


def priced(stack: str) -> tuple[Settings, list[cost.Line]]:
    settings = graph.stack_settings(repo_root() / "stacks" / f"Pulumi.{stack}.yaml")
    resources = json.loads((repo_root() / "tests" / "golden" / f"{stack}.json").read_text(encoding="utf-8"))
    items = [
        cost.Item(type=kind, name=name, part=name.removesuffix("-template"), inputs=inputs)
        for (kind, _, name), inputs in ((key.partition(" "), inputs) for key, inputs in resources.items())
    ]
    return settings, cost.estimate(items, region=settings.aws.region, environment=stack)


def test_the_command_prices_what_the_golden_graph_holds(
    found: dict[str, tuple[Settings, list[cost.Line]]],
) -> None:
    _, lines = costs.lines(repo_root() / "stacks" / "Pulumi.dev.yaml")

    assert cost.total(lines) == cost.total(found["dev"][1])


@pytest.mark.parametrize("stack", STACKS)
def test_every_number_is_traceable(found: dict[str, tuple[Settings, list[cost.Line]]], stack: str) -> None:
    _, lines = found[stack]

    assert cost.unpriced(lines) == []
    for line in lines:
        assert line.price is not None
        assert line.price.source
        assert line.because
        row = sheet().price(line.price.service, line.price.region, line.price.type, unit=line.price.unit)
        assert line.price == row or line.price.unit == "spot hour"
        assert line.usd == (line.quantity * line.price.usd).quantize(cost.CENT)
    assert sum(cost.by_part(lines).values()) == cost.total(lines)


def test_the_five_stacks_stay_within_their_budgets_and_in_their_order(
    found: dict[str, tuple[Settings, list[cost.Line]]],
) -> None:
    totals = {name: cost.total(lines) for name, (_, lines) in found.items()}

    assert all(costs.document(*found[n], today=_day())["within_budget"] for n in STACKS)
    assert totals["dev"] < totals["staging"] < totals["prod"]


def test_old_prices_are_named(found: dict[str, tuple[Settings, list[cost.Line]]]) -> None:
    _, lines = found["dev"]

    assert costs.old_prices(lines, today=_day()) == []
    assert costs.old_prices(lines, today=_day().replace(year=2030))


def test_spot_costs_less_than_on_demand_for_every_gpu_type() -> None:
    kinds = {row.type for row in sheet().rows() if row.service == "ec2" and row.type[0] in "gp"}

    assert len(kinds) > 20
    for kind in kinds:
        spot, plain = (
            sheet().spot("eu-central-1", kind),
            sheet().price("ec2", "eu-central-1", kind, unit="hour"),
        )
        assert spot is not None
        assert plain is not None
        assert Decimal(0) < spot.usd < plain.usd
        assert "to be checked" in spot.source


def test_what_has_no_row_is_said_and_not_free() -> None:
    pool = cost.Item(
        type="aws:eks/nodeGroup:NodeGroup",
        name="future",
        part="future",
        inputs={"scalingConfig": {"minSize": 1, "maxSize": 1}, "instanceTypes": ["p9.huge"]},
    )
    lines = cost.estimate([pool], region="eu-central-1", environment="prod")

    assert [line.what for line in cost.unpriced(lines)] == ["p9.huge"]


def _day() -> "costs.dt.date":
    return max(row.date for row in sheet().rows())
