"""Requests made from each service's OpenAPI and schema, valid and not: no 5xx, no undeclared answer."""

import json
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from served import serving

from services.credit_risk.answering import HOSTED as CREDIT_RISK
from services.digit_reader.answering import HOSTED as DIGIT_READER
from services.readiness.hosting import describe_api

EXAMPLES = 30
"""Requests of each operation: enough for each field and each way to break it, in seconds."""
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
"""Not here: whether all that the schema allows is accepted. To JSON Schema 24.0 is an integer; to the API,
which is strict, it is not."""
CONFIG = schemathesis.Config.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}}}
)
"""A refusal is any 4xx: what is sent to break a field may be too large as well, which is 413."""
HOSTED = {hosted.service.name: hosted for hosted in (CREDIT_RISK, DIGIT_READER)}
QUIET = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", params=sorted(HOSTED))
def server(request, built, digits, tmp_path_factory):
    bento = {"credit-risk": built.bento, "digit-reader": digits}[request.param]
    # The test is one caller, and sends as fast as it can.
    extra = {"PLINTH_CALLER_RATE": "1000000", "PLINTH_SHOW_SCHEMA": "1"}
    with serving(bento, tmp_path_factory.mktemp("api") / "one", service=request.param, extra=extra) as found:
        yield found


@pytest.mark.serving
def test_what_is_described_is_what_is_served(server) -> None:
    described = describe_api(HOSTED[server.service])

    assert server.client.get("/v1/openapi.json").json() == json.loads(json.dumps(described))


@pytest.mark.serving
@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        ("/decisions", "POST", GenerationMode.POSITIVE),
        ("/decisions", "POST", GenerationMode.NEGATIVE),
        ("/model", "GET", GenerationMode.POSITIVE),
    ],
)
def test_no_request_gets_a_5xx_or_an_answer_that_is_not_described(server, path, method, mode) -> None:
    schema = schemathesis.openapi.from_dict(describe_api(HOSTED[server.service]), config=CONFIG)
    checks = [CHECKS.get_one(name) for name in CHECKED]
    headers = {"authorization": server.client.headers["authorization"]}
    seen: set[int] = set()

    @QUIET
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def ask(case) -> None:
        answer = case.call(base_url=f"{server.client.base_url}/v1", headers=headers)
        seen.add(answer.status_code)
        case.validate_response(answer, checks=checks)

    ask()
    assert (200 if mode is GenerationMode.POSITIVE else 400) in seen


@given(value=st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
@settings(max_examples=200, deadline=None)
def test_no_value_in_any_field_makes_a_schema_fail_otherwise_than_by_refusal(value) -> None:
    for hosted in HOSTED.values():
        example = json.loads((Path(hosted.folder) / "example.json").read_text())
        for field in example:
            try:
                request = hosted.schema.model_validate_json(json.dumps({**example, field: value}))
            except ValidationError:
                continue
            row = hosted.encode(request)
            assert all(-1e9 < number < 1e9 for number in row)
