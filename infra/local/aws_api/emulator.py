"""moto, one request at a time, with everything that may change its state written down."""

import os
import sys
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException

from infra.local.aws_api import (
    actions,
    bucket_judge,
    completions,
    determinism,
    long_polls,
    plain_requests,
    replaying,
    replication,
    rpc_cbor,
    s3_requests,
    shortcuts,
)
from infra.local.aws_api.journal import Journal, Record
from infra.local.aws_api.small_services import SmallServices

UNSUPPORTED = 501
"""Answer to what moto does not know or fails at. AWS clients repeat 500, 502, 503 and 504 (the Terraform
provider up to 25 times); a second try would fail the same way, so it must not look like a hiccup."""


REMEMBERED = 1000
"""Changes whose answers are given again to a client that asks twice. On a busy machine an SDK now and then
loses an answer and sends the same invocation again within a second; the thing would then exist already."""


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: dict[str, str]
    body: bytes


class LostJournalError(Exception):
    """A change was made that could not be written down; the process must end and replay."""


def say(message: str) -> None:
    """Write a line to the log of the AWS API."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {message}\n")
    sys.stderr.flush()


def refusal(status: int, code: str, message: str, host: str) -> Answer:
    """Return an error that both XML and JSON clients of AWS can read and show."""
    text = f"{code}: {message} (Plinth's local AWS API, {host})"
    xml = (
        "<?xml version='1.0'?><ErrorResponse><Error>"
        f"<Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
    )
    is_json = not any(
        part in host for part in ("//s3.", ".s3.", "//iam.", "//sts.", "//ec2.", "//sns.", "//sqs.")
    )
    body = f'{{"__type":"{code}","message":"{text}"}}' if is_json else xml
    kind = "application/x-amz-json-1.1" if is_json else "text/xml"
    return Answer(status, {"Content-Type": kind, "x-amzn-ErrorType": code}, body.encode())


class Emulator:
    """The AWS API's state and its journal.

    Args:
        path: The journal. Its records are replayed before this returns.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._routes = shortcuts.Routes()
        engine = f"moto {version('moto')}"
        self.journal = Journal(path, engine)
        determinism.install(self.journal.id, self.journal.created)
        completions.install()
        bucket_judge.install()
        replication.install(time.time)  # pinned while a request is handled
        self._small = SmallServices()
        shortcuts.install()
        self._done: OrderedDict[str, Answer] = OrderedDict()
        self.status_mismatches = 0
        self.body_mismatches = 0
        started = time.monotonic()
        if self.journal.engine != engine:
            say(f"journal was written by {self.journal.engine}, this is {engine}: replay may differ")
        self._replay_all()
        self.replay_seconds = time.monotonic() - started
        if self.journal.cut_bytes:
            say(
                f"journal: {self.journal.cut_bytes} bytes after record {self.journal.records} do not add up"
                " (killed while writing, or damaged): cut off and kept beside the journal"
            )
        say(f"journal: {self.journal.records} records replayed in {self.replay_seconds:.2f} s")

    def _replay_all(self) -> None:
        teller = replaying.Teller(self.journal.path)
        for record in self.journal.replay():
            self._replay(record)
            found = replaying.Replayed(
                records=self.journal.records, done=self.journal.size, total=self.journal.found_bytes
            )
            teller.tell(found)
        teller.end()

    def statistics(self) -> dict[str, Any]:
        """Return what the health document says of the journal (bytes, records, seconds)."""
        return {
            "id": self.journal.id,
            "records": self.journal.records,
            "bytes": self.journal.size,
            "replay_seconds": round(self.replay_seconds, 3),
            "cut_bytes": self.journal.cut_bytes,
            "status_mismatches": self.status_mismatches,
            "body_mismatches": self.body_mismatches,
        }

    def handle(self, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request; requests are handled one after another.

        Args:
            method: HTTP method, upper case.
            host: Scheme and host, such as ``https://kms.eu-central-1.amazonaws.com``.
            path: Path and query.
            headers: Names as sent.
            body: Whole and unchunked.

        Raises:
            LostJournalError: The change could not be written down (full disk).
        """
        lower = {name.lower(): value for name, value in headers.items()}
        if rpc_cbor.is_spoken(lower, path):
            spoken, document = rpc_cbor.as_json(path, headers, body)
            answer = self.handle(method, host, "/", spoken, document)
            found, said = rpc_cbor.as_cbor(path, answer.status, answer.body)
            return Answer(answer.status, found, said)
        if long_polls.HOST in host:
            body = long_polls.waited(path, lower, body)
        with self._lock:
            replication.copy_due(time.time(), self._apart)
            if not actions.may_change(method, path, lower, body):
                return self._ask(method, host, path, dict(headers), body)
            invocation = lower.get("amz-sdk-invocation-id", "")
            if (known := self._done.get(invocation)) is not None:
                say(f"asked again, answered as before: {method} {host}")
                return known
            now, keys = time.time(), determinism.Keys()
            kept = actions.recordable_headers(headers)
            pins = determinism.pinned(self._seed(), now, keys)
            answer = self._ask(method, host, path, kept, body, pins=pins)
            # Refused changes are recorded too: moto may have done a part before it refused.
            record = Record(
                method=method,
                host=host,
                path=path,
                headers=kept,
                body=body,
                at=now,
                keys=tuple(keys.made),
                status=answer.status,
                digest=zlib.crc32(answer.body),
            )
            try:
                self.journal.append(record)
            except OSError as error:
                raise LostJournalError(f"{self.journal.path}: {error.strerror}") from error
            if invocation and answer.status < 300:  # noqa: PLR2004 - what HTTP calls a success
                self._done[invocation] = answer
                while len(self._done) > REMEMBERED:
                    self._done.popitem(last=False)
            return answer

    def _apart(self, name: str, at: float) -> AbstractContextManager[None]:
        return determinism.pinned(f"{self.journal.id}/{name}", at, determinism.Keys())

    def _seed(self) -> str:
        return f"{self.journal.id}/{self.journal.records}"

    def _replay(self, record: Record) -> None:
        replication.copy_due(record.at, self._apart)
        # `replay()` counts a record after it was handled, so the seed is that of the first time.
        pins = determinism.pinned(self._seed(), record.at, determinism.Keys(record.keys))
        answer = self._ask(
            record.method, record.host, record.path, dict(record.headers), record.body, pins=pins
        )
        same_body = zlib.crc32(answer.body) == record.digest
        if answer.status == record.status and same_body:
            return
        name = actions.action(record.path, {k.lower(): v for k, v in record.headers.items()}, record.body)
        what = f"record {self.journal.records}: {record.method} {record.host} {name or record.path}"
        if answer.status != record.status:
            self.status_mismatches += 1
            say(f"replay differs, {what}: answered {answer.status}, the first time {record.status}")
        else:
            self.body_mismatches += 1
            say(f"replay answers with another body, {what}")

    def _ask(
        self,
        method: str,
        host: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *,
        pins: AbstractContextManager[None] | None = None,
    ) -> Answer:
        try:
            # Looked up first, outside the pins: it imports the service when it is the first request.
            handler = self._routes.handler(host, path)
            determinism.pin_new_modules()
            lower = {name.lower(): value for name, value in headers.items()}
            with pins or nullcontext():
                result: Any = bucket_judge.answer(method, host, path, lower)
                result = result or self._small.answer(method, host, path, lower, body)
                if result is None and handler is None:
                    return refusal(
                        UNSUPPORTED, "NotImplemented", "moto does not emulate this service or path", host
                    )
                if not result and handler is not None:
                    request = plain_requests.make(method, host, path, headers, body)
                    result = handler(request, request.raw_url, request.headers)
        except HTTPException as error:
            result = (error.code, error.get_headers(), error.get_body())
        except NotImplementedError as error:
            return refusal(UNSUPPORTED, "NotImplemented", _plain(error), host)
        except Exception as error:  # noqa: BLE001 - whatever moto raises is an answer, not the end
            say(f"moto failed at {method} {host}{path}: {type(error).__name__}: {_plain(error)}")
            return refusal(UNSUPPORTED, "EmulatorFailure", f"{type(error).__name__}: {_plain(error)}", host)
        status, found, content = result if isinstance(result, tuple) else (200, {}, result)
        data = content.encode() if isinstance(content, str) else bytes(content or b"")
        return Answer(int(status or 500), {k: _text(v) for k, v in dict(found).items()}, data)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _plain(error: Exception) -> str:
    """Return an error's text without what would break out of JSON or XML."""
    return "".join(c for c in str(error) if c.isprintable() and c not in '<>&"\\')[:300]


def access_line(
    method: str, host: str, path: str, headers: Mapping[str, str], body: bytes, *, status: int
) -> None:
    """Log who asked for what: key id, the provider or not, host, action or path without query; S3: both."""
    lower = {name.lower(): value for name, value in headers.items()}
    what = actions.action(path, lower, body) or path.split("?", 1)[0]
    if (to_bucket := s3_requests.parse(method, host, path, lower)) is not None:
        what = f"{what} {to_bucket.action}"
    agent = "Terraform" if "Terraform" in lower.get("user-agent", "") else "other"
    say(f"key={actions.access_key(path, lower)} agent={agent} {method} {host} {what} {status}")


def end_process(message: str) -> None:
    """End now: memory holds a change that the journal does not; the next start replays the journal."""
    say(message)
    os._exit(1)
