"""An emulated stack refuses any environment that could reach the real AWS."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import emulation
from infra.errors import RefusedError
from infra.settings import Settings

HELD = {
    "HTTPS_PROXY": "http://127.0.0.1:5000",
    "HTTP_PROXY": "http://127.0.0.1:5000",
    "NO_PROXY": "127.0.0.1,localhost",
    "AWS_ACCESS_KEY_ID": emulation.EMULATED_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_CA_BUNDLE": "/somewhere/ca.crt",
}


def test_an_environment_that_is_held_on_loopback_passes(settings: Settings) -> None:
    emulation.require_loopback(settings, HELD)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"HTTPS_PROXY": ""}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "HTTPS_PROXY"),
        ({"HTTP_PROXY": "http://127.0.0.1.example:1"}, "HTTP_PROXY"),
        ({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, "AWS_ACCESS_KEY_ID"),
        ({"AWS_CA_BUNDLE": ""}, "AWS_CA_BUNDLE"),
        ({"AWS_PROFILE": "prod"}, "AWS_PROFILE"),
        ({"AWS_SESSION_TOKEN": "x"}, "AWS_SESSION_TOKEN"),
        ({"AWS_ENDPOINT_URL": "https://s3.amazonaws.com"}, "AWS_ENDPOINT_URL"),
        ({"NO_PROXY": "localhost,.amazonaws.com"}, "NO_PROXY"),
        ({"NO_PROXY": "*"}, "NO_PROXY"),
    ],
)
def test_each_leak_is_refused_and_named_but_not_shown(
    settings: Settings, change: dict[str, str], told: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        emulation.require_loopback(settings, HELD | change)

    assert told in str(caught.value)
    assert "AKIA" not in str(caught.value)


def test_a_stack_on_aws_is_not_held_back(raw_settings: dict[str, Any]) -> None:
    raw_settings["aws"]["emulated"] = False
    settings = Settings.parse(raw_settings, stack="dev", environ={})

    emulation.require_loopback(settings, {})


@given(st.dictionaries(st.sampled_from([*HELD, "AWS_PROFILE", "AWS_ROLE_ARN"]), st.text(max_size=30)))
def test_only_loopback_proxies_and_the_dummy_key_ever_pass(change: dict[str, str]) -> None:
    environ = HELD | change
    if not emulation.leaks(environ):
        assert environ["AWS_ACCESS_KEY_ID"] == emulation.EMULATED_KEY_ID
        assert environ["HTTPS_PROXY"].split("//", 1)[-1].startswith(("127.", "localhost", "[::1]"))
