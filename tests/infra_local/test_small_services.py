"""What moto lacks is kept, given back and forgotten, apart for each region."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.local.aws_api.completions import merged_features
from infra.local.aws_api.small_services import SmallServices

HEADERS = {"authorization": "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-central-1/x/aws4_request"}


@pytest.fixture
def services() -> SmallServices:
    return SmallServices()


def ask(
    services: SmallServices, method: str, host: str, path: str, body: Any = None, *, target: str = ""
) -> tuple[int, Any]:
    headers = {**HEADERS, **({"x-amz-target": f"Service.{target}"} if target else {})}
    data = json.dumps(body).encode() if body is not None else b""
    reply = services.answer(method, f"https://{host}.amazonaws.com", path, headers, data)
    assert reply is not None
    return reply[0], json.loads(reply[2])


def test_an_analyzer_is_kept_tagged_and_forgotten_in_its_region(services: SmallServices) -> None:
    host = "access-analyzer.eu-central-1"
    _, made = ask(
        services, "PUT", host, "/analyzer", {"analyzerName": "a", "type": "ACCOUNT", "tags": {"x": "1"}}
    )

    ask(services, "POST", host, f"/tags/{made['arn'].replace('/', '%2F')}", {"tags": {"y": "2"}})

    assert ask(services, "GET", host, "/analyzer/a")[1]["analyzer"]["tags"] == {"x": "1", "y": "2"}
    assert ask(services, "GET", "access-analyzer.us-east-1", "/analyzer/a")[0] == 404
    assert ask(services, "DELETE", host, "/analyzer/a")[0] == 200
    assert ask(services, "GET", host, "/analyzer/a")[0] == 404


@mock_aws
def test_tags_of_motos_detectors_are_changed_here(services: SmallServices) -> None:
    client = boto3.client("guardduty", region_name="eu-central-1")
    number = client.create_detector(Enable=True, Tags={"owner": "me"})["DetectorId"]
    host = "guardduty.eu-central-1"
    path = f"/tags/arn:aws:guardduty:eu-central-1:123456789012:detector%2F{number}"

    assert ask(services, "POST", host, path, {"tags": {"owner": "you", "x": "1"}})[0] == 200
    assert ask(services, "DELETE", host, f"{path}?tagKeys=x")[0] == 200

    assert client.get_detector(DetectorId=number)["Tags"] == {"owner": "you"}
    assert ask(services, "GET", host, path) == (200, {"tags": {"owner": "you"}})
    assert ask(services, "POST", host, f"{path}0", {"tags": {}})[0] == 404


def test_a_standard_is_subscribed_and_left(services: SmallServices) -> None:
    host, arn = "securityhub.eu-central-1", "arn:aws:securityhub:eu-central-1::standards/fsbp/v/1.0.0"
    wanted = {"StandardsSubscriptionRequests": [{"StandardsArn": arn}]}
    made = ask(services, "POST", host, "/standards/register", wanted)[1]["StandardsSubscriptions"][0]

    named = {"StandardsSubscriptionArns": [made["StandardsSubscriptionArn"]]}

    assert ask(services, "POST", host, "/standards/get", named)[1]["StandardsSubscriptions"] == [made]
    ask(services, "POST", host, "/standards/deregister", named)
    assert ask(services, "POST", host, "/standards/get", named)[1]["StandardsSubscriptions"] == []


@pytest.mark.parametrize(("given", "key"), [("Monitor", "MonitorArn"), ("Subscription", "SubscriptionArn")])
def test_anomalies_are_kept_changed_and_forgotten(services: SmallServices, given: str, key: str) -> None:
    def call(operation: str, body: Any) -> Any:
        return ask(services, "POST", "ce.us-east-1", "/", body, target=operation)

    tags = [{"Key": "owner", "Value": "me"}]
    arn = call(f"CreateAnomaly{given}", {f"Anomaly{given}": {"Threshold": 1}, "ResourceTags": tags})[1][key]
    call(f"UpdateAnomaly{given}", {key: arn, "Threshold": 2})

    assert call(f"GetAnomaly{given}s", {f"{key}List": [arn]})[1][f"Anomaly{given}s"][0]["Threshold"] == 2
    assert call("ListTagsForResource", {"ResourceArn": arn})[1]["ResourceTags"] == tags
    call("TagResource", {"ResourceArn": arn, "ResourceTags": [{"Key": "more", "Value": "1"}]})
    call("UntagResource", {"ResourceArn": arn, "ResourceTagKeys": ["owner"]})
    assert call("ListTagsForResource", {"ResourceArn": arn})[1]["ResourceTags"] == [
        {"Key": "more", "Value": "1"}
    ]
    call(f"DeleteAnomaly{given}", {key: arn})
    assert call(f"DeleteAnomaly{given}", {key: arn})[0] == 400


def test_a_budget_action_is_kept_changed_and_forgotten(services: SmallServices) -> None:
    def call(operation: str, body: Any) -> Any:
        return ask(services, "POST", "budgets", "/", body, target=operation)

    named = {"AccountId": "123456789012", "BudgetName": "b"}
    number = call("CreateBudgetAction", {**named, "ApprovalModel": "AUTOMATIC"})[1]["ActionId"]
    assert len(number) == 36, "boto3 refuses shorter ones"
    call("UpdateBudgetAction", {**named, "ActionId": number, "ApprovalModel": "MANUAL"})

    action = call("DescribeBudgetAction", {**named, "ActionId": number})[1]["Action"]
    for operation in ("DescribeBudgetActionsForBudget", "DescribeBudgetActionsForAccount"):
        assert call(operation, named)[1]["Actions"] == [action]
    assert action["ApprovalModel"] == "MANUAL"
    assert call("DeleteBudgetAction", {**named, "ActionId": number})[0] == 200
    assert call("DescribeBudgetAction", {**named, "ActionId": number})[0] == 400


def test_tags_of_a_budget_are_noted_and_the_budget_is_left_to_moto(services: SmallServices) -> None:
    tags = [{"Key": "owner", "Value": "me"}]
    body = {"AccountId": "123456789012", "Budget": {"BudgetName": "b"}, "ResourceTags": tags}
    arn = {"ResourceARN": "arn:aws:budgets::123456789012:budget/b"}
    headers = {**HEADERS, "x-amz-target": "AWSBudgetServiceGateway.CreateBudget"}

    made = services.answer("POST", "https://budgets.amazonaws.com", "/", headers, json.dumps(body).encode())

    assert made is None
    kept = ask(services, "POST", "budgets", "/", arn, target="ListTagsForResource")
    assert kept == (200, {"ResourceTags": tags})


def test_what_a_plan_backs_up_is_kept(services: SmallServices) -> None:
    host, wanted = "backup.eu-central-1", {"SelectionName": "s", "IamRoleArn": "r"}
    made = ask(services, "PUT", host, "/backup/plans/p/selections/", {"BackupSelection": wanted})[1]

    path = f"/backup/plans/p/selections/{made['SelectionId']}"

    assert ask(services, "GET", host, path)[1]["BackupSelection"] == wanted
    assert ask(services, "GET", host, "/backup/plans/q/selections/")[1] == {"BackupSelectionsList": []}
    assert ask(services, "DELETE", host, path)[0] == 200
    assert ask(services, "GET", host, path)[0] == 404


def test_restore_tests_are_kept_changed_tagged_and_forgotten(services: SmallServices) -> None:
    host, plans = "backup.eu-central-1", "/restore-testing/plans"
    plan = {"RestoreTestingPlanName": "p", "ScheduleExpression": "cron(0 4 ? * SUN *)"}
    arn = ask(services, "PUT", host, plans, {"RestoreTestingPlan": plan, "Tags": {"a": "1"}})[1][
        "RestoreTestingPlanArn"
    ]
    chosen = {"RestoreTestingSelectionName": "s", "ProtectedResourceType": "S3"}
    ask(services, "PUT", host, f"{plans}/p/selections", {"RestoreTestingSelection": chosen})

    ask(services, "PUT", host, f"{plans}/p", {"RestoreTestingPlan": {"StartWindowHours": 2}})
    changed = {"RestoreTestingSelection": {"ValidationWindowHours": 3}}
    ask(services, "PUT", host, f"{plans}/p/selections/s", changed)
    ask(services, "POST", host, f"/tags/{arn}", {"Tags": {"b": "2"}})
    ask(services, "POST", host, f"/untag/{arn}", {"TagKeyList": ["a"]})

    found = ask(services, "GET", host, f"{plans}/p")[1]["RestoreTestingPlan"]
    assert (found["ScheduleExpression"], found["StartWindowHours"]) == ("cron(0 4 ? * SUN *)", 2)
    kept = ask(services, "GET", host, f"{plans}/p/selections/s")[1]["RestoreTestingSelection"]
    assert (kept["ProtectedResourceType"], kept["ValidationWindowHours"]) == ("S3", 3)
    assert ask(services, "GET", host, f"/tags/{arn}/")[1] == {"Tags": {"b": "2"}}
    assert len(ask(services, "GET", host, plans)[1]["RestoreTestingPlans"]) == 1
    assert len(ask(services, "GET", host, f"{plans}/p/selections")[1]["RestoreTestingSelections"]) == 1
    assert ask(services, "DELETE", host, f"{plans}/p/selections/s")[0] == 200
    assert ask(services, "DELETE", host, f"{plans}/p")[0] == 200
    assert ask(services, "GET", host, f"{plans}/p")[0] == 404
    assert ask(services, "PUT", host, f"{plans}/p/selections", {"RestoreTestingSelection": chosen})[0] == 404


@pytest.mark.parametrize(
    ("host", "path"), [("s3.eu-central-1", "/"), ("securityhub.eu-central-1", "/accounts")]
)
def test_everything_else_is_left_to_moto(services: SmallServices, host: str, path: str) -> None:
    assert services.answer("POST", f"https://{host}.amazonaws.com", path, HEADERS, b"{}") is None


def test_features_that_a_change_does_not_name_stay() -> None:
    kept = [{"name": "A", "status": "ENABLED"}, {"name": "B", "status": "ENABLED"}]

    assert merged_features(kept, [{"name": "B", "status": "DISABLED"}]) == [
        {"name": "A", "status": "ENABLED"},
        {"name": "B", "status": "DISABLED"},
    ]


@pytest.mark.parts
@pytest.mark.parametrize(
    ("change", "code"),
    [("disable_key", "DisabledException"), ("schedule_key_deletion", "KMSInvalidStateException")],
)
def test_a_key_that_is_not_enabled_opens_nothing(shared: Any, change: str, code: str) -> None:
    kms = shared.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    getattr(kms, change)(KeyId=key)

    for use in (
        lambda: kms.decrypt(CiphertextBlob=blob),
        lambda: kms.encrypt(KeyId=key, Plaintext=b"x"),
        lambda: kms.generate_data_key(KeyId=key, NumberOfBytes=32),
    ):
        with pytest.raises(ClientError) as caught:
            use()
        assert caught.value.response["Error"]["Code"] == code
