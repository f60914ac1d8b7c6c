"""Services whose list operation gives a row for each thing."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infra.ops.account import Account
from infra.ops.inventory import tags
from infra.ops.inventory.model import Thing

Row = Any
Lister = Callable[[Account, str], Iterable[Thing]]


def _listed(
    kind: str,
    operation: str,
    key: str,
    name: Callable[[Row], str],
    number: Callable[[Row], str],
    *,
    tagged: bool = False,
    own: Callable[[Row], bool] = lambda _: True,
    given: Mapping[str, Any] | None = None,
    service: str = "",
) -> Lister:
    """Return a lister.

    Args:
        kind: ``service/type``.
        operation: What boto3 calls the list operation.
        key: Where its rows are.
        name: From a row, the thing's name.
        number: From a row, its ARN or id; by ARN the service is asked for tags.
        tagged: Whether it can carry tags.
        own: Which rows AWS did not make by itself.
        given: Arguments of the operation.
        service: What boto3 calls the service, when it is not the first part of ``kind``.
    """
    of = service or kind.split("/", maxsplit=1)[0]

    def things(account: Account, region: str) -> Iterable[Thing]:
        for row in account.rows(of, operation, key, region=region, **(given or {})):
            if own(row):
                carried = tags.by_arn(account, of, number(row), region) if tagged else None
                yield Thing(kind=kind, id=number(row), name=name(row), region=region, tags=carried)

    return things


def _field(name: str) -> Callable[[Row], str]:
    return lambda row: str(row[name])


def _last(name: str, separator: str = ":") -> Callable[[Row], str]:
    return lambda row: str(row[name]).rsplit(separator, 1)[-1]


REGIONAL: Mapping[str, Lister] = {
    "accessanalyzer/analyzer": _listed(
        "accessanalyzer/analyzer", "list_analyzers", "analyzers", _field("name"), _field("arn"), tagged=True
    ),
    "backup/vault": _listed(
        "backup/vault", "list_backup_vaults", "BackupVaultList", _field("BackupVaultName"),
        _field("BackupVaultArn"), tagged=True, own=lambda row: row["BackupVaultName"] != "Default",
    ),
    "backup/plan": _listed(
        "backup/plan", "list_backup_plans", "BackupPlansList", _field("BackupPlanName"),
        _field("BackupPlanArn"), tagged=True,
    ),
    "backup/restore-plan": _listed(
        "backup/restore-plan", "list_restore_testing_plans", "RestoreTestingPlans",
        _field("RestoreTestingPlanName"), _field("RestoreTestingPlanArn"), tagged=True,
    ),
    "cloudtrail/trail": _listed(
        "cloudtrail/trail", "describe_trails", "trailList", _field("Name"), _field("TrailARN"), tagged=True,
        given={"includeShadowTrails": False},
    ),
    "cloudwatch/alarm": _listed(
        "cloudwatch/alarm", "describe_alarms", "MetricAlarms", _field("AlarmName"), _field("AlarmArn"),
        tagged=True,
    ),
    "config/recorder": _listed(
        "config/recorder", "describe_configuration_recorders", "ConfigurationRecorders", _field("name"),
        _field("name"),
    ),
    "config/channel": _listed(
        "config/channel", "describe_delivery_channels", "DeliveryChannels", _field("name"), _field("name")
    ),
    "ecr/repository": _listed(
        "ecr/repository", "describe_repositories", "repositories", _field("repositoryName"),
        _field("repositoryArn"), tagged=True,
    ),
    "events/rule": _listed(
        "events/rule", "list_rules", "Rules", _field("Name"), _field("Arn"), tagged=True
    ),
    "glue/database": _listed(
        "glue/database", "get_databases", "DatabaseList", _field("Name"), _field("Name")
    ),
    "logs/group": _listed(
        "logs/group", "describe_log_groups", "logGroups", _field("logGroupName"), _field("arn"), tagged=True
    ),
    "secretsmanager/secret": _listed(
        "secretsmanager/secret", "list_secrets", "SecretList", _field("Name"), _field("ARN")
    ),
    "sns/topic": _listed(
        "sns/topic", "list_topics", "Topics", _last("TopicArn"), _field("TopicArn"), tagged=True
    ),
    "sns/subscription": _listed(
        "sns/subscription", "list_subscriptions", "Subscriptions",
        lambda row: f"{row['TopicArn'].rsplit(':', 1)[-1]} to {row['Protocol']}", _field("SubscriptionArn"),
    ),
    "sqs/queue": _listed(
        "sqs/queue", "list_queues", "QueueUrls", lambda url: str(url).rsplit("/", 1)[-1], str
    ),
}  # fmt: skip
"""Kind to what lists it in a region."""

GLOBAL: Mapping[str, Lister] = {
    "ce/monitor": _listed(
        "ce/monitor", "get_anomaly_monitors", "AnomalyMonitors", _field("MonitorName"), _field("MonitorArn"),
        tagged=True, own=lambda row: row["MonitorName"] != "Default-Services-Monitor",
    ),
    "ce/subscription": _listed(
        "ce/subscription", "get_anomaly_subscriptions", "AnomalySubscriptions", _field("SubscriptionName"),
        _field("SubscriptionArn"), tagged=True,
        own=lambda row: row["SubscriptionName"] != "Default-Services-Subscription",
    ),
}  # fmt: skip
"""Kind to what lists it for the whole account."""
