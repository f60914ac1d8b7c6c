"""Dashboards: what Grafana loads is what the code says, every query is one, and nothing queries nothing."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from infra.local import toolchain
from infra.monitoring import dashboards as module
from infra.monitoring import exported
from infra.monitoring.drawing import Line, draw, shown
from infra.monitoring.estate_boards import GPU
from infra.monitoring.panels import COLUMNS, Dashboard, Panel, Query, concrete, document, metrics, mistakes
from infra.ops import dashboards

ROOT = Path(__file__).parents[2]
ALL = module.dashboards(dashboards.contracts(ROOT))


def promtool() -> str | None:
    state = {one.name: one for one in toolchain.status()}
    if "monitoring" in state and state["monitoring"].state == "installed":
        return str(Path(state["monitoring"].folder) / "bin" / "promtool")
    return shutil.which("promtool")


def test_the_files_that_grafana_loads_are_those_of_the_code() -> None:
    for path, text in dashboards.files(ROOT).items():
        assert (ROOT / path).read_text() == text, f"{path} is old: ./plinth docs"
    assert {path.stem for path in (ROOT / "infra/monitoring/dashboards").glob("*.json")} == {
        one.uid for one in ALL
    }


def test_every_panel_queries_something_that_exists() -> None:
    assert mistakes(ALL, exported.known()) == []


PANEL = Panel(title="Load", tells="", unit="short", queries=(Query(expr="up"),))


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        (replace(PANEL, queries=()), "dashboard bad, panel 'Load': queries nothing"),
        (
            replace(PANEL, queries=(Query(expr="plinth_no_such_total"),)),
            "dashboard bad, panel 'Load': reads plinth_no_such_total, which nothing exports",
        ),
        (
            replace(PANEL, queries=(Query(expr="vector(1)"),)),
            "dashboard bad, panel 'Load': reads no metric: vector(1)",
        ),
        (replace(PANEL, width=25), "dashboard bad, panel 'Load': is 25 of 24 columns wide"),
    ],
)
def test_a_panel_that_shows_nothing_is_refused_by_its_name(panel, said) -> None:
    assert mistakes([Dashboard(uid="bad", title="", tells="", panels=(panel,))], {"up": "all"}) == [said]


def test_an_empty_dashboard_and_one_that_stands_twice_are_refused_by_their_names() -> None:
    empty = Dashboard(uid="empty", title="", tells="", panels=())
    good = Dashboard(uid="good", title="", tells="", panels=(PANEL, PANEL))

    assert mistakes([empty, good, good], {"up": "all"}) == [
        "dashboard empty: shows nothing",
        "dashboard good: panel 'Load' stands twice",
        "dashboard good: stands twice",
        "dashboard good: panel 'Load' stands twice",
    ]


def test_metrics_of_an_expression_are_found_and_nothing_else() -> None:
    expr = 'sum by (service) (rate(a_bucket{service=~"$service"}[$__rate_interval])) / on (x) b_total > 0.5e3'

    assert metrics(expr) == {"a_bucket", "b_total"}


@pytest.mark.parts
def test_every_query_parses(tmp_path) -> None:
    program = promtool()
    if program is None:
        pytest.skip("there is no promtool: ./plinth toolchain build monitoring")
    rules = [
        {"record": f"q:{number}", "expr": concrete(query.expr)}
        for number, query in enumerate(
            query for one in ALL for panel in one.panels for query in panel.queries
        )
    ]
    file = tmp_path / "queries.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([program, "check", "rules", str(file)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_do_not_lie_on_each_other_and_fit_the_page() -> None:
    for one in ALL:
        taken: set[tuple[int, int]] = set()
        for panel in document(one)["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert place["x"] + place["w"] <= COLUMNS
            assert not cells & taken
            taken |= cells


def test_a_picture_is_well_formed_and_says_what_has_no_data_and_why() -> None:
    lines = {
        "Use": [
            Line(
                name='<gpu "0"> & more',
                points=[(0.0, 10.0), (1.0, float("nan")), (2.0, 90.0), (3.0, 80.0), (90.0, 80.0)],
            )
        ]
    }
    picture = draw(GPU, lines, start=0, end=90)
    tree = ET.fromstring(picture)  # noqa: S314 - it was made a line above
    words = "\n".join(tree.itertext())

    assert '<gpu "0"> & more: 80 %' in words
    assert picture.count("<polyline") == 1  # the points beside the gaps are dots
    assert words.count("No data here") == len(GPU.panels) - 1
    assert "prefers-color-scheme: dark" in picture


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.1234, "percentunit", "12.3%"),
        (0.00001, "percentunit", "0.001%"),
        (0.0021, "s", "2.1 ms"),
        (93_600.0, "s", "26 h"),
        (1234.5, "reqps", "1,234/s"),
        (float("nan"), "short", "none"),
    ],
)
def test_numbers_are_shown_short_with_their_unit(value, unit, words) -> None:
    assert shown(value, unit) == words
