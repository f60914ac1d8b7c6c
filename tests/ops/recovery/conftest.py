"""An account in memory with the buckets and tables of a lost stack and of the one that takes its place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.data_classes import REPLICATED
from infra.local.paths import repo_root
from infra.ops import graph
from infra.ops.recovery import keeping, tables
from infra.settings import Settings


class Account:
    """The part of an account that recovery asks."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str | None = None) -> Any:
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = boto3.client(  # type: ignore[call-overload]
                service, region_name=key[1], aws_access_key_id="x", aws_secret_access_key="x"
            )
        return self._clients[key]

    def rows(self, *_: Any, **__: Any) -> list[Any]:
        return []


def _bucket(account: Account, name: str, region: str) -> None:
    s3 = account.client("s3", region)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    return graph.stack_settings(repo_root() / "stacks" / "Pulumi.local.yaml")


@pytest.fixture
def elsewhere(settings: Settings) -> Settings:
    assert settings.recovery.region
    return graph.stack_settings(repo_root() / "stacks" / "Pulumi.local-dr.yaml")


@pytest.fixture
def account(settings: Settings, elsewhere: Settings) -> Iterator[Account]:
    with mock_aws():
        made = Account(elsewhere.aws.region)
        for data_class in REPLICATED:
            _bucket(made, keeping.bucket(settings, data_class), settings.aws.region)
            _bucket(made, keeping.bucket(settings, data_class, copy=True), settings.recovery.region)
            _bucket(made, keeping.bucket(elsewhere, data_class), elsewhere.aws.region)
        for one in (settings, elsewhere):
            for role in tables.ROLES:
                made.client("dynamodb", one.aws.region).create_table(
                    TableName=tables.name_of(one, role),
                    BillingMode="PAY_PER_REQUEST",
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                )
        yield made
