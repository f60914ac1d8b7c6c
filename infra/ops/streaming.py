"""Answers what a service's queue holds, with a registered model, for a stack."""

import getpass
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra import naming
from infra.errors import Exit, PlinthError
from infra.local.paths import home
from infra.ops import contracts, lifecycle, trail
from infra.ops.account import UNANSWERED, Account, reason
from infra.settings import Settings
from services.lifecycle import inference, streaming
from services.lifecycle.pipeline import of

AGAIN_SECONDS = 1.0
"""Pause before a queue that did not answer is asked again."""


def queues(settings: Settings, service: str) -> streaming.Queues:
    """Return the addresses of a service's queues.

    Raises:
        PlinthError: The stack gives the service none, or they are not there.
    """
    wanted = settings.services.get(service)
    if wanted is None or not wanted.queue:
        raise PlinthError(
            f"Service '{service}' has no queue in stack '{settings.environment}'.",
            where=f"stacks/Pulumi.{settings.environment}.yaml",
            fix=f"set 'queue: true' for {service} under plinth:services, then ./plinth up",
            code=Exit.USAGE,
        )
    sqs = Account.of(settings).client("sqs")
    found = {}
    for holds in naming.QUEUES:
        name = naming.queue(settings.environment, service, holds)
        try:
            found[holds] = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        except sqs.exceptions.QueueDoesNotExist:
            raise PlinthError(
                f"The queue '{name}' is not there.", fix=f"./plinth up --stack {settings.environment}"
            ) from None
    return streaming.Queues(**found)


def run(
    service: str, settings: Settings, place: lifecycle.Place, *, name: str, idle_seconds: float
) -> dict[str, Any]:
    """Answer messages until the queue has been empty for so long, or until Ctrl-C.

    Args:
        service: Name of the service.
        settings: The stack's settings.
        place: Where models are kept.
        name: Version, stage or digest of the model.
        idle_seconds: Ends after this long without a message.

    Returns:
        Counts of messages, and the model's digest.

    Raises:
        PlinthError: There is no queue, or the model was refused.
    """
    asked = queues(settings, service)
    with lifecycle.told(), tempfile.TemporaryDirectory(prefix="plinth-stream-") as temporary:
        registry = lifecycle.stores(settings, place).registry
        trusted = contracts.trusted(development=settings.contracts == "development").builders()
        folder = registry.fetch(registry.find(service, name), Path(temporary) / "model", trusted)
        with inference.scoring(
            of(service).hosted,
            folder,
            log=home() / trail.BATCH_LOG,
            caller=f"stream:{getpass.getuser()}",
            store=trail.bucket(settings),
            stopped=lifecycle.stopped(settings, service),
        ) as scorer:
            worker = streaming.Stream(
                scorer,
                Account.of(settings).client("sqs"),
                asked,
                earlier=lambda: [one.body for one in trail.reader(settings, service).decisions()],
            )
            _work(worker, idle_seconds)
    return {**asdict(worker.counts), "model_digest": scorer.model_digest}


def _work(worker: streaming.Stream, idle_seconds: float) -> None:
    last, refused = time.monotonic(), ""
    try:
        while time.monotonic() - last < idle_seconds:
            try:
                taken = worker.once(wait_seconds=min(streaming.WAIT_SECONDS, max(1, int(idle_seconds))))
            except UNANSWERED as error:
                refused = reason(error)
                time.sleep(AGAIN_SECONDS)
                continue
            refused = ""
            if taken:
                last = time.monotonic()
    except KeyboardInterrupt:
        return  # what was taken and not removed comes back by itself
    if refused:
        raise PlinthError(f"The queue does not answer: {refused}.", fix="./plinth status; nothing was lost.")
