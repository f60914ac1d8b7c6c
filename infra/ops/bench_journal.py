"""What a request to the local AWS API costs, live and when a start replays it.

Each measurement is a process of its own, as the API is one: moto's state would still be there otherwise, and
the first process that handles a request also loads the service.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import PlinthError

LIMIT_SECONDS = 600.0
"""Seconds for one of the two processes: a thousand requests of each kind take a few."""
REGION = "eu-central-1"
_SIGNED = (
    f"AWS4-HMAC-SHA256 Credential=bench/20260101/{REGION}/any/aws4_request, SignedHeaders=host, Signature=0"
)
_JSON = "application/x-amz-json-1.0"
_BUCKET = f"https://plinth-bench.s3.{REGION}.amazonaws.com"
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "DenyPlainHttp",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::plinth-bench", "arn:aws:s3:::plinth-bench/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}
_TABLE = {
    "TableName": "bench",
    "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What requests cost.

    Args:
        of_each: Requests of each kind.
        live_ms: Kind of request to CPU milliseconds each, as the API answers it.
        records: Records that they left in the journal.
        bytes: Size of the journal.
        replay_ms: CPU milliseconds of a record in a replay, without what a start costs by itself.
        start_seconds: CPU seconds of a start with the same resources and none of these requests.
        replay_to_live: CPU of a replayed record by CPU of the live requests that left records, each.
        differences: Answers that differed in the replay; there must be none.
    """

    of_each: int
    live_ms: dict[str, float]
    records: int
    bytes: int
    replay_ms: float
    start_seconds: float
    replay_to_live: float
    differences: int

    @property
    def records_a_minute(self) -> int:
        """Return how many records a minute of CPU replays."""
        return round(60_000 / self.replay_ms) if self.replay_ms else 0


def measure(of_each: int) -> Measured:
    """Send requests to an emulator without network, then replay its journal.

    Args:
        of_each: Requests of each kind.

    Raises:
        PlinthError: One of the processes failed; says how.
    """
    with tempfile.TemporaryDirectory(prefix="plinth-bench-") as folder:
        journal, without = Path(folder) / "journal", Path(folder) / "without"
        live = _run("live", journal, of_each)
        _run("live", without, 0)
        replayed, start = _run("replay", journal, 0), _run("replay", without, 0)
        size = journal.stat().st_size
    records = replayed["records"] - start["records"]
    each = (replayed["seconds"] - start["seconds"]) * 1000 / records
    recorded = sum(live["ms"][kind] for kind in RECORDED) / sum(RECORDED.values())
    return Measured(
        of_each=of_each,
        live_ms={kind: round(value, 3) for kind, value in live["ms"].items()},
        records=records,
        bytes=size,
        replay_ms=round(each, 3),
        start_seconds=round(start["seconds"], 2),
        replay_to_live=round(each / recorded, 2),
        differences=replayed["differences"],
    )


