"""SQS ReceiveMessage that waits for messages: it waits here, outside of the emulator's lock and pinned clock.

moto waits inside a request, by a clock that the emulator holds still while it handles one: it would never
end, and nobody else would be answered meanwhile.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from moto.sqs.models import sqs_backends

from infra.local.aws_api import actions

HOST = "//sqs."
"""In scheme and host of whatever can wait; no other request is looked into."""
LONGEST_SECONDS = 20
"""Longest wait of one request (SQS ReceiveMessage)."""
LOOK_SECONDS = 0.1
"""Between two looks at an empty queue."""
NAME = "WaitTimeSeconds"


def waited(
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """Wait until the queue holds something or the time is over; return the request that waits no more.

    What is not ReceiveMessage, or asks for a wait that SQS refuses, comes back at once and unchanged.

    Args:
        path: Path with query.
        headers: Lower-case names.
        body: The request's body.
        pause: Waits.
        clock: Tells seconds.
    """
    if actions.action(path, headers, body) != "ReceiveMessage":
        return body
    is_json = "x-amz-target" in headers
    try:
        asked = json.loads(body) if is_json else {k: v[0] for k, v in parse_qs(body.decode()).items()}
        queue = _queue(str(asked["QueueUrl"]))
        seconds = int(asked.get(NAME, queue.receive_message_wait_time_seconds or 0)) if queue else 0
    except (ValueError, KeyError, TypeError, AttributeError):
        return body  # moto says what is wrong with it
    if queue is None or not 0 <= seconds <= LONGEST_SECONDS:
        return body
    end = clock() + seconds
    while not queue.messages and clock() < end:
        pause(LOOK_SECONDS)
    asked[NAME] = 0 if is_json else "0"
    return (json.dumps(asked) if is_json else urlencode(asked)).encode()


def _queue(url: str) -> Any:
    """Return moto's queue, None for no such, at an address such as ``https://sqs.eu-central-1.amazonaws.com/123456789012/name``."""
    found = urlsplit(url)
    account, _, name = found.path.strip("/").rpartition("/")
    region = (found.hostname or "").split(".")[1:2]
    backends: Any = sqs_backends[account] if account else {}
    return backends[region[0]].queues.get(name) if region and region[0] in backends else None
