"""Tells people when somebody uses what is for emergencies only."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

PERIOD_SECONDS = 60
"""Seconds over which uses are counted: the shortest that a metric from a log has."""


@dataclass(frozen=True, kw_only=True)
class UseLog:
    """A log in which uses show.

    Args:
        log_group: Name of the log group, known when it is there.
        pattern: What an entry of a use looks like (CloudWatch Logs filter syntax).
    """

    log_group: pulumi.Input[str]
    pattern: str


@dataclass(frozen=True, kw_only=True)
class UseAlarmArgs:
    """What the alarm needs to know.

    Args:
        alarm_name: Start of the names of filters and alarms.
        metrics: Namespace of the metrics.
        what: What is used, for people.
        logs: Place of use to the log in which it shows.
        topic_arn: Topic through which people are told.
    """

    alarm_name: str
    metrics: str
    what: str
    logs: Mapping[str, UseLog]
    topic_arn: pulumi.Input[str]


class UseAlarm(pulumi.ComponentResource):
    """Counts uses in each log and raises an alarm at the first."""

    alarms: pulumi.Output[list[str]]
    """Names of the alarms; known when they watch."""

    def __init__(self, name: str, args: UseAlarmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place a filter and an alarm for each log."""
        super().__init__("plinth:audit:UseAlarm", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        alarms = []
        for place, log in sorted(args.logs.items()):
            counted = f"{args.alarm_name}-{place}"
            metric = aws.cloudwatch.LogMetricFilter(
                f"{name}-{place}-filter",
                name=counted,
                log_group_name=log.log_group,
                pattern=log.pattern,
                metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                    name=counted, namespace=args.metrics, value="1", default_value="0"
                ),
                opts=child,
            )
            alarm = aws.cloudwatch.MetricAlarm(
                f"{name}-{place}-alarm",
                name=counted,
                alarm_description=f"Somebody uses {args.what} ({place}); it is for emergencies only.",
                namespace=args.metrics,
                metric_name=metric.name,
                statistic="Sum",
                period=PERIOD_SECONDS,
                evaluation_periods=1,
                threshold=1,
                comparison_operator="GreaterThanOrEqualToThreshold",
                treat_missing_data="notBreaching",  # nobody uses it: the normal state
                alarm_actions=[args.topic_arn],
                opts=child,
            )
            alarms.append(alarm.name)
        self.alarms = pulumi.Output.all(*alarms)
        self.register_outputs({"alarms": self.alarms})
