"""What the READMEs say of the guards is what the command measures, and what the contracts ask for."""

import copy
import importlib
from pathlib import Path
from typing import Any

import pytest

from services.lifecycle import trust_tables
from services.readiness import contract_file

ROOT = Path(__file__).parents[2] / "services"
POINTS = 0.6
"""Points by which two machines may differ: one row of 250 among ten splits is 0.04."""


@pytest.fixture(scope="module", params=["credit_risk", "digit_reader"])
def measured(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    module = importlib.import_module(f"services.{request.param}.trust_figures")
    return request.param, module.measure()


@pytest.mark.serving
def test_the_readme_says_what_is_measured(measured: tuple[str, dict[str, Any]]) -> None:
    service, figures = measured
    text = (ROOT / service / "README.md").read_text(encoding="utf-8")

    assert trust_tables.differences(text, figures, points=POINTS) == [], (
        f"./plinth bench trust --service {service.replace('_', '-')} --write"
    )


@pytest.mark.serving
def test_the_guards_are_worth_what_the_contract_promises(measured: tuple[str, dict[str, Any]]) -> None:
    service, figures = measured
    contract = contract_file.load(ROOT / service)
    guard = figures["guard"]

    for name, one in figures["conformal"].items():
        wanted = int(name.removeprefix("at_").removesuffix("_percent")) / 100
        assert abs(one["coverage"] - wanted) <= contract.confidence.coverage_gap_at_most, name
    assert guard["false_alarms"]["at_1_percent"] <= 1.5 * contract.out_of_distribution.false_positive_rate
    well_found = [name for name, one in guard["found"].items() if one["at_5_percent"] >= 0.7]
    assert len(well_found) >= 3


FIGURES: dict[str, Any] = {
    "guard": {
        "false_alarms": {"at_1_percent": 0.01, "at_5_percent": 0.05},
        "found": {"noise_everywhere": {"at_1_percent": 0.5, "at_5_percent": 0.9}},
    },
    "conformal": {"at_90_percent": {"coverage": 0.9, "share_of_single_class": 0.5}},
    "fairness": {
        "age": {
            "groups": {
                "young": {"rows": 9, "default_rate": 0.4, "approval_rate": 0.1, "approval_rate_of_good": 0.2}
            },
            "gaps": {"approval_rate_ratio": 0.5, "approval_rate_of_good_ratio": 0.6},
        }
    },
}


def test_a_number_that_moved_and_a_row_that_is_missing_are_found(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    marks = [
        f"{trust_tables.START.format(name)}\n{trust_tables.END}\n" for name in trust_tables.tables(FIGURES)
    ]
    readme.write_text("before\n" + "between\n".join(marks) + "after\n")
    trust_tables.write(readme, FIGURES)
    trust_tables.write(readme, FIGURES)
    text = readme.read_text()

    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| noise everywhere | 50.0 % | 90.0 % |" in text
    assert trust_tables.differences(text, FIGURES, points=0.1) == []
    for part, path, value in (
        ("guard", ("found", "noise_everywhere", "at_1_percent"), 0.51),
        ("conformal", ("at_90_percent", "coverage"), 0.88),
        ("fairness", ("age", "groups", "young", "approval_rate"), 0.2),
    ):
        moved = copy.deepcopy(FIGURES)
        inner = moved[part]
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        (found,) = trust_tables.differences(text, moved, points=0.1)
        assert found.startswith(part)
    fewer = copy.deepcopy(FIGURES)
    fewer["guard"]["found"] = {}
    assert trust_tables.differences(text, fewer, points=0.1)
