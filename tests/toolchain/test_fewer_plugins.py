"""A smaller Prometheus: what is left in, what is left out, and what a moved list leads to."""

from pathlib import Path

import pytest

from infra.errors import PlatformError
from infra.local.toolchain.builder import ALL_FILTERS
from infra.local.toolchain.fewer_plugins import KEPT, MODULE, fewer_plugins
from infra.local.toolchain.recipe import Recipes

REGISTRY = f"""package plugins

import (
\t// Register aws plugin.
\t_ "{MODULE}/discovery/aws"
\t_ "{MODULE}/discovery/kubernetes"
)
"""


@pytest.fixture
def source(tmp_path) -> Path:
    """Make a Prometheus that registers two plug-ins, read-only as modules are."""
    folder = tmp_path / "prometheus"
    for path, text in {
        "plugins/plugins.go": REGISTRY,
        "rules/rule.go": "package rules\n",
        "rules/rule_test.go": "package rules\n",
        "web/ui/mantine-ui/page.html": "<p>",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "plugins").chmod(0o555)
    yield folder
    (folder / "plugins").chmod(0o755)


def test_only_the_plugins_in_use_are_registered(source, tmp_path):
    fewer_plugins(source, tmp_path, tmp_path / "copy")
    text = (tmp_path / "copy/plugins/plugins.go").read_text()

    assert [line.rsplit("/", 1)[-1].rstrip('"') for line in text.splitlines() if "_ " in line] == list(KEPT)


def test_code_stays_and_tests_and_pages_go(source, tmp_path):
    fewer_plugins(source, tmp_path, tmp_path / "copy")

    assert (tmp_path / "copy/rules/rule.go").exists()
    assert not (tmp_path / "copy/rules/rule_test.go").exists()
    assert not (tmp_path / "copy/web/ui/mantine-ui").exists()


@pytest.mark.parametrize("text", ["package plugins\n", REGISTRY.replace("kubernetes", "k8s")])
def test_a_prometheus_whose_list_moved_is_refused(source, tmp_path, text):
    (source / "plugins/plugins.go").write_text(text)

    with pytest.raises(PlatformError, match="list of plug-ins is not where it was"):
        fewer_plugins(source, tmp_path, tmp_path / "copy")


def test_every_filter_that_a_part_names_is_there():
    named = {build.filter for part in Recipes().parts.values() for build in part.builds if build.filter}

    assert named == set(ALL_FILTERS)


def test_the_big_providers_keys_do_not_follow_this_filter():
    """A change here must cost nobody the build of the AWS provider."""
    recipes = Recipes()
    own = recipes._sources(recipes.parts["monitoring"])
    others = recipes._sources(recipes.parts["aws"])

    assert "fewer_plugins.py" in {path.name for path in own}
    assert "fewer_plugins.py" not in {path.name for path in others}
