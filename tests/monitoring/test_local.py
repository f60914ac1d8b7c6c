"""From the cluster's configuration to the laptop's, and a drill's shorter times."""

import json
from copy import deepcopy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.local.monitor import DRILL_FILE, PROMETHEUS_FILE, RULES_FILE, hurry, loop, translate
from infra.monitoring import routing, rules, scraping

PLACES = translate.Places(
    kubeconfig="/home/kubeconfig",
    processes={"operations": "127.0.0.1:1", "prometheus": "127.0.0.1:2", "alertmanager": "127.0.0.1:3"},
    simulated="127.0.0.1:4",
    alertmanager="127.0.0.1:3",
    aws="http://127.0.0.1:5",
    aws_authority="/home/ca.crt",
)


@pytest.fixture(scope="module")
def config():
    jobs = scraping.jobs(
        monitoring="monitoring", serving="serving", gpu_system="gpu-system", autoscaler="autoscaler"
    )
    wanted = scraping.Scraping(
        environment="local",
        region="eu-central-1",
        interval_seconds=15,
        jobs=jobs,
        namespace="monitoring",
        remote_write_url="https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write",
    )
    return scraping.document(wanted)


def test_only_addresses_change(config) -> None:
    before = deepcopy(config)
    found = translate.prometheus(config, PLACES)
    jobs = {job["job_name"]: job for job in found["scrape_configs"]}

    assert config == before
    assert found["global"] == before["global"]
    assert found["rule_files"] == before["rule_files"]
    for job in before["scrape_configs"]:
        here = jobs.pop(job["job_name"])
        for key in ("metric_relabel_configs", "honor_labels", "sample_limit"):
            assert here.get(key) == job.get(key)
        if job["job_name"] in PLACES.processes:
            assert here["static_configs"] == [{"targets": [PLACES.processes[job["job_name"]]]}]
        else:
            kept = len(job["relabel_configs"])
            assert here["relabel_configs"][:kept] == job["relabel_configs"]
    assert list(jobs) == [translate.FED_JOB]
    assert "remote_write" not in found


def test_services_are_reached_at_the_address_that_the_runner_gave_and_nowhere_else(config) -> None:
    found = translate.prometheus(config, PLACES)
    (services,) = [job for job in found["scrape_configs"] if job["job_name"] == "services"]
    keep, put = services["relabel_configs"][-2:]

    assert keep == {"source_labels": [translate.ENDPOINT], "regex": translate.LOOPBACK, "action": "keep"}
    assert (put["target_label"], put["replacement"]) == ("__address__", "$1")


def test_no_message_can_leave_the_machine() -> None:
    wanted = routing.Routing(environment="local", region="eu-central-1", topic_arn="a", watchdog_arn="b")
    config = routing.document(wanted)
    config["receivers"].append({"name": "chat", "webhook_configs": [{"url": "https://example.com"}]})
    found = translate.alertmanager(config, PLACES)

    assert {key for receiver in found["receivers"] for key in receiver} == {"name", "sns_configs"}
    assert [one["http_config"]["proxy_url"] for r in found["receivers"] for one in r["sns_configs"]] == [
        PLACES.aws,
        PLACES.aws,
    ]


@given(st.integers(1, 10**6), st.integers(1, 100), st.integers(1, 60))
def test_a_shortened_time_is_never_longer_and_never_below_the_floor(seconds, divisor, least) -> None:
    short = hurry.seconds(hurry.shortened(f"{seconds}s", divisor, least))

    assert min(least, seconds) <= short <= max(seconds, least)


def test_a_drill_shortens_ranges_and_waits_and_leaves_thresholds_alone(groups) -> None:
    document = rules.document(groups)
    short = hurry.rules(document, divisor=60, scrape_seconds=2)
    pairs = [
        (old, new)
        for a, b in zip(document["groups"], short["groups"], strict=True)
        for old, new in zip(a["rules"], b["rules"], strict=True)
    ]

    assert all(old.get("labels") == new.get("labels") for old, new in pairs)
    (old, new), *_ = [pair for pair in pairs if pair[0].get("alert") == "ConfidenceLow"]
    assert "[1h]" in old["expr"]
    assert "[60s]" in new["expr"]
    assert (old["for"], new["for"]) == ("5m", "5s")
    assert "> 0.35" in new["expr"]


def test_a_drill_is_on_only_while_its_file_says_so(config, groups, tmp_path) -> None:
    documents = {
        PROMETHEUS_FILE: config,
        RULES_FILE: rules.document(groups),
        "alertmanager.yml": routing.document(
            routing.Routing(environment="local", region="eu-central-1", topic_arn="a", watchdog_arn="b")
        ),
    }
    assert loop.hurried(tmp_path, documents) == documents

    (tmp_path / DRILL_FILE).write_text(json.dumps({"divisor": 60, "scrape_seconds": 2}))
    found = loop.hurried(tmp_path, documents)
    assert found[PROMETHEUS_FILE]["global"]["scrape_interval"] == "2s"
    assert found["alertmanager.yml"]["route"]["group_wait"] == "1s"

    (tmp_path / DRILL_FILE).write_text("{")
    assert loop.hurried(tmp_path, documents) == documents


def test_files_are_written_when_they_change_and_only_their_readers_are_told(tmp_path) -> None:
    files = {PROMETHEUS_FILE: "a", RULES_FILE: "b", "alertmanager.yml": "c"}

    assert loop.publish(tmp_path, files) == {"prometheus", "alertmanager"}
    assert loop.publish(tmp_path, files) == set()
    assert loop.publish(tmp_path, {**files, RULES_FILE: "d"}) == {"prometheus"}
    assert yaml.safe_load((tmp_path / RULES_FILE).read_text()) == "d"
