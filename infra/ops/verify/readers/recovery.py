"""Reads backups and what watches spending."""

from typing import Any

from infra.ops.inventory.tags import by_arn
from infra.ops.verify.readers.asking import Documents, Look

FIELDS = 6
"""Fields of a schedule: minute, hour, day of the month, month, day of the week, year (EventBridge)."""


def _vaults(look: Look) -> Documents:
    found: Documents = {}
    for region in look.regions:
        for row in look.account.rows("backup", "list_backup_vaults", "BackupVaultList", region=region):
            arn = row["BackupVaultArn"]
            if not look.ours(by_arn(look.account, "backup", arn, region)):
                continue
            name = row["BackupVaultName"]
            known = look.account.client("backup", region).describe_backup_vault(BackupVaultName=name)
            found[arn] = {
                "vault": name.rsplit("-", 1)[-1],
                "region": region,
                "key_class": look.key_class(known.get("EncryptionKeyArn")),
                "locked": bool(known.get("Locked")),
                "shortest_days": known.get("MinRetentionDays"),
            }
    return found


def _plans(look: Look) -> Documents:
    found: Documents = {}
    backup = look.account.client("backup")
    for row in look.account.rows("backup", "list_backup_plans", "BackupPlansList"):
        arn = row["BackupPlanArn"]
        if not look.ours(by_arn(look.account, "backup", arn, look.account.region)):
            continue
        number = row["BackupPlanId"]
        rules = backup.get_backup_plan(BackupPlanId=number)["BackupPlan"]["Rules"]
        copies = [
            copy["DestinationBackupVaultArn"] for rule in rules for copy in rule.get("CopyActions") or ()
        ]
        days = [rule.get("Lifecycle", {}).get("DeleteAfterDays", 0) for rule in rules]
        found[row["BackupPlanName"]] = {
            "plan": "of the environment",
            "nightly": any(_daily(rule["ScheduleExpression"]) for rule in rules),
            "days": min(days, default=0),
            "copies_to": sorted({arn.split(":")[3] for arn in copies}),
            "selects": sorted(_selected(look, number)),
        }
    return found


def _restores(look: Look) -> Documents:
    found: Documents = {}
    backup = look.account.client("backup")
    for row in look.account.rows("backup", "list_restore_testing_plans", "RestoreTestingPlans"):
        arn, name = row["RestoreTestingPlanArn"], row["RestoreTestingPlanName"]
        if not look.ours(by_arn(look.account, "backup", arn, look.account.region)):
            continue
        known = backup.get_restore_testing_plan(RestoreTestingPlanName=name)["RestoreTestingPlan"]
        chosen = look.account.rows(
            "backup",
            "list_restore_testing_selections",
            "RestoreTestingSelections",
            RestoreTestingPlanName=name,
        )
        found[name] = {
            "restore": "of the environment",
            "weekly": _weekly(known["ScheduleExpression"]),
            "vaults": sorted(
                arn.rsplit(":", 1)[-1].rsplit("-", 1)[-1]
                for arn in known["RecoveryPointSelection"].get("IncludeVaults") or ()
            ),
            "kinds": sorted(selection["ProtectedResourceType"] for selection in chosen),
        }
    return found


def _weekly(expression: str) -> bool:
    """Tell whether a schedule runs on one day of every week, or daily. Pure."""
    parts = expression.removeprefix("cron(").removesuffix(")").split()
    return _daily(expression) or (len(parts) == FIELDS and parts[2:4] == ["?", "*"] and parts[5] == "*")


def _daily(expression: str) -> bool:
    """Tell whether a schedule runs every day: minute and hour fixed, every day, month and year. Pure."""
    parts = expression.removeprefix("cron(").removesuffix(")").split()
    return len(parts) == FIELDS and parts[2:] in (["*", "*", "?", "*"], ["?", "*", "*", "*"])


def _selected(look: Look, plan: str) -> list[str]:
    backup = look.account.client("backup")
    tags = []
    for row in look.account.rows(
        "backup", "list_backup_selections", "BackupSelectionsList", BackupPlanId=plan
    ):
        known = backup.get_backup_selection(BackupPlanId=plan, SelectionId=row["SelectionId"])
        rows: list[Any] = known["BackupSelection"].get("ListOfTags") or []
        tags += [f"{tag['ConditionKey']}={tag['ConditionValue']}" for tag in rows]
    return tags


