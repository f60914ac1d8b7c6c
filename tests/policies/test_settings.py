"""A misspelt setting never quietly means another one."""

import pytest

from policies.core import PolicyError, PolicySettings


def test_the_defaults_are_the_strictest():
    assert PolicySettings.parse({}) == PolicySettings()
    assert PolicySettings().environment == "prod"
    assert PolicySettings().accounts == ()


def test_settings_come_back_as_they_were_written():
    settings = PolicySettings(
        environment="dev",
        registries=("a", "b"),
        accounts=("123456789012",),
        owns_account=False,
        today="2026-02-28",
    )

    assert PolicySettings.parse(settings.render()) == settings


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"environment": "production"}, "not one that the controls know"),
        ({"environment": ["prod"]}, "not one that the controls know"),
        ({"account": []}, "Unknown policy setting: account"),
        ({"accounts": "123456789012"}, "'accounts' is not a list of strings"),
        ({"registries": [1]}, "'registries' is not a list of strings"),
        ({"owns_account": "no"}, "'owns_account' is neither true nor false"),
        ({"today": "2026-02-30"}, "'today' is not a day"),
    ],
)
def test_a_mistake_is_refused_with_the_setting_named(raw, says):
    with pytest.raises(PolicyError, match=says) as caught:
        PolicySettings.parse(raw)

    assert caught.value.fix
    assert "where: policy pack configuration" in str(caught.value)
