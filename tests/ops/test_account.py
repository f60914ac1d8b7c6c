"""What a command asks of the local AWS API goes there, whatever the caller's shell says of AWS."""

from pathlib import Path
from typing import Any

import pytest

from infra.ops import aws_access
from infra.ops.account import Account

PROXY = "http://127.0.0.1:9"
LOCAL = {
    "HTTPS_PROXY": PROXY,
    "AWS_ACCESS_KEY_ID": "LOCALKEY",
    "AWS_SECRET_ACCESS_KEY": "local",
}


@pytest.mark.parametrize("by", ["account", "clients"])
def test_endpoints_profiles_and_keys_of_the_caller_are_left_outside(
    by: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs = tmp_path / "config"
    theirs.write_text("[default]\nendpoint_url = http://theirs.example\n", encoding="utf-8")
    authority = tmp_path / "ca.pem"
    authority.touch()
    for name, value in {
        "AWS_PROFILE": "nobody-made-this",
        "AWS_CONFIG_FILE": str(theirs),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2",
        "AWS_ACCESS_KEY_ID": "THEIRS",
        "AWS_SECRET_ACCESS_KEY": "theirs",
    }.items():
        monkeypatch.setenv(name, value)
    account = Account(
        account_id="123456789012", region="eu-west-1", emulated=True, proxy=PROXY, authority=str(authority)
    )
    ask: Any = (
        account.client
        if by == "account"
        else aws_access.clients("eu-west-1", LOCAL | {"AWS_CA_BUNDLE": str(authority)})
    )

    for service, place in (
        ("service-quotas", "https://servicequotas.eu-west-1.amazonaws.com"),
        ("s3", "https://s3.eu-west-1.amazonaws.com"),
    ):
        client = ask(service)
        assert client.meta.endpoint_url == place
        assert client._request_signer._credentials.access_key != "THEIRS"
        assert client.meta.config.proxies["https"] == PROXY
