"""Queues of the services that also answer requests for which nobody waits."""

import pulumi

from infra.components.request_queue import RequestQueue, RequestQueueArgs
from infra.settings import Settings
from infra.wiring.storage import Storage


def build(
    settings: Settings, opts: pulumi.ResourceOptions, *, stores: Storage, topic_arn: pulumi.Input[str]
) -> dict[str, RequestQueue]:
    """Build the queues of each service that is asked to have them; return them by service.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        stores: Keys, of which the queues need one.
        topic_arn: Topic through which people are told.
    """
    return {
        service: RequestQueue(
            f"{service}-queue",
            RequestQueueArgs(
                environment=settings.environment,
                service=service,
                key_arn=stores.keys["requests"].arn,
                account_id=settings.aws.account_id,
                region=settings.aws.region,
                topic_arn=topic_arn,
            ),
            opts,
        )
        for service, wanted in sorted(settings.services.items())
        if wanted.queue
    }
