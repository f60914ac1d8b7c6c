"""A quiet day: what is refused before it begins, and what counts against it."""

import asyncio
import json
from collections import Counter

import pytest

from infra.errors import PlinthError
from infra.local import issuer
from infra.ops import overview, quiet, status, traffic
from infra.ops.status import ServiceStatus, Status
from infra.ops.traffic import Destination, Sent
from infra.ops.watching import asking
from services.credit_risk.schema import CreditApplication
from services.digit_reader.schema import Image

SERVICE = ServiceStatus(
    name="credit-risk", ready=1, wanted=1, model_digest="sha256:0", url="http://c.local:1"
)
UP = Status(
    stack="local",
    platform="up",
    services=[SERVICE],
    endpoints={"gateway": "http://127.0.0.1:1", "prometheus": "http://p", "alertmanager": "http://a"},
)
FLOWING = overview.Fact(known=True, says="alerts flow", good=True)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Status(stack="local", platform="down", problems=["it is down"]), "it is down"),
        (
            Status(stack="local", platform="up", services=[SERVICE], endpoints={"gateway": "g"}),
            "Nobody watches here: there is no prometheus and no alertmanager.",
        ),
    ],
)
def test_a_day_that_nobody_watches_does_not_begin(monkeypatch, found, said) -> None:
    monkeypatch.setattr(status, "collect", lambda _: found)

    with pytest.raises(PlinthError, match="^" + said.replace(".", r"\.")):
        quiet.run("local", minutes=1, rate=1)


def test_a_day_does_not_begin_while_an_alert_fires(monkeypatch) -> None:
    firing = overview.Firing(name="InputDrift", severity="ticket", summary="", since="", command="")
    monkeypatch.setattr(status, "collect", lambda _: UP)
    monkeypatch.setattr(overview, "alerts", lambda *_, **__: ([firing], FLOWING))

    with pytest.raises(PlinthError, match="An alert fires already: InputDrift") as caught:
        quiet.run("local", minutes=1, rate=1)
    assert caught.value.fix == "./plinth runbook InputDrift"


@pytest.mark.parametrize(
    ("fired", "answered", "good"), [([], 10, True), (["ServiceSlow"], 10, False), ([], 9, False)]
)
def test_an_alert_between_two_looks_or_a_missing_answer_ends_the_quiet(
    monkeypatch, fired, answered, good
) -> None:
    sent = Sent(statuses={"credit-risk": Counter({"200": answered, "503": 10 - answered})})
    rows = [{"metric": {"alertname": name}} for name in ["Watchdog", *fired]]
    left = []
    monkeypatch.setattr(status, "collect", lambda _: UP)
    monkeypatch.setattr(overview, "alerts", lambda *_, **__: ([], FLOWING))
    monkeypatch.setattr(traffic, "drive", lambda *_, **__: sent)
    monkeypatch.setattr(issuer, "token", lambda **_: "t")
    monkeypatch.setattr(quiet, "leave_evidence", lambda stack, proof: left.append((stack, proof)))
    monkeypatch.setattr(asking, "query", lambda *_, **__: rows)
    told = quiet.run("local", minutes=1, rate=1)

    assert (told["quiet"], sorted(told["alerts"]), told["answered"]) == (good, fired, answered)
    ((stack, proof),) = left
    assert (stack, proof.name, proof.passed) == ("local", "drill-quiet", good)


@pytest.mark.parametrize(("service", "schema"), [("credit-risk", CreditApplication), ("digit-reader", Image)])
def test_ordinary_requests_are_what_the_service_takes_in_a_fixed_order(service, schema) -> None:
    made = traffic.bodies(service)

    assert len(made) >= 1000
    assert made == traffic.bodies(service)
    for body in made[:50]:
        schema.model_validate_json(body)


def test_requests_go_out_at_the_rate_and_what_comes_of_them_is_counted() -> None:
    seen = []

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        seen.append((head, json.loads(await reader.readexactly(length))))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async def run():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        here = Destination(service="a", url=f"http://127.0.0.1:{port}/x", headers={"host": "a.local"})
        gone = Destination(service="b", url="http://127.0.0.1:9/x", headers={})
        async with server:
            return await traffic._drive([here, gone], {"a": [b"1", b"2"], "b": [b"3"]}, 50.0, 0.2)

    sent = asyncio.run(run())

    assert sent.statuses["a"]["200"] == len(seen) == sent.answered >= 2
    assert set(sent.statuses["b"]) == {"ConnectError"}
    assert {body for _, body in seen} == {1, 2}
    assert b"host: a.local" in seen[0][0].lower()
