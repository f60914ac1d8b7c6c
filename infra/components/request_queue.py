"""Requests that nobody waits for: a queue of requests, one of answers, one of what failed."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.iam.queue_policies import private_queue_policy

VISIBILITY_SECONDS = 120
"""Seconds for which a message that was taken stays hidden: ten messages take well below one, a record that
another process wrote is sealed and in the bucket after 60 (``Limits`` of the decision log)."""
RETENTION_SECONDS = 4 * 24 * 3600
"""Four days: a queue that stops on a Friday evening is found on Monday with nothing lost."""
FAILED_RETENTION_SECONDS = 14 * 24 * 3600
"""Fourteen days, the longest that SQS offers: what failed waits for a person."""
MOST_TRIES = 10
"""Times that a message is handed out before SQS itself moves it; the worker moves what it knows to be wrong
at once. While answers are unavailable a message stays hidden for five minutes, so ten tries last 50."""
LATE_SECONDS = 900
"""Age of the oldest request at which people are told: nobody works on the queue, or not fast enough."""
PERIOD_SECONDS = 60
"""Seconds over which the queues' figures are taken: SQS gives one a minute."""


@dataclass(frozen=True, kw_only=True)
class RequestQueueArgs:
    """What the queues need to know.

    Args:
        environment: Environment, part of every name.
        service: The service that answers.
        key_arn: Key with which messages are encrypted.
        account_id: The account.
        region: Region of the queues.
        topic_arn: Topic through which people are told.
    """

    environment: str
    service: str
    key_arn: pulumi.Input[str]
    account_id: str
    region: str
    topic_arn: pulumi.Input[str]


class RequestQueue(pulumi.ComponentResource):
    """Three encrypted queues that nobody reaches without TLS, and alarms on what is late or failed."""

    urls: pulumi.Output[dict[str, str]]
    """Address of the queues, by what they hold: requests, answers, failed."""

    def __init__(self, name: str, args: RequestQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the queues, then the alarms."""
        super().__init__("plinth:serving:RequestQueue", name, None, opts)
        failed = self._queue(name, args, "failed", retention=FAILED_RETENTION_SECONDS)
        requests = self._queue(name, args, "requests", retention=RETENTION_SECONDS, failed=failed)
        answers = self._queue(name, args, "answers", retention=RETENTION_SECONDS, failed=failed)
        self._alarm(
            name,
            args,
            "failed",
            metric="ApproximateNumberOfMessagesVisible",
            threshold=1,
            says=f"Requests of {args.service} could not be answered; each says why.",
        )
        self._alarm(
            name,
            args,
            "requests",
            metric="ApproximateAgeOfOldestMessage",
            threshold=LATE_SECONDS,
            says=f"A request of {args.service} has waited for {LATE_SECONDS // 60} minutes.",
        )
        self.urls = pulumi.Output.all(requests=requests.url, answers=answers.url, failed=failed.url)
        self.register_outputs({"urls": self.urls})

    def _queue(
        self,
        name: str,
        args: RequestQueueArgs,
        holds: str,
        *,
        retention: int,
        failed: aws.sqs.Queue | None = None,
    ) -> aws.sqs.Queue:
        queue_name = naming.queue(args.environment, args.service, holds)
        arn = f"arn:aws:sqs:{args.region}:{args.account_id}:{queue_name}"
        return aws.sqs.Queue(
            f"{name}-{holds}",
            name=queue_name,
            visibility_timeout_seconds=VISIBILITY_SECONDS,
            message_retention_seconds=retention,
            receive_wait_time_seconds=20,  # long polling, the longest: an empty queue costs next to nothing
            kms_master_key_id=args.key_arn,
            policy=private_queue_policy(queue_arn=arn),
            redrive_policy=failed.arn.apply(_redrive) if failed else None,
            tags={
                "plinth:data-class": "requests",
                "plinth:service": args.service,
                "plinth:holds": holds,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _alarm(
        self, name: str, args: RequestQueueArgs, holds: str, *, metric: str, threshold: int, says: str
    ) -> None:
        queue_name = naming.queue(args.environment, args.service, holds)
        aws.cloudwatch.MetricAlarm(
            f"{name}-{holds}-alarm",
            name=queue_name,
            alarm_description=says,
            namespace="AWS/SQS",
            metric_name=metric,
            dimensions={"QueueName": queue_name},
            statistic="Maximum",
            period=PERIOD_SECONDS,
            evaluation_periods=1,
            threshold=threshold,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",  # SQS says nothing about a queue that was idle for hours
            alarm_actions=[args.topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _redrive(target: str) -> str:
    # As SQS gives it back; with blanks every look from outside would find it changed.
    return json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": MOST_TRIES}, separators=(",", ":"))
