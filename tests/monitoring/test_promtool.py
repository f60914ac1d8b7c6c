"""promtool and amtool take what is made here, and every rule fires on its cause and is silent without it."""

import subprocess
from pathlib import Path

import pytest

from infra.local import toolchain
from infra.local.paths import repo_root
from infra.monitoring import routing, rule_tests, rules, scraping
from infra.ops.changes import stack_settings
from infra.wiring import monitoring

pytestmark = pytest.mark.monitoring
STACKS = ("local", "dev", "staging", "prod", "prod-dr")


@pytest.fixture(scope="module")
def tools() -> toolchain.Toolchain:
    return toolchain.ensure(("monitoring",))


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("stack", STACKS)
def test_what_each_stack_gives_to_prometheus_and_alertmanager_is_taken(tools, tmp_path, stack) -> None:
    settings = stack_settings(repo_root() / "stacks" / f"Pulumi.{stack}.yaml", {})
    files = monitoring.prometheus_files(settings) | monitoring.alertmanager_files(settings)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    told = [
        _run(tools.bin("promtool"), "check", "rules", "--lint-fatal", tmp_path / scraping.RULES_FILE),
        _run(tools.bin("promtool"), "check", "config", "--syntax-only", tmp_path / scraping.CONFIG_FILE),
        _run(tools.bin("amtool"), "check-config", tmp_path / routing.CONFIG_FILE),
    ]

    assert [done.stdout + done.stderr for done in told if done.returncode] == []


def _written(groups, folder: Path) -> list[Path]:
    for name, text in rule_tests.files(groups).items():
        (folder / name).write_text(text)
    return sorted(folder.glob("*.test.yml"))


def test_every_rule_fires_on_its_cause_and_is_silent_without_it(tools, tmp_path, groups) -> None:
    tests = _written(groups, tmp_path)
    done = _run(tools.bin("promtool"), "test", "rules", *tests)

    assert len(tests) >= len([group for group in groups if group.alerts])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def test_each_alert_is_tested_both_ways(groups) -> None:
    written = "".join(text for name, text in rule_tests.files(groups).items() if name.endswith(".test.yml"))
    names = [alert.name for alert in rules.alerts(groups)]

    for name in set(names):
        assert written.count(f"name: {name} ") == 2 * names.count(name)


def test_a_rule_that_is_broken_makes_the_tests_fail(tools, tmp_path, groups) -> None:
    """The tests can fail: with its border out of reach, an alert no longer fires on its cause."""
    tests = _written([group for group in groups if group.name == "cluster" or group.recordings], tmp_path)
    rule_file = tmp_path / "cluster.rules.yml"
    rule_file.write_text(rule_file.read_text().replace("> 0.85", "> 85"))
    done = _run(tools.bin("promtool"), "test", "rules", *tests)

    assert done.returncode != 0
    assert "NodeDiskFilling" in done.stdout + done.stderr
