"""What the environment may cost, and who hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra import naming
from infra.components.alert_topic import AlertTopic, AlertTopicArgs
from infra.components.allocation_tags import AllocationTags, AllocationTagsArgs
from infra.components.anomaly_monitor import AnomalyMonitor, AnomalyMonitorArgs
from infra.components.monthly_budget import MonthlyBudget, MonthlyBudgetArgs
from infra.settings import Settings
from infra.wiring.storage import Storage

ALERT_SOURCES = ("budgets.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com")
"""AWS services that raise alerts: spending, alarms, unexpected spending."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Where alerts go, and what is watched."""

    topic: AlertTopic
    budget: MonthlyBudget


def build(
    settings: Settings, opts: pulumi.ResourceOptions, *, stores: Storage, stopped_roles: Sequence[str]
) -> Cost:
    """Build topic, budget and monitor.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        stores: Keys, of which the topic needs one.
        stopped_roles: Names of the roles that lose new GPU capacity when the budget is spent.
    """
    environment, account = settings.environment, settings.aws.account_id
    topic = AlertTopic(
        "alerts",
        AlertTopicArgs(
            topic_name=naming.role(environment, "alerts"),
            key_arn=stores.keys["alerts"].arn,
            account_id=account,
            region=settings.aws.region,
            sources=ALERT_SOURCES,
            addresses=sorted(settings.cost.alert_addresses),
        ),
        opts,
    )
    budget = MonthlyBudget(
        "budget",
        MonthlyBudgetArgs(
            budget_name=naming.role(environment, "budget"),
            account_id=account,
            environment=environment,
            limit_usd=settings.cost.monthly_budget_usd,
            alert_percent=settings.cost.alert_percent,
            stop_percent=settings.cost.stop_percent,
            topic_arn=topic.arn,
            stopped_roles=stopped_roles,
        ),
        opts,
    )
    if settings.cost.anomaly_usd and settings.aws.owns_account:
        AnomalyMonitor(
            "anomalies",
            AnomalyMonitorArgs(
                monitor_name=naming.role(environment, "anomalies"),
                topic_arn=topic.arn,
                impact_usd=settings.cost.anomaly_usd,
            ),
            opts,
        )
    if settings.cost.allocation_tags and settings.aws.owns_account:
        AllocationTags("allocation-tags", AllocationTagsArgs(tag_keys=list(settings.tags())), opts)
    return Cost(topic=topic, budget=budget)
