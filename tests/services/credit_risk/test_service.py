"""The packed service as it runs in a pod: `bentoml serve` of the bento, on loopback.

Two servers start at once: one with the bento as built, one whose model was altered afterwards.
"""

import json
import shutil
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from joserfc import jwk
from served import Server, start, stop, token, wait_for

from services.credit_risk.schema import Decision
from services.readiness.digests import tree_digest

pytestmark = pytest.mark.serving

SECRET = "HUNTER2-77-SECRET"


@pytest.fixture(scope="module")
def servers(built, tmp_path_factory) -> Iterator[tuple[Server, Server]]:
    folder = tmp_path_factory.mktemp("serve")
    # A hidden folder, as in the local image store.
    whole = shutil.copytree(built.bento, folder / ".images" / "whole")
    altered = shutil.copytree(built.bento, folder / "altered")
    model = altered / "src" / "services" / "credit_risk" / "model" / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    started = [start(whole, folder / "one"), start(altered, folder / "two")]
    try:
        wait_for(started[0], "/readyz", 200)
        wait_for(started[1], "/livez", 200)
        yield started[0], started[1]
    finally:
        for server in started:
            server.process.send_signal(signal.SIGTERM)
        for server in started:
            stop(server)


@pytest.fixture(scope="module")
def server(servers) -> Server:
    return servers[0]


def test_a_valid_application_gets_a_decision(server, built, example):
    answer = server.decide(example)
    assert answer.status_code == 200
    decision = answer.json()
    assert decision["decision"] == "approve"
    assert decision["reasons"] == ["low_risk"]
    assert 0 <= decision["probability_of_default"] <= 0.14
    assert decision["model_digest"] == built.package["model_digest"]
    assert answer.headers["x-request-id"] == decision["request_id"]
    assert decision["rung"] == "model"
    assert decision["guard"]["verdict"] == "in_distribution"
    assert len(decision["explanation"]) == 4
    Decision.model_validate_json(answer.content)


def test_an_answered_decision_is_in_the_log(server, example):
    answer = server.decide(example, **{"X-Request-Id": "log-12345678"}).json()
    reader = server.reader()
    (found,) = reader.search(answer["decision_id"])
    assert found["body"]["input"] == example
    assert found["body"]["output"]["decision"] == answer["decision"]
    assert found["body"]["request_id"] == "log-12345678"
    assert reader.verify().findings == ()


TOKENS = {
    "none": ("", 401, "no_token"),
    "no bearer": ("Basic dGVzdDp0ZXN0", 401, "no_token"),
    "no token": ("Bearer not-a-token-at-all", 401, "bad_token"),
    "forged": (
        f"Bearer {token(key=jwk.ECKey.generate_key('P-256'))}",
        401,
        "bad_token",
    ),
    "expired": (f"Bearer {token(exp=int(time.time()) - 600)}", 401, "expired_token"),
    "another audience": (f"Bearer {token(aud='another')}", 401, "wrong_token"),
    "another issuer": (f"Bearer {token(iss='https://another.example.com')}", 401, "wrong_token"),
    "no scope": (f"Bearer {token(scope='model:read')}", 403, "no_scope"),
}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_caller_without_a_fitting_token_is_refused(server, example, kind):
    header, status, reason = TOKENS[kind]
    answer = server.decide(example, Authorization=header)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert header.rpartition(" ")[2] not in answer.text or not header


def test_a_risky_application_is_declined(server, example):
    risky = {**example, "checking_account": "overdrawn", "duration_months": 36, "credit_amount_dm": 6_000}
    assert server.decide({**risky, "savings": "below_100_dm"}).json()["decision"] == "decline"


def test_numbers_that_the_model_has_not_seen_go_to_a_person(server, example):
    decision = server.decide({**example, "credit_amount_dm": 99_000}).json()
    assert decision["decision"] == "refer_to_human"
    assert "out_of_distribution" in decision["reasons"]
    assert decision["guard"]["outside"] == ["credit_amount_dm"]
    assert decision["review"]


def test_the_callers_request_id_is_kept_when_it_is_plain(server, example):
    assert server.decide(example, **{"X-Request-Id": "abc-12345678"}).json()["request_id"] == "abc-12345678"
    other = server.decide(example, **{"X-Request-Id": "a b;c<script>"}).json()["request_id"]
    assert len(other) == 32


