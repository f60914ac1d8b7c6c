"""Both kinds of stores, so that every test of a pipeline runs on each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws import make_table
from moto import mock_aws

from services.lifecycle.stores import BucketObjects, FolderItems, FolderObjects, TableItems

Made = tuple[Any, Callable[[str, str, str], Any]]


@pytest.fixture(params=["folder", "aws"])
def stores(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Return objects, and a maker of items by (table, partition, sort)."""
    if request.param == "folder":
        yield (
            FolderObjects(tmp_path / "objects"),
            lambda table, partition, sort: FolderItems(tmp_path / table, partition=partition, sort=sort),
        )
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        s3.create_bucket(Bucket="objects", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

        def table(name: str, partition: str, sort: str) -> TableItems:
            make_table(dynamodb, name, (partition, sort))
            return TableItems(dynamodb, name, partition=partition, sort=sort)

        yield BucketObjects(s3, "objects"), table
