"""The table of what is unproven is complete sentences about resources that exist."""

import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from infra.local.paths import repo_root
from infra.local.unproven import UNPROVEN, Unproven


@pytest.mark.parametrize("row", UNPROVEN, ids=lambda row: row.resource)
def test_a_row_names_a_resource_type_of_the_package_and_of_a_golden_graph(row: Unproven) -> None:
    package, place, name = row.resource.split(":")
    module, version = place.split("/")
    found = getattr({"aws": aws, "kubernetes": kubernetes}[package], module)
    found = getattr(found, version) if package == "kubernetes" else found
    graphs = "".join(p.read_text(encoding="utf-8") for p in (repo_root() / "tests" / "golden").glob("*.json"))

    assert hasattr(found, name)
    assert f'"{row.resource} ' in graphs  # a row about nothing would hide what is missing
    assert row.what
    assert row.instead


def test_rows_are_in_order_and_each_type_has_one() -> None:
    types = [row.resource for row in UNPROVEN]

    assert types == sorted(set(types))
