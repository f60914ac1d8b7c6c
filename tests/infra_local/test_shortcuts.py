"""The shortcuts around moto find what moto finds."""

from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam import models as iam
from moto.moto_proxy.proxy3 import MotoRequestHandler

from infra.local.aws_api import bucket_judge, shortcuts

pytestmark = pytest.mark.parts

HOSTS = (
    "https://s3.eu-central-1.amazonaws.com",
    "https://a-bucket.s3.eu-central-1.amazonaws.com",
    "https://123456789012.s3-control.eu-central-1.amazonaws.com",
    "https://kms.eu-central-1.amazonaws.com",
    "https://sqs.eu-central-1.amazonaws.com",
    "https://dynamodb.eu-central-1.amazonaws.com",
    "https://eks.eu-central-1.amazonaws.com",
    "https://backup.eu-central-1.amazonaws.com",
    "https://iam.amazonaws.com",
    "https://sts.amazonaws.com",
    "https://no-such-service.eu-central-1.amazonaws.com",
)
PATHS = (
    "/",
    "/?list-type=2",
    "/key",
    "/folder/key.jsonl?versionId=1",
    "/clusters",
    "/clusters/one/node-groups?maxResults=1",
    "/backup-vaults/one",
    "/v20180820/configuration/publicAccessBlock",
    "/123456789012/a-queue",
    "//twice",
    "/nothing/of/the/kind/at/all",
)


def test_the_same_handler_answers() -> None:
    routes, original = shortcuts.Routes(), MotoRequestHandler(0)
    asked = [(host, path) for host in HOSTS for path in PATHS]
    found = {pair: routes.handler(*pair) for pair in reversed(asked)}
    expected = {pair: original.get_handler_for_host(*pair) for pair in asked}
    assert {pair for pair in asked if _name(found[pair]) != _name(expected[pair])} == set()
    assert any(found.values())


def _name(handler: object) -> str:
    return repr(getattr(handler, "__qualname__", handler))  # moto loads the table of S3 anew each time


def test_an_access_key_has_the_account_that_moto_says() -> None:
    shortcuts.install()
    quick: Any = iam.get_account_id_from
    original = quick.__wrapped__
    backend = iam.iam_backends["210987654321"]["aws"]
    backend.create_user(region_name="eu-central-1", user_name="somebody")
    key = backend.create_access_key("somebody").access_key_id
    try:
        assert quick(key) == original(key) == "210987654321"
        assert quick("AKIAUNKNOWN") == original("AKIAUNKNOWN") == DEFAULT_ACCOUNT_ID
        assert bucket_judge.caller(key) == "arn:aws:iam::210987654321:user/somebody"
    finally:
        backend.reset()