BAD_VALUES = {
    "a word that is not allowed": ("housing", SECRET),
    "text for a number": ("duration_months", SECRET),
    "a number as text": ("duration_months", "24"),
    "a fraction": ("duration_months", 24.5),
    "too small": ("duration_months", 0),
    "too large": ("credit_amount_dm", 10**15),
    "larger than any integer": ("credit_amount_dm", 10**400),
    "null": ("purpose", None),
    "a list": ("purpose", [SECRET]),
    "an object": ("job", {SECRET: SECRET}),
    "a truth value": ("liable_people", True),
    "other script": ("telephone", f"电话{SECRET}"),
}


@pytest.mark.parametrize("kind", BAD_VALUES)
def test_a_bad_value_is_answered_with_its_field_and_not_shown(server, example, kind):
    field, value = BAD_VALUES[kind]
    answer = server.decide({**example, field: value})
    assert answer.status_code == 400
    body = answer.json()
    assert [problem["field"] for problem in body["problems"]] == [field]
    assert body["problems"][0]["problem"]
    assert body["reason"] == "invalid"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert SECRET not in answer.text


def test_missing_and_unknown_fields_are_named(server, example):
    del example["housing"]
    answer = server.decide({**example, "sex": "female", f"{SECRET} {SECRET}": 1})
    assert answer.status_code == 400
    problems = {problem["field"]: problem["problem"] for problem in answer.json()["problems"]}
    assert set(problems) == {"housing", "sex", "(unknown field)"}
    assert problems["housing"] == "Field required"
    assert SECRET not in answer.text


BAD_BODIES = {
    "nothing": b"",
    "no JSON": SECRET.encode(),
    "half of it": b'{"housing": "' + SECRET.encode(),
    "not a number": b'{"duration_months": NaN}',
    "infinity": b'{"duration_months": Infinity}',
    "a list": b"[]",
    "no UTF-8": b'{"housing": "\xff\xfe' + SECRET.encode() + b'"}',
    "deep nesting": b"[" * 8000,
    "many unknown fields": json.dumps({f"x{i}": 1 for i in range(1000)}).encode(),
}


@pytest.mark.parametrize("kind", BAD_BODIES)
def test_a_bad_body_is_refused(server, kind):
    headers = {"content-type": "application/json"}
    answer = server.client.post("/v1/decisions", content=BAD_BODIES[kind], headers=headers)
    assert answer.status_code == 400
    assert answer.json()["problems"]
    assert len(answer.json()["problems"]) <= 20
    assert SECRET not in answer.text


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(server, chunked):
    body = b"{" + b" " * (20_000 if chunked else 10_000_000) + b"}"
    content = iter([body[:9000], body[9000:]]) if chunked else body
    headers = {"content-type": "application/json"}
    answer = server.client.post("/v1/decisions", content=content, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["reason"] == "body_too_large"


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "multipart/form-data", "application/vnd.bentoml+pickle"],
)
def test_other_content_types_are_refused(server, content_type):
    answer = server.client.post("/v1/decisions", content=b"x", headers={"content-type": content_type})
    assert answer.status_code == 415


def half_a_request(server: Server) -> socket.socket:
    url = server.client.base_url
    sock = socket.create_connection((url.host, url.port or 0), timeout=20)
    head = "POST /v1/decisions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99"
    head += f"\r\nAuthorization: Bearer {token()}"
    sock.sendall(f'{head}\r\n\r\n{{"housing": "{SECRET}'.encode())
    return sock


def in_progress(server: Server) -> float:
    name = "plinth_requests_in_progress{"
    lines = server.client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def test_a_body_that_stops_halfway_is_given_up(server):
    with half_a_request(server) as sock:
        assert sock.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_goes_halfway_leaves_its_place(server):
    sock = half_a_request(server)
    end = time.monotonic() + 10
    while in_progress(server) == 0 and time.monotonic() < end:
        time.sleep(0.05)
    sock.close()
    while in_progress(server) > 0 and time.monotonic() < end:
        time.sleep(0.05)
    assert in_progress(server) == 0
    assert 'reason="client_gone"' in server.client.get("/metrics").text


def test_unknown_paths_and_methods_are_refused(server):
    assert server.client.get("/v1/nothing").status_code == 404
    assert server.client.get("/v1/decisions").status_code == 405
    assert server.client.post("/v1/model").status_code == 405


