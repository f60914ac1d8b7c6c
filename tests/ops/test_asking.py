"""What is asked of Alertmanager: a drill needs what a graver alert hides, a page for people does not."""

from typing import Any

import pytest

from infra.ops.watching import asking


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    told = [
        {"labels": {"alertname": name}, "annotations": {}, "startsAt": "2026-11-21T10:00:00Z"}
        for name in ("Watchdog", "ServiceSlow")
    ]

    def get(_base: str, _path: str, **parameters: Any) -> Any:
        seen.append(parameters)
        return told

    monkeypatch.setattr(asking, "_get", get)
    monkeypatch.setenv(asking.VARIABLES["alertmanager"], "http://127.0.0.1:1")
    return seen


def test_alerts_are_asked_for_with_what_graver_ones_hide_and_without_the_watchdog(
    asked: list[dict[str, Any]],
) -> None:
    found = asking.alerts(labels={"service": "credit-risk"})

    assert [(row.name, row.severity, row.command) for row in found] == [
        ("ServiceSlow", "page", "./plinth runbook ServiceSlow")
    ]
    assert asked == [{"filter": ['service="credit-risk"'], "silenced": "false", "inhibited": "true"}]
    assert [row.name for row in asking.alerts("Watchdog")] == ["ServiceSlow", "Watchdog"]


def test_what_fires_for_people_leaves_out_what_is_hidden(asked: list[dict[str, Any]]) -> None:
    assert [row.name for row in asking.firing(url="http://127.0.0.1:2")] == ["ServiceSlow", "Watchdog"]
    assert asked[0]["inhibited"] == "false"
