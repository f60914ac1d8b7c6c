"""What rules must be before anybody relies on them, and what is refused, by name."""

from dataclasses import replace

import pytest

from infra.local.paths import repo_root
from infra.monitoring import exported, rules, thresholds
from infra.monitoring.thresholds import THRESHOLDS, Threshold
from infra.operations.samples import HELP
from infra.ops.watching import runbooks
from services.readiness.contract import Contract

FILLED = {name: name for name in ("stack", "service", "region", "cluster", "vault", "trail", "budget")}


def test_the_rules_of_both_services_have_no_mistake(watched) -> None:
    assert rules.mistakes(watched) == []


def test_alert_and_runbook_are_one_to_one(groups) -> None:
    assert {alert.name for alert in rules.alerts(groups)} == set(runbooks.known())


@pytest.mark.parametrize("name", runbooks.known())
def test_a_runbook_has_every_section_and_commands_to_begin_and_to_end_with(name) -> None:
    found = runbooks.load(name, FILLED)

    assert tuple(found.sections) == runbooks.SECTIONS
    assert all(len(text) > 20 for text in found.sections.values())
    for section in ("Diagnose", "Verify"):
        commands = found.commands(section)
        assert commands
        assert all(words[0] == "./plinth" for words in commands)
    assert not any(f"{{{name}}}" in found.text for name in FILLED)


@pytest.mark.parametrize("name", runbooks.known())
def test_a_runbook_names_metrics_that_something_exports(name) -> None:
    known = exported.known().keys() | {"prometheus_remote_storage_samples_pending"}
    asked = {
        metric
        for section in ("Diagnose", "Verify")
        for words in runbooks.load(name, FILLED).commands(section)
        if words[1] == "metric"
        for metric in rules.metrics(words[2])
    } - {"topk", "alertmanager_notifications_total"}

    assert asked - known == set()


def test_every_metric_of_a_rule_is_one_that_something_exports(groups) -> None:
    unknown = {name: who for name, who in rules.used_metrics(groups).items() if name not in exported.known()}

    assert unknown == {}


def test_what_the_operations_exporter_says_is_what_rules_may_read() -> None:
    assert set(exported.OPERATIONS) == set(HELP)


def test_every_threshold_is_used() -> None:
    """A number that nothing reads is one that somebody will change in vain."""
    text = "".join(path.read_text() for path in (repo_root() / "infra/monitoring").glob("*_rules.py"))

    assert [name for name in THRESHOLDS if f'"{name}"' not in text and f"'{name}'" not in text] == []


def test_a_synthetic_alert_says_why(groups) -> None:
    reasons = {
        alert.name: alert.why_synthetic for alert in rules.alerts(groups) if alert.cause == "synthetic"
    }

    assert all(len(reason) > 20 for reason in reasons.values())
    assert all(not alert.why_synthetic for alert in rules.alerts(groups) if alert.cause == "local")


def _with(contract: Contract, **changed: object) -> Contract:
    return contract.model_copy(update=changed)


def test_a_contract_about_a_figure_that_nothing_measures_is_refused_by_name(contracts) -> None:
    rule = contracts[0].failing[0].model_copy(update={"figure": "customer_happiness"})
    wrong = _with(contracts[0], failing=[rule])
    (line,) = rules.mistakes(rules.Watched(contracts=[wrong], gpus=False))

    assert "credit-risk" in line
    assert "'customer_happiness', which nothing measures" in line


def test_limits_between_the_histograms_borders_are_refused(contracts) -> None:
    objectives = contracts[0].objectives.model_copy(update={"latency_ms": 180})
    confidence = contracts[0].confidence.model_copy(update={"low_below": 0.63})
    wrong = _with(contracts[0], objectives=objectives, confidence=confidence)
    lines = rules.mistakes(rules.Watched(contracts=[wrong], gpus=False))

    assert [("latency_ms 180" in line, "low_below 0.63" in line) for line in lines] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"unit": ""}, "unit '' is none of"),
        ({"unit": "bananas"}, "unit 'bananas' is none of"),
        ({"reason": "because"}, "says no reason"),
        ({"value": float("nan")}, "no number that can be reached"),
        ({"name": "Burn Fast"}, "a name has lower-case letters"),
    ],
)
def test_a_threshold_without_unit_reason_or_number_is_refused_by_name(changed, said) -> None:
    wrong = replace(THRESHOLDS["burn_fast"], **changed)
    lines = thresholds.mistakes({"x": wrong})

    assert any(said in line and wrong.name in line for line in lines)


def test_a_rule_that_cannot_fire_is_refused_by_name(groups) -> None:
    alert = next(alert for alert in rules.alerts(groups) if alert.name == "ServiceSaturated")
    deaf = replace(alert, expr="vector(0) > 1")
    elsewhere = replace(alert, expr="plinth_other_metric > 1")
    early = replace(alert, for_seconds=3600)

    assert rules.alert_mistakes(deaf) == [
        "alert ServiceSaturated: reads no metric, so it cannot fire on anything"
    ]
    assert "no series of its proof is one that it reads" in rules.alert_mistakes(elsewhere)[0]
    assert "its proof ends before its 1h have passed" in rules.alert_mistakes(early)[0]


def test_a_threshold_knows_its_words() -> None:
    found = Threshold(name="a", value=3, unit="days", reason="long enough to say something")

    assert (found.words, found.text, found.mistakes()) == ("3 days", "3", [])
