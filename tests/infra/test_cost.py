"""What the environment may cost, and that every cost has an owner."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import pulumi_aws as aws
import pytest

from infra.iam.spending import attach_policy, no_new_gpus
from infra.settings import Settings

STORES = {
    "aws:backup/vault:Vault",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:dynamodb/table:Table",
    "aws:ecr/repository:Repository",
    "aws:kms/key:Key",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
}
"""Types that hold data, or the key to it."""


@pytest.fixture
def build(recorded: Callable[[Settings], Any]) -> Callable[[dict[str, Any]], Any]:
    def built(raw: dict[str, Any]) -> Any:
        settings = Settings.parse(raw, stack="local", environ={})
        return recorded(settings)

    return built


def taggable(type_: str) -> bool:
    """Whether pulumi_aws lets a resource of a type carry tags."""
    module, name = type_.removeprefix("aws:").split(":")[0].split("/")[0], type_.rsplit(":", 1)[-1]
    cls = getattr(getattr(aws, module), name)
    return "tags" in inspect.signature(cls._internal_init).parameters


def test_owner_cost_centre_and_environment_are_on_every_aws_resource(
    build: Any, raw_settings: dict[str, Any]
) -> None:
    record = build({**raw_settings, "recovery": {"region": "eu-west-1"}})
    made = record.of_type("pulumi:providers:aws")

    assert {provider.name for provider in made} == {"aws", "aws-recovery"}
    required = {
        "plinth:ai-system": "plinth-local",
        "plinth:cost-centre": "4711",
        "plinth:environment": "local",
        "plinth:owner": "risk-platform",
    }
    for provider in made:
        tags = provider.inputs["defaultTags"]
        assert (json.loads(tags) if isinstance(tags, str) else tags)["tags"] == required
    # A tag of a resource's own wins over the default, so none may be one of the required.
    overriding = [
        r.name
        for r in record.resources
        if r.type.startswith("aws:") and taggable(r.type) and set(r.inputs.get("tags") or {}) & set(required)
    ]
    assert overriding == []


def test_everything_that_holds_data_says_what_it_holds(build: Any, raw_settings: dict[str, Any]) -> None:
    record = build({**raw_settings, "recovery": {"region": "eu-west-1"}})
    stores = [r for r in record.resources if r.type in STORES]

    assert len(stores) > 20
    assert [r.name for r in stores if not (r.inputs.get("tags") or {}).get("plinth:data-class")] == []


def test_people_are_told_before_the_budget_is_spent_and_then_no_gpu_is_added(
    build: Any, raw_settings: dict[str, Any]
) -> None:
    cost = {"monthly_budget_usd": 500, "alert_percent": 70, "stop_percent": 90}
    record = build({**raw_settings, "cost": cost})
    budget = record.of_type("aws:budgets/budget:Budget")[0].inputs
    action = record.of_type("aws:budgets/budgetAction:BudgetAction")[0].inputs

    assert budget["limitAmount"] == "500"
    assert {(n["notificationType"], n["threshold"]) for n in budget["notifications"]} == {
        ("ACTUAL", 70), ("FORECASTED", 70),
    }  # fmt: skip
    assert action["actionThreshold"]["actionThresholdValue"] == 90
    roles = action["definition"]["iamActionDefinition"]["roles"]
    assert set(roles) <= {r.inputs["name"] for r in record.of_type("aws:iam/role:Role")}
    assert roles


def test_zero_means_no_action_and_no_monitor(build: Any, raw_settings: dict[str, Any]) -> None:
    record = build({**raw_settings, "cost": {"stop_percent": 0, "anomaly_usd": 0}})

    kinds = {r.type.rsplit(":", 1)[-1] for r in record.resources}
    assert "Budget" in kinds
    assert not kinds & {"BudgetAction", "AnomalyMonitor", "AnomalySubscription"}


def test_only_this_accounts_services_publish_alerts(build: Any, raw_settings: dict[str, Any]) -> None:
    record = build({**raw_settings, "cost": {"alert_addresses": ["ops@example.org"]}})
    policy = json.loads(record.of_type("aws:sns/topicPolicy:TopicPolicy")[0].inputs["policy"])

    assert [s["Condition"] for s in policy["Statement"]] == [
        {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    ]
    subscriptions = record.of_type("aws:sns/topicSubscription:TopicSubscription")
    assert [s.inputs["endpoint"] for s in subscriptions] == ["ops@example.org"]


def test_the_action_forbids_and_can_do_nothing_else() -> None:
    assert {s["Effect"] for s in json.loads(no_new_gpus())["Statement"]} == {"Deny"}
    statement = json.loads(attach_policy(policy_arn="p", role_arns=["r"]))["Statement"][0]
    assert statement["Resource"] == "r"
    assert statement["Condition"] == {"ArnEquals": {"iam:PolicyARN": "p"}}


def test_tags_are_activated_for_the_bill_only_where_the_settings_ask(
    build: Callable[[dict[str, Any]], Any], raw_settings: dict[str, Any]
) -> None:
    kind = "aws:costexplorer/costAllocationTag:CostAllocationTag"
    asked = build(raw_settings | {"cost": {"allocation_tags": True}}).of_type(kind)
    keys = Settings.parse(raw_settings, stack="local", environ={}).tags()

    assert {tag.inputs["tagKey"] for tag in asked} == set(keys)
    assert not build(raw_settings).of_type(kind)
