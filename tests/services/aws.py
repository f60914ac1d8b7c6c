"""An AWS API in a process of its own, which a test may kill, and the tables of the program."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from served import free_port

REGION = "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}


@contextlib.contextmanager
def process_of(
    service: str, folder: Path, *, attempts: int = 20
) -> Iterator[tuple[subprocess.Popen[bytes], Any, dict[str, str]]]:
    """Give moto's process, a client of one service, and the environment of who is to ask it.

    Args:
        service: Name of the AWS service.
        folder: Where its log goes.
        attempts: How often the client asks before it gives up: the process takes seconds to start.
    """
    port = free_port()
    with (folder / "aws.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=log, stderr=log
        )
    place = f"http://127.0.0.1:{port}"
    client: Any = boto3.client(
        service,
        endpoint_url=place,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(proxies={}, retries={"total_max_attempts": attempts, "mode": "standard"}),
    )
    try:
        yield process, client, {**KEYS, "AWS_ENDPOINT_URL": place, "NO_PROXY": "127.0.0.1"}
    finally:
        client.close()
        process.kill()
        process.wait(10)


def make_table(
    client: Any, name: str, keys: tuple[str, str], indexes: Mapping[str, tuple[str, str]] | None = None
) -> None:
    """Make a table whose keys are all text.

    Args:
        client: For DynamoDB.
        name: Of the table.
        keys: Partition and sort.
        indexes: The same by the name of an index.
    """
    known = indexes or {}
    names = sorted({key for pair in (keys, *known.values()) for key in pair})
    made = [
        {"IndexName": index, "KeySchema": _schema(pair), "Projection": {"ProjectionType": "ALL"}}
        for index, pair in known.items()
    ]
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=_schema(keys),
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in names],
        **({"GlobalSecondaryIndexes": made} if made else {}),
    )


def make_review_table(client: Any, name: str) -> None:
    """Make the table of reviews as `infra/wiring/storage.py` does."""
    indexes = {"by-state": ("state", "asked_at"), "by-settling": ("service", "labelled_at")}
    make_table(client, name, ("service", "decision"), indexes)


def _schema(keys: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)
    ]
