"""Cases that wait for a person: asked, claimed, labelled, escalated by age.

One item a case in the table ``review-index``; every change of state is one conditional write, so two
reviewers can never hold one case, and a label is never overwritten. See
``infra/decisions`` for why there is no message queue beside the table.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from services.readiness.errors import ServiceError

State = Literal["open", "claimed", "escalated", "labelled"]
STATES: tuple[State, ...] = ("escalated", "open", "claimed", "labelled")
WAITING: tuple[State, ...] = ("escalated", "open")
"""States in which a case may be claimed, the most urgent first."""

BY_STATE = "by-state"
"""Index of the table: state, then the time at which the case was asked."""
BY_SETTLING = "by-settling"
"""Index of the settled cases: service, then the time at which a person settled the case. A service may read
the part of it that is its own, and nothing else of the table."""


class ReviewError(ServiceError):
    """A step that the case's state does not allow."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One decision that a person should look at.

    Args:
        decision: Its id in the decision log.
        service: Which service.
        state: Where the case stands.
        asked_at: When the decision was made, UTC.
        reason: Why a person is asked.
        model_digest: Model that was in service.
        input: The input as the log may hold it.
        output: What the service answered.
        reviewer: Who holds or labelled it.
        claimed_at: When it was claimed.
        label: What the reviewer found.
        labelled_at: When.
        escalated_at: When it became too old.
    """

    decision: str
    service: str
    state: State
    asked_at: str
    reason: str
    model_digest: str
    input: dict[str, Any]
    output: dict[str, Any]
    reviewer: str = ""
    claimed_at: str = ""
    label: str = ""
    labelled_at: str = ""
    escalated_at: str = ""


class ReviewQueue:
    """The cases of one service.

    Args:
        table: Name of the table.
        service: Name of the service.
        client: A boto3 client for DynamoDB.
        claim_minutes: So long a claim holds; then the case is free again.
        escalate_after_hours: Age at which an unlabelled case escalates.
    """

    def __init__(
        self, table: str, service: str, client: Any, *, claim_minutes: int, escalate_after_hours: int
    ) -> None:
        """Keep what is needed to ask the table."""
        self.table, self.service, self._client = table, service, client
        self._claim = timedelta(minutes=claim_minutes)
        self._age = timedelta(hours=escalate_after_hours)

    def ask(self, case: Case) -> bool:
        """Add a case; return False when it is there already, in whatever state."""
        item = {
            "service": {"S": self.service},
            "decision": {"S": case.decision},
            "state": {"S": "open"},
            "asked_at": {"S": case.asked_at},
            "reason": {"S": case.reason},
            "model_digest": {"S": case.model_digest},
            "input": {"S": json.dumps(case.input, sort_keys=True)},
            "output": {"S": json.dumps(case.output, sort_keys=True)},
        }
        try:
            self._client.put_item(
                TableName=self.table, Item=item, ConditionExpression="attribute_not_exists(decision)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def cases(self, *states: State, most: int = 1000) -> list[Case]:
        """Return cases by state, the oldest first."""
        found: list[Case] = []
        for state in states or STATES:
            for item in self._query(state):
                if len(found) >= most:
                    return found
                found.append(_case(item))
        return found

    def settled(self, most: int) -> list[Case]:
        """Return the cases that were settled last, in the order in which they were asked."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=BY_SETTLING,
            KeyConditionExpression="service = :service",
            ExpressionAttributeValues={":service": {"S": self.service}},
            ScanIndexForward=False,
            PaginationConfig={"MaxItems": most},
        )
        found = [_case(item) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda case: case.asked_at)

    def get(self, decision: str) -> Case:
        """Return one case.

        Raises:
            ReviewError: There is none.
        """
        answer = self._client.get_item(TableName=self.table, Key=self._key(decision), ConsistentRead=True)
        if "Item" not in answer:
            raise ReviewError(
                f"There is no case for the decision '{decision}'.", fix="./plinth review list shows the cases"
            )
        return _case(answer["Item"])

    def claim(
        self, reviewer: str, decision: str | None = None, *, now: datetime | None = None
    ) -> Case | None:
        """Take a case, or the most urgent one; None when nothing waits.

        Raises:
            ReviewError: The case that was named is somebody else's, or labelled.
        """
        now = now or datetime.now(UTC)
        names = [decision] if decision else [case.decision for case in self.cases(*WAITING, "claimed")]
        for name in names:
            try:
                return self._change(
                    name,
                    "SET #s = :claimed, reviewer = :who, claimed_at = :now",
                    "#s IN (:open, :escalated) OR "
                    "(#s = :claimed AND (claimed_at < :stale OR reviewer = :who))",
                    {
                        ":claimed": "claimed",
                        ":who": reviewer,
                        ":now": _time(now),
                        ":open": "open",
                        ":escalated": "escalated",
                        ":stale": _time(now - self._claim),
                    },
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                if decision:
                    held = self.get(decision)
                    who = f" by {held.reviewer}" if held.reviewer else ""
                    raise ReviewError(
                        f"The case '{decision}' is {held.state}{who}, so it cannot be claimed.",
                        fix="./plinth review claim without an id takes the most urgent case",
                    ) from None
        return None

    def label(self, reviewer: str, decision: str, label: str, *, now: datetime | None = None) -> Case:
        """Settle a case that this reviewer holds.

        Raises:
            ReviewError: It is not held by this reviewer.
        """
        now = now or datetime.now(UTC)
        try:
            return self._change(
                decision,
                "SET #s = :labelled, label = :label, labelled_at = :now",
                "#s = :claimed AND reviewer = :who",
                {
                    ":labelled": "labelled",
                    ":label": label,
                    ":now": _time(now),
                    ":claimed": "claimed",
                    ":who": reviewer,
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            held = self.get(decision)
            raise ReviewError(
                f"The case '{decision}' is {held.state}"
                f"{f' by {held.reviewer}' if held.reviewer else ''}, so {reviewer} cannot label it.",
                fix=f"./plinth review claim {decision} --reviewer {reviewer}",
            ) from None

    def escalate(self, *, now: datetime | None = None) -> list[Case]:
        """Mark every case that has waited too long, also one whose claim has run out; return them."""
        now = now or datetime.now(UTC)
        old, stale = _time(now - self._age), _time(now - self._claim)
        found = []
        for case in self.cases("open", "claimed"):
            if case.asked_at > old or (case.state == "claimed" and case.claimed_at >= stale):
                continue
            try:
                found.append(
                    self._change(
                        case.decision,
                        "SET #s = :escalated, escalated_at = :now",
                        "#s = :before AND (attribute_not_exists(claimed_at) OR claimed_at < :stale)",
                        {
                            ":escalated": "escalated",
                            ":now": _time(now),
                            ":before": case.state,
                            ":stale": stale,
                        },
                    )
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                continue  # somebody took it a moment ago, which is what was wanted
        return found

    def _change(self, decision: str, update: str, condition: str, values: dict[str, str]) -> Case:
        answer = self._client.update_item(
            TableName=self.table,
            Key=self._key(decision),
            UpdateExpression=update,
            ConditionExpression=f"attribute_exists(decision) AND ({condition})",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            ReturnValues="ALL_NEW",
        )
        return _case(answer["Attributes"])

    def _key(self, decision: str) -> dict[str, Any]:
        return {"service": {"S": self.service}, "decision": {"S": decision}}

    def _query(self, state: State) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=BY_STATE,
            KeyConditionExpression="#s = :state",
            FilterExpression="service = :service",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":state": {"S": state}, ":service": {"S": self.service}},
        )
        for page in pages:
            yield from page["Items"]


def _time(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds")


def _case(item: dict[str, Any]) -> Case:
    values = {name: value.get("S", "") for name, value in item.items()}
    values["input"] = json.loads(values.get("input") or "{}")
    values["output"] = json.loads(values.get("output") or "{}")
    known = Case.__dataclass_fields__
    return Case(**{name: value for name, value in values.items() if name in known})
