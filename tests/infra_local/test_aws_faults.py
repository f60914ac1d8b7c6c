"""The bad days of the local AWS API: which requests are hit, how it answers, and that they end."""

import json
import urllib.request
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import PlatformError
from infra.local.aws_api import faults
from infra.local.aws_api.faults import KINDS, Faults, Plan
from infra.ops.chaos.small_stack import ask_faults

pytestmark = pytest.mark.parts


@given(seed=st.integers(), rate=st.floats(0, 0.2), asked=st.integers(1, 30), request=st.text())
def test_the_same_request_meets_the_same_fault_whenever_it_comes(
    seed: int, rate: float, asked: int, request: str
) -> None:
    plan = Plan(seed=seed, rates=dict.fromkeys(KINDS, rate))

    assert plan.hit(request, asked) == plan.hit(request, asked)
    assert Plan(seed=seed).hit(request, asked) is None


def test_as_many_requests_are_hit_as_the_plan_says() -> None:
    plan = Plan(seed=7, rates={"throttle": 0.3, "reset": 0.1})
    hits = Counter(plan.hit(f"request {number}", 1) for number in range(10_000))

    assert set(hits) == {"throttle", "reset", None}
    assert 2_800 < hits["throttle"] < 3_200
    assert 900 < hits["reset"] < 1_100


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rates": {"flood": 0.1}}, "unknown kinds of fault: flood"),
        ({"rates": {"reset": 0.6, "error": 0.6}}, "together not above 1"),
        ({"rates": {"reset": -0.1}}, "none below 0"),
        ({"seconds": 0}, "more than 0"),
        ({"delay_seconds": 31}, "at most 30 s"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Plan(**wrong)


def test_only_the_hosts_of_the_plan_are_hit_and_only_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(faults.time, "monotonic", lambda: now[0])
    wrong = Faults()
    wrong.set(Plan(rates={"error": 1.0}, seconds=10, hosts="eu-central-1"))

    assert wrong.meet("https://sns.eu-west-1.amazonaws.com", "x")[1] is None
    assert wrong.meet("https://sns.eu-central-1.amazonaws.com", "x")[1] == "error"
    now[0] = 111.0
    assert wrong.meet("https://sns.eu-central-1.amazonaws.com", "x")[1] is None
    assert wrong.report()["hits"] == {"error": 1}


@pytest.fixture
def api(shared: Any) -> Any:
    """Return the shared AWS API; whatever was switched on is switched off again."""
    yield shared
    ask_faults(shared.url, "DELETE")


@pytest.mark.parametrize(
    ("service", "ask", "code"),
    [
        ("s3", lambda client: client.list_buckets(), "SlowDown"),
        ("iam", lambda client: client.list_roles(), "ThrottlingException"),
        ("ec2", lambda client: client.describe_vpcs(), "RequestLimitExceeded"),
        ("kms", lambda client: client.list_keys(), "ThrottlingException"),
    ],
)
def test_each_service_throttles_in_its_own_words(api: Any, service: str, ask: Any, code: str) -> None:
    ask_faults(api.url, "PUT", {"rates": {"throttle": 1.0}})
    with pytest.raises(ClientError) as caught:
        ask(api.client(service))
    assert caught.value.response["Error"]["Code"] == code

    ask_faults(api.url, "DELETE")
    ask(api.client(service))


@pytest.mark.parametrize("kind", ["reset", "timeout"])
def test_a_request_whose_connection_breaks_is_not_carried_out(api: Any, kind: str) -> None:
    ask_faults(api.url, "PUT", {"rates": {kind: 1.0}, "timeout_seconds": 0.1})
    with pytest.raises(BotoCoreError):
        api.client("sns").create_topic(Name=f"never-{kind}")

    assert ask_faults(api.url, "GET")["hits"][kind] >= 1
    ask_faults(api.url, "DELETE")
    assert f"never-{kind}" not in json.dumps(api.client("sns").list_topics()["Topics"])


def test_a_lost_answer_leaves_what_was_made(api: Any) -> None:
    ask_faults(api.url, "PUT", {"rates": {"lost": 1.0}})
    with pytest.raises(BotoCoreError):
        api.client("sns").create_topic(Name="made-unseen")
    ask_faults(api.url, "DELETE")

    assert "made-unseen" in json.dumps(api.client("sns").list_topics()["Topics"])


def test_nonsense_is_refused_and_changes_nothing(api: Any) -> None:
    for body in (b"{", b'{"rates": 3}', b'{"nothing": 1}'):
        request = urllib.request.Request(  # noqa: S310 - loopback
            api.url + faults.FAULTS_PATH, data=body, method="PUT"
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
        assert caught.value.code == 400
        caught.value.close()

    assert ask_faults(api.url, "GET")["on"] is False


def test_an_api_that_is_not_there_is_named() -> None:
    with pytest.raises(PlatformError, match="did not take the faults"):
        ask_faults("http://127.0.0.1:9", "GET")