def _budgets(look: Look) -> Documents:
    found: Documents = {}
    budgets, account = look.account.client("budgets"), look.account.account_id
    for row in look.account.rows("budgets", "describe_budgets", "Budgets", AccountId=account):
        name = row["BudgetName"]
        arn = f"arn:aws:budgets::{account}:budget/{name}"
        if not look.ours(by_arn(look.account, "budgets", arn, look.account.region)):
            continue
        given = {"AccountId": account, "BudgetName": name}
        told = look.account.rows("budgets", "describe_notifications_for_budget", "Notifications", **given)
        subscribers = [
            subscriber["SubscriptionType"]
            for note in told
            for subscriber in budgets.describe_subscribers_for_notification(Notification=note, **given)[
                "Subscribers"
            ]
        ]
        actions = look.account.rows("budgets", "describe_budget_actions_for_budget", "Actions", **given)
        found[name] = {
            "budget": "of the environment",
            "usd": float(row["BudgetLimit"]["Amount"]),
            "month": row["TimeUnit"],
            "told_at": sorted(
                {f"{note['NotificationType']} {float(note['Threshold']):.0f}" for note in told}
            ),
            "told": sorted(set(subscribers)),
            "stops_at": sorted(
                f"{action['ActionThreshold']['ActionThresholdValue']:.0f}"
                for action in actions
                if action["ActionType"] == "APPLY_IAM_POLICY" and action["ApprovalModel"] == "AUTOMATIC"
            ),
        }
    return found


def _monitors(look: Look) -> Documents:
    rows = look.account.rows("ce", "get_anomaly_subscriptions", "AnomalySubscriptions")
    return {
        row["SubscriptionName"]: {
            "anomalies": "of the account",
            "monitors": len(row["MonitorArnList"]),
            "told": sorted({subscriber["Type"] for subscriber in row["Subscribers"]}),
        }
        for row in rows
    }


def _topics(look: Look) -> Documents:
    found: Documents = {}
    sns = look.account.client("sns")
    for row in look.account.rows("sns", "list_topics", "Topics"):
        arn = row["TopicArn"]
        if not look.ours(by_arn(look.account, "sns", arn, look.account.region)):
            continue
        key = sns.get_topic_attributes(TopicArn=arn)["Attributes"].get("KmsMasterKeyId")
        people = look.account.rows("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
        found[arn.rsplit(":", 1)[-1]] = {
            "topic": "alerts",
            "key_class": look.key_class(key),
            "addresses": sorted(person["Endpoint"] for person in people if person["Protocol"] == "email"),
        }
    return found


def _alarms(look: Look) -> Documents:
    found: Documents = {}
    start = f"plinth-{look.settings.environment}-"
    filters = look.account.rows("logs", "describe_metric_filters", "metricFilters")
    for row in look.account.rows("cloudwatch", "describe_alarms", "MetricAlarms"):
        name = row["AlarmName"]
        if not look.ours(by_arn(look.account, "cloudwatch", row["AlarmArn"], look.account.region)):
            continue
        metric = (row.get("Namespace"), row.get("MetricName"))
        found[name] = {
            "alarm": name.removeprefix(start),
            "on": row["ActionsEnabled"],
            "topics": sorted(arn.rsplit(":", 1)[-1].removeprefix(start) for arn in row["AlarmActions"]),
            "at": row.get("Threshold"),
            "filters": sum(
                metric == (change["metricNamespace"], change["metricName"])
                for entry in filters
                for change in entry["metricTransformations"]
            ),
        }
    return found


def _repositories(look: Look) -> Documents:
    found: Documents = {}
    for row in look.account.rows("ecr", "describe_repositories", "repositories"):
        if not look.ours(by_arn(look.account, "ecr", row["repositoryArn"], look.account.region)):
            continue
        sealed = row.get("encryptionConfiguration") or {}
        found[row["repositoryName"]] = {
            "service": row["repositoryName"].rsplit("/", 1)[-1],
            "tags_move": row["imageTagMutability"],
            "scanned": row.get("imageScanningConfiguration", {}).get("scanOnPush"),
            "key_class": look.key_class(sealed.get("kmsKey")),
        }
    return found


KINDS = {
    "vault": _vaults,
    "plan": _plans,
    "restore": _restores,
    "budget": _budgets,
    "anomalies": _monitors,
    "topic": _topics,
    "alarm": _alarms,
    "repository": _repositories,
}