def test_the_model_tells_what_it_is_made_of(server, built):
    described = server.client.get("/v1/model").json()
    assert described["model_digest"] == built.package["model_digest"]
    assert described["inputs"]["data_digest"].startswith("sha256:")
    assert described["metrics"] == built.package["metrics"]


@pytest.mark.parametrize("path", ["/", "/docs.json", "/schema.json", "/v1/openapi.json", "/static_content/x"])
def test_no_page_describes_the_service_in_production(server, path):
    assert server.client.get(path).status_code == 404


def test_what_happened_is_counted(server, example):
    # Metrics of other tests are there too, so only what this test adds is looked at.
    def count(name: str) -> float:
        lines = server.client.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    decided = 'plinth_predictions_total{decision="approve"'
    refused = 'plinth_rejected_requests_total{reason="invalid",service="credit-risk"}'
    before = count(decided), count(refused), count("plinth_prediction_probability_count")
    server.decide(example)
    server.decide({})
    after = count(decided), count(refused), count("plinth_prediction_probability_count")
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1]
    assert count("plinth_requests_total") > 0
    assert count("plinth_request_seconds_count") > 0
    assert count('bentoml_service_request_total{endpoint="/v1/') == 0, "labels hold what clients send"


def every_bad_input(example: dict) -> dict[str, tuple[bytes, dict[str, str], int, str]]:
    """Each kind of bad input that a client can send whole: body, headers, status and reason."""
    body = json.dumps(example).encode()
    kinds = {
        k: (json.dumps({**example, f: v}).encode(), {}, 400, "invalid") for k, (f, v) in BAD_VALUES.items()
    }
    kinds |= {kind: (sent, {}, 400, "invalid") for kind, sent in BAD_BODIES.items()}
    kinds |= {
        kind: (body, {"authorization": header}, status, reason)
        for kind, (header, status, reason) in TOKENS.items()
    }
    return kinds | {
        "missing fields": (b"{}", {}, 400, "invalid"),
        "an extra field": (json.dumps({**example, SECRET: SECRET}).encode(), {}, 400, "invalid"),
        "10 MB": (b" " * 10_000_000, {}, 413, "body_too_large"),
        "not said to be JSON": (body, {"content-type": "text/plain"}, 415, "content_type"),
    }


def test_every_bad_input_has_one_reason_a_line_in_the_log_and_a_count(server, example):
    def counted() -> dict[str, float]:
        lines = server.client.get("/metrics").text.splitlines()
        found = (line for line in lines if line.startswith("plinth_rejected_requests_total{"))
        return {line.split('reason="')[1].split('"')[0]: float(line.rsplit(" ", 1)[1]) for line in found}

    before, expected = counted(), {}
    kinds = every_bad_input(example)
    for number, (body, headers, status, reason) in enumerate(kinds.values()):
        sent = {"content-type": "application/json", "x-request-id": f"bad-input-{number:04d}", **headers}
        answer = server.client.post("/v1/decisions", content=body, headers=sent)
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)
        expected[reason] = expected.get(reason, 0) + 1
    after, log = counted(), server.log.read_text()

    assert {reason: after[reason] - before.get(reason, 0) for reason in expected} == expected
    for number, (_, _, status, reason) in enumerate(kinds.values()):
        assert log.count(f"Refused request bad-input-{number:04d}: {status} {reason}") == 1


def test_serving_leaves_the_bento_as_it_was(server, built):
    whole = server.log.parents[1] / ".images" / "whole"
    assert tree_digest(whole) == built.package["bento_digest"]


def test_an_altered_model_is_alive_but_never_ready(servers, example):
    _, altered = servers
    wait_for(altered, "/readyz", 503)
    assert altered.client.get("/livez").status_code == 200
    answer = altered.decide(example)
    assert answer.status_code == 503
    assert answer.json()["reason"] == "unavailable"
    assert "/" not in answer.json()["error"]
    assert answer.headers["retry-after"]
    assert altered.client.get("/v1/model").status_code == 503
    log = altered.log.read_text()
    assert "Model refused, the service will not be ready" in log
    assert "its record says sha256:" in log


def test_nothing_that_was_sent_is_in_the_log(server, example):
    """Runs last: whatever the tests above sent, none of it may have been logged."""
    server.decide({**example, "housing": SECRET, SECRET: SECRET})
    log = server.log.read_text()
    assert "Refused request" in log
    assert "housing: literal_error" in log
    assert "(unknown field): extra_forbidden" in log
    assert SECRET not in log
    assert "input_value" not in log
    assert "Traceback" not in log
