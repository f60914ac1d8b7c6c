"""Promises of backups and of cost."""

from infra.ops.verify.model import AtLeast, Is, Promise, Selector, has
from infra.settings import Settings

BACKUP_TAG = "plinth:backup=daily"
"""Tag by which the plan finds what it backs up."""


def _vaults(settings: Settings) -> list[Selector]:
    rows: list[Selector] = [{"vault": "backups", "region": settings.aws.region}]
    if settings.recovery.region:
        rows.append({"vault": "copies", "region": settings.recovery.region})
    return rows


def _copies(settings: Settings) -> list[str]:
    return [settings.recovery.region] if settings.recovery.region else []


PROMISES: tuple[Promise, ...] = (
    Promise(
        id="vaults-locked",
        says="Each vault is encrypted with its key, and locked: no backup goes before its time",
        design="recovery",
        read="backup DescribeBackupVault",
        of="vault",
        wants=lambda settings, vault: {
            "locked": Is(value=True),
            "shortest_days": AtLeast(settings.recovery.backup_days),
            "key_class": Is("backup" if vault["region"] == settings.aws.region else "backup-replica"),
        },
        required=_vaults,
    ),
    Promise(
        id="backups-nightly-and-copied",
        says="What has the backup tag is backed up every night, kept, and copied to the recovery region",
        design="recovery",
        read="backup GetBackupPlan, GetBackupSelection",
        of="plan",
        wants=lambda settings, _: {
            "nightly": Is(value=True),
            "days": AtLeast(settings.recovery.backup_days),
            "copies_to": Is(_copies(settings)),
            **({"selects": has(BACKUP_TAG)} if settings.recovery.selection else {}),
        },
        required=lambda _: [{"plan": "of the environment"}],
    ),
    Promise(
        id="restores-are-tested",
        says="Every week one of each kind is restored from the environment's own vault",
        design="recovery",
        read="backup GetRestoreTestingPlan, ListRestoreTestingSelections",
        of="restore",
        wants=lambda _, __: {
            "weekly": Is(value=True),
            "vaults": Is(["backups"]),
            "kinds": has("DynamoDB", "S3"),
        },
        required=lambda _: [{"restore": "of the environment"}],
        applies=lambda settings: settings.recovery.selection,
    ),
    Promise(
        id="budget-tells-and-stops",
        says="A monthly budget tells people before it is spent, and stops new GPU capacity when it is",
        design="cost",
        read="budgets DescribeBudgets, DescribeNotificationsForBudget, DescribeBudgetActionsForBudget",
        of="budget",
        wants=lambda settings, _: {
            "usd": Is(float(settings.cost.monthly_budget_usd)),
            "month": Is("MONTHLY"),
            "told_at": has(
                *(f"{kind} {settings.cost.alert_percent:.0f}" for kind in ("ACTUAL", "FORECASTED"))
            ),
            "told": has("SNS"),
            "stops_at": Is([f"{settings.cost.stop_percent:.0f}"] if settings.cost.stop_percent else []),
        },
        required=lambda _: [{"budget": "of the environment"}],
    ),
    Promise(
        id="anomalies-reported",
        says="Spending that nobody planned is reported",
        design="cost",
        read="ce GetAnomalySubscriptions",
        of="anomalies",
        wants=lambda _, __: {"monitors": AtLeast(1), "told": has("SNS")},
        required=lambda _: [{"anomalies": "of the account"}],
        applies=lambda settings: settings.aws.owns_account and bool(settings.cost.anomaly_usd),
    ),
    Promise(
        id="alerts-reach-people",
        says="Alerts go to an encrypted topic, and from there to every address of the settings",
        design="monitoring",
        read="sns GetTopicAttributes, ListSubscriptionsByTopic",
        of="topic",
        wants=lambda settings, _: {
            "key_class": Is("alerts"),
            "addresses": Is(sorted(settings.cost.alert_addresses)),
        },
        required=lambda _: [{"topic": "alerts"}],
    ),
)
