"""CloudWatch in CBOR: what a client sends is understood, and the client understands the answer."""

import json
from datetime import UTC, datetime
from typing import Any

from botocore.parsers import RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer

from infra.local.aws_api import actions, rpc_cbor

PATH = "/service/GraniteServiceVersion20100801/operation/"
MODEL = rpc_cbor._model("cloudwatch")


def request(operation: str, parameters: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """Return path, headers and body as an AWS SDK sends them."""
    made = RpcV2CBORSerializer().serialize_to_request(parameters, MODEL.operation_model(operation))
    return made["url_path"], {k.lower(): v for k, v in made["headers"].items()}, made["body"]


def understood(operation: str, status: int, document: Any) -> Any:
    """Return what an AWS SDK reads in the answer."""
    headers, body = rpc_cbor.as_cbor(PATH + operation, status, json.dumps(document).encode())
    answer = {"status_code": status, "headers": {k.lower(): v for k, v in headers.items()}, "body": body}
    parser: Any = RpcV2CBORParser()
    return parser.parse(answer, MODEL.operation_model(operation).output_shape)


def test_a_request_becomes_the_json_form_of_the_same_operation() -> None:
    given = {"AlarmName": "a", "Threshold": 1.5, "EvaluationPeriods": 3, "ActionsEnabled": True}
    path, headers, body = request("PutMetricAlarm", given)

    assert rpc_cbor.is_spoken(headers, path)
    assert actions.action(path, headers, body) == "PutMetricAlarm"
    assert actions.may_change("POST", path, headers, body)
    spoken, document = rpc_cbor.as_json(path, headers, body)
    assert spoken["X-Amz-Target"] == "GraniteServiceVersion20100801.PutMetricAlarm"
    assert spoken["Content-Type"] == "application/x-amz-json-1.0"
    assert json.loads(document) == given


def test_times_travel_both_ways() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    path, headers, body = request("DescribeAlarmHistory", {"StartDate": at})
    assert json.loads(rpc_cbor.as_json(path, headers, body)[1]) == {"StartDate": at.timestamp()}

    seen = understood("DescribeAlarms", 200, {"MetricAlarms": [{"StateUpdatedTimestamp": at.timestamp()}]})

    assert seen["MetricAlarms"][0]["StateUpdatedTimestamp"] == at


def test_an_answer_without_content_and_an_error_are_understood() -> None:
    assert understood("PutMetricAlarm", 200, {})["ResponseMetadata"]["HTTPStatusCode"] == 200
    seen = understood("DeleteAlarms", 400, {"__type": "x#ResourceNotFound", "message": "There is none."})

    assert (seen["Error"]["Code"], seen["Error"]["Message"]) == ("ResourceNotFound", "There is none.")


def test_other_protocols_and_other_services_are_left_alone() -> None:
    assert not rpc_cbor.is_spoken({}, PATH + "PutMetricAlarm")
    assert not rpc_cbor.is_spoken({rpc_cbor.HEADER: rpc_cbor.PROTOCOL}, "/")
    assert not rpc_cbor.is_spoken({rpc_cbor.HEADER: rpc_cbor.PROTOCOL}, "/service/Other/operation/X")
