"""Spending that nobody planned, told within a day."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class AnomalyMonitorArgs:
    """What the monitor needs to know.

    Args:
        monitor_name: Name of monitor and subscription.
        topic_arn: Topic through which people are told.
        impact_usd: Unexpected spending, in US dollars, from which on they are.
    """

    monitor_name: str
    topic_arn: pulumi.Input[str]
    impact_usd: int


class AnomalyMonitor(pulumi.ComponentResource):
    """Cost anomaly detection over all services of the account."""

    arn: pulumi.Output[str]
    """ARN of the monitor."""

    def __init__(
        self, name: str, args: AnomalyMonitorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place monitor and subscription."""
        super().__init__("plinth:cost:AnomalyMonitor", name, None, opts)
        monitor = aws.costexplorer.AnomalyMonitor(
            name,
            name=args.monitor_name,
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.costexplorer.AnomalySubscription(
            f"{name}-subscription",
            name=args.monitor_name,
            frequency="IMMEDIATE",  # the only one that a topic can take
            monitor_arn_lists=[monitor.arn],
            subscribers=[
                aws.costexplorer.AnomalySubscriptionSubscriberArgs(type="SNS", address=args.topic_arn)
            ],
            threshold_expression=aws.costexplorer.AnomalySubscriptionThresholdExpressionArgs(
                dimension=aws.costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs(
                    key="ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    match_options=["GREATER_THAN_OR_EQUAL"],
                    values=[str(args.impact_usd)],
                )
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = monitor.arn
        self.register_outputs({"arn": self.arn})
