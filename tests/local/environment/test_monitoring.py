"""Prometheus and Alertmanager on the laptop watch what `up` deployed."""

import time
from typing import Any

import pytest
from clones import Clone

from infra.errors import Exit
from infra.local.paths import repo_root
from infra.monitoring import exported, rules
from infra.monitoring.scraping import jobs
from services.readiness import contract_file

pytestmark = [pytest.mark.local, pytest.mark.monitoring]

WAIT_SECONDS = 90
"""Longest wait for a scrape of everything: six intervals."""
NEEDS_A_CAUSE = {
    "plinth_audit_silence_seconds",  # a trail that has delivered once; the local AWS API delivers nothing
    "plinth_drift_border",  # some hundred requests
    "plinth_drift_value",
    "plinth_unavailable_answers_total",
    "plinth_undesigned_errors_total",
}
"""Metrics that are there once there was something to tell."""


def _ask(clone: Clone, query: str) -> list[dict[str, Any]]:
    return list(clone.plinth("metric", query, "--json").ended(Exit.OK).json)


def _until(clone: Clone, query: str, wanted: int) -> list[dict[str, Any]]:
    end = time.monotonic() + WAIT_SECONDS
    while len(found := _ask(clone, query)) < wanted and time.monotonic() < end:
        time.sleep(3)
    return found


def test_every_job_of_the_program_has_a_target_that_answers(settled: Clone) -> None:
    wanted = {
        job.name
        for job in jobs(
            monitoring="monitoring", serving="serving", gpu_system="gpu-system", autoscaler="autoscaler"
        )
    }
    found = _until(settled, "sum by (job) (up) > 0", len(wanted) + 1)

    assert wanted <= {row["metric"]["job"] for row in found}
    end = time.monotonic() + WAIT_SECONDS
    while (down := _ask(settled, "up == 0")) and time.monotonic() < end:
        time.sleep(3)  # of a pod that has just gone, the last word is seen for an interval or two
    assert down == []


def test_every_metric_of_a_rule_exists_in_a_real_scrape(settled: Clone) -> None:
    """Those of programs that have no process here are told by name, with what would tell them."""
    settled.plinth("predict", "--service", "credit-risk", "--json").ended(Exit.OK)
    contracts = [
        contract_file.load(repo_root() / "services" / name) for name in ("credit_risk", "digit_reader")
    ]
    used = rules.used_metrics(rules.groups(rules.Watched(contracts=contracts, gpus=True)))
    elsewhere = {
        name
        for name, teller in exported.known().items()
        if teller in ("DCGM exporter", "kube-state-metrics", "node exporter")
    } | {"plinth_backup_age_seconds", "plinth_cost_spent_share", "plinth_month_elapsed_share"}
    here = sorted(used.keys() - elsewhere - NEEDS_A_CAUSE)
    end = time.monotonic() + WAIT_SECONDS
    missing = here
    while missing and time.monotonic() < end:
        missing = [name for name in missing if not _ask(settled, f"count({name})")]
        time.sleep(3 if missing else 0)

    assert missing == []


def test_the_watchdog_reaches_alertmanager_and_nothing_else_fires(settled: Clone) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not (found := settled.plinth("alerts", "Watchdog", "--json").json) and time.monotonic() < end:
        time.sleep(3)

    assert [row["name"] for row in found] == ["Watchdog"]
    settled.plinth("alerts").ended(Exit.OK, "no alert fires")
