"""Tells people when the watching itself has gone silent: the Watchdog's messages no longer come."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

PERIOD_SECONDS = 3600
"""Alertmanager tells of the Watchdog every half hour, so an hour has two messages, or one after a restart."""
PERIODS = 2
"""Hours of silence after which people are told."""


@dataclass(frozen=True, kw_only=True)
class SilenceAlarmArgs:
    """What the alarm needs to know.

    Args:
        alarm_name: Name of the alarm.
        watched_topic: Name of the topic to which the Watchdog is told.
        topic_arn: Topic through which people are told.
    """

    alarm_name: str
    watched_topic: str
    topic_arn: pulumi.Input[str]


class SilenceAlarm(pulumi.ComponentResource):
    """A CloudWatch alarm, outside of the cluster, on the silence of the cluster's Alertmanager."""

    arn: pulumi.Output[str]
    """ARN of the alarm."""

    def __init__(self, name: str, args: SilenceAlarmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the alarm."""
        super().__init__("plinth:monitoring:SilenceAlarm", name, None, opts)
        alarm = aws.cloudwatch.MetricAlarm(
            name,
            name=args.alarm_name,
            alarm_description="The Watchdog is silent: Prometheus or Alertmanager is gone, or cannot tell.",
            namespace="AWS/SNS",
            metric_name="NumberOfMessagesPublished",
            dimensions={"TopicName": args.watched_topic},
            statistic="Sum",
            period=PERIOD_SECONDS,
            evaluation_periods=PERIODS,
            comparison_operator="LessThanThreshold",
            threshold=1,
            # A metric that nobody writes is exactly the silence that is meant.
            treat_missing_data="breaching",
            alarm_actions=[args.topic_arn],
            ok_actions=[args.topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = alarm.arn
        self.register_outputs({"arn": self.arn})