def _run(what: str, journal: Path, of_each: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "infra.ops.bench_journal", what, str(journal), str(of_each)],
        env={"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise PlinthError(f"The measurement of the journal failed ({what}): {done.stderr[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


RECORDED = {"PutItem": 1, "PutObject": 1, "a message sent, received and deleted": 3}
"""The kinds that change something, and how many requests and so records one of the kind is."""


class _Client:
    """Sends requests to an emulator as an SDK would, without a connection."""

    def __init__(self, emulator: Any) -> None:
        self.emulator = emulator

    def named(self, service: str, target: str, document: dict[str, Any]) -> dict[str, Any]:
        """Send a request of a service that names its operation in a header; return its answer."""
        headers = {"Authorization": _SIGNED, "Content-Type": _JSON, "X-Amz-Target": target}
        address = f"https://{service}.{REGION}.amazonaws.com/"
        return dict(json.loads(self.send("POST", address, headers, json.dumps(document).encode()) or b"{}"))

    def s3(self, method: str, path: str, body: bytes = b"", expected: int = 200) -> None:
        """Send a request to the bucket."""
        self.send(method, _BUCKET + path, {"Authorization": _SIGNED}, body, expected)

    def send(
        self, method: str, address: str, headers: dict[str, str], body: bytes, expected: int = 200
    ) -> bytes:
        """Send a request; return the answer's body. Another status than expected ends the measurement."""
        scheme, _, rest = address.partition("://")
        name, _, path = rest.partition("/")
        answer = self.emulator.handle(method, f"{scheme}://{name}", f"/{path}", headers, body)
        if answer.status != expected:
            raise PlinthError(f"{method} {address} answered {answer.status}: {answer.body[:300]!r}")
        return bytes(answer.body)


def _prepare(client: _Client) -> str:
    """Make a table, a bucket with a policy and versions, and a queue; return the queue's address."""
    client.named("dynamodb", "DynamoDB_20120810.CreateTable", _TABLE)
    place = f"<LocationConstraint>{REGION}</LocationConstraint>"
    client.s3("PUT", "/", f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>".encode())
    client.s3("PUT", "/?policy", json.dumps(_POLICY).encode())
    versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    client.s3("PUT", "/?versioning", versions.encode())
    made = client.named("sqs", "AmazonSQS.CreateQueue", {"QueueName": "bench"})
    return str(made["QueueUrl"])


def _kinds(client: _Client, queue: str) -> dict[str, Callable[[int], None]]:
    """Return each kind of request: what decisions write, what services read, and what is not there."""

    def put_item(number: int) -> None:
        item = {"key": {"S": f"case-{number}"}, "value": {"S": "x" * 600}}
        client.named("dynamodb", "DynamoDB_20120810.PutItem", {"TableName": "bench", "Item": item})

    def message(number: int) -> None:
        client.named("sqs", "AmazonSQS.SendMessage", {"QueueUrl": queue, "MessageBody": f"{number}" * 50})
        got = client.named("sqs", "AmazonSQS.ReceiveMessage", {"QueueUrl": queue})["Messages"][0]
        handle = {"QueueUrl": queue, "ReceiptHandle": got["ReceiptHandle"]}
        client.named("sqs", "AmazonSQS.DeleteMessage", handle)

    return {
        "PutItem": put_item,
        "PutObject": lambda number: client.s3("PUT", f"/decisions/{number:09}.jsonl", b"x" * 3000),
        "a message sent, received and deleted": message,
        "GetObject": lambda number: client.s3("GET", f"/decisions/{number:09}.jsonl"),
        "GetObject, not there": lambda number: client.s3("GET", f"/none/{number}", expected=404),
    }


def _live(journal: Path, of_each: int) -> dict[str, Any]:
    from infra.local.aws_api.emulator import Emulator  # noqa: PLC0415 - moto, in the child alone

    client = _Client(Emulator(journal))
    spent: dict[str, float] = {}
    for kind, send in _kinds(client, _prepare(client)).items():
        send(0)  # loads what this kind needs
        started = time.process_time()
        for number in range(1, of_each + 1):
            send(number)
        spent[kind] = (time.process_time() - started) * 1000 / max(1, of_each)
    return {"ms": spent}


def _replay(journal: Path) -> dict[str, Any]:
    from infra.local.aws_api.emulator import Emulator  # noqa: PLC0415 - as above

    started = time.process_time()
    found = Emulator(journal).statistics()
    seconds = time.process_time() - started
    differences = found["status_mismatches"] + found["body_mismatches"]
    return {"records": found["records"], "seconds": seconds, "differences": differences}


def main() -> None:
    """Measure in this process: ``live`` or ``replay``, the journal, how many of each kind."""
    from infra.local.aws_api import shortcuts  # noqa: PLC0415 - as above

    shortcuts.collect_rarely()
    what, journal, of_each = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    found = _live(journal, of_each) if what == "live" else _replay(journal)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
