"""What a drill feeds moves with the clock, and what it leaves behind is buried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.monitoring import rules
from infra.ops import changes, emulated
from infra.ops.watching.drill import feeding
from infra.wiring import monitoring

FIRING = {"good_total": "0+950x60", "bad_total": "0+50x60"}
SILENT = {"good_total": "0+99999x60", "bad_total": "0+1x60"}


def shares(page: str) -> dict[str, float]:
    return {name: float(value) for name, _, value in (line.partition(" ") for line in page.splitlines())}


@given(steps=st.floats(0, 3600), by=st.integers(1, 20_000))
def test_counters_only_rise_when_they_are_diluted(steps: float, by: int) -> None:
    before = shares(feeding.exposition(FIRING, steps=steps))
    after = shares(feeding.diluted(FIRING, SILENT, steps=steps, by=by))

    assert all(after[name] > before[name] for name in FIRING)


@pytest.mark.parametrize("minutes", [1, 20, 60])
def test_what_a_drill_fed_is_no_longer_a_share_that_matters(minutes: int) -> None:
    settings = changes.stack_settings(emulated.stack_file("local"), {})
    known = rules.alerts(rules.groups(monitoring.watched(settings)))
    burning = [alert for alert in known if alert.proof.diluted_by]

    assert {alert.name for alert in burning} >= {
        "ServiceErrorBudgetBurnSlow",
        "ServiceErrorBudgetBurnCreeping",
    }
    for alert in burning:
        proof = alert.proof
        page = shares(feeding.diluted(proof.firing, proof.silent, steps=minutes * 60, by=proof.diluted_by))
        (bad,) = [value for name, value in page.items() if 'status="500"' in name]
        (good,) = [value for name, value in page.items() if 'status="200"' in name]
        assert bad / (bad + good) < 0.0005, "half of what the slowest burn allows"
