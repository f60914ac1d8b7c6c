"""What AWS says of reviews, backups, the trail and the budget."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from infra.operations.samples import Sample
from services.readiness.review import BY_STATE

WAITING = ("escalated", "open", "claimed")
"""States of cases that nobody has settled."""


def reviews(client: Any, table: str, services: Mapping[str, object], now: datetime) -> Iterator[Sample]:
    """Tell how many cases wait, and how long the oldest has.

    Args:
        client: For DynamoDB.
        table: Of the cases.
        services: Services, by name; one without any case counts nought.
        now: The time.
    """
    count = dict.fromkeys(services, 0)
    oldest: dict[str, datetime] = {}
    for state in WAITING:
        pages = client.get_paginator("query").paginate(
            TableName=table,
            IndexName=BY_STATE,
            KeyConditionExpression="#s = :state",
            ProjectionExpression="service, asked_at",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":state": {"S": state}},
        )
        for item in (item for page in pages for item in page["Items"]):
            service, asked = item["service"]["S"], _time(item["asked_at"]["S"])
            count[service] = count.get(service, 0) + 1
            oldest[service] = min(asked, oldest.get(service, asked))
    for service, cases in sorted(count.items()):
        waited = (now - oldest[service]).total_seconds() if service in oldest else 0
        labels = {"service": service}
        yield Sample(name="plinth_review_waiting_cases", value=cases, labels=labels)
        yield Sample(name="plinth_review_oldest_seconds", value=max(0, waited), labels=labels)


def backups(client: Any, vault: str, now: datetime) -> Iterator[Sample]:
    """Tell how old the latest finished backup is; without any, how long the vault has been empty."""
    pages = client.get_paginator("list_recovery_points_by_backup_vault").paginate(BackupVaultName=vault)
    made = [
        point["CreationDate"]
        for page in pages
        for point in page["RecoveryPoints"]
        if point.get("Status", "COMPLETED") == "COMPLETED"
    ]
    latest = max(made) if made else client.describe_backup_vault(BackupVaultName=vault)["CreationDate"]
    age = (now - _utc(latest)).total_seconds()
    yield Sample(name="plinth_backup_age_seconds", value=age, labels={"vault": vault})


def trail(client: Any, name: str, now: datetime, *, delivers: bool) -> Iterator[Sample]:
    """Tell whether the trail records and when it last delivered.

    Args:
        client: For CloudTrail.
        name: Of the trail.
        now: The time.
        delivers: Whether anything is delivered at all; the emulated AWS API keeps the trail only.
    """
    status, labels = client.get_trail_status(Name=name), {"record": "trail"}
    yield Sample(name="plinth_audit_recording", value=float(bool(status["IsLogging"])), labels=labels)
    last = status.get("LatestDeliveryTime") or status.get("StartLoggingTime")
    if delivers and last:
        silence = (now - _utc(last)).total_seconds()
        yield Sample(name="plinth_audit_silence_seconds", value=silence, labels=labels)


def cost(client: Any, account: str, budget: str, stack: str, now: datetime) -> Iterator[Sample]:
    """Tell how much of the month's budget is spent, and how much of the month is over."""
    found = client.describe_budget(AccountId=account, BudgetName=budget)["Budget"]
    spent = float(found["CalculatedSpend"]["ActualSpend"]["Amount"]) / float(found["BudgetLimit"]["Amount"])
    labels = {"stack": stack}
    yield Sample(name="plinth_cost_spent_share", value=spent, labels=labels)
    yield Sample(name="plinth_month_elapsed_share", value=month_share(now), labels=labels)


def month_share(now: datetime) -> float:
    """Return how much of its month is over at a time. Pure."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return (now - first) / (after - first)


def _time(text: str) -> datetime:
    return _utc(datetime.fromisoformat(text))


def _utc(when: datetime) -> datetime:
    return when if when.tzinfo else when.replace(tzinfo=UTC)
